import type { Advertisement, AdvertiseOptions } from "../mdns/advertise.ts";
import { describeEndpoint, type Endpoint } from "../transport/address.ts";
import { type Admit, admitPlain, type ListenAddress, type ListenOptions, listen } from "../transport/listen.ts";
import type { ProxyAcceptor, ProxyProtocolOptions } from "../transport/proxy-acceptor.ts";
import type { TlsAcceptor, TlsServerOptions } from "../transport/tls-server.ts";
import type { Transport } from "../transport/transport.ts";
import type { UnixNative } from "../transport/unix-native.ts";
import type { ConnectionError } from "../util/connection-error.ts";
import type { ServerAuth } from "./auth-demand.ts";

export interface ServiceOptions {
  /** Who its clients have to be: what `saslServer` of `virnet/sasl` or `polkitServer` gives. Everybody unless given. */
  readonly auth?: ServerAuth;
  /** Connections that may wait to be accepted; 1000 unless given (libvirtd's max_queued_clients). */
  readonly backlog?: number;
  /** Advertises the service by mDNS, with its real port, until it is closed. A UNIX socket can't be. */
  readonly advertise?: AdvertiseOptions;
  /** Speaks TLS, with the credentials that `pkiFiles` of `virnet/tls` gives. */
  readonly tls?: TlsServerOptions;
  /** Wants a balancer's header before all else, TLS included: `true`, or who is believed and for how long it is waited. */
  readonly proxyProtocol?: ProxyProtocolOptions | true;
  /**
   * Lets clients of a UNIX socket be identified, and pass descriptors: `@virnet/native/unix` gives it. Each message is
   * then read by itself, which costs processor time. Over TCP, TLS and the PROXY protocol it does nothing.
   */
  readonly unix?: UnixNative;
}

export interface ServiceParts extends ServiceOptions {
  /** Takes each client's transport. */
  readonly accept: (transport: Transport) => void;
  /** An error of a listening socket after it was opened; it goes on listening. */
  readonly error: (error: ConnectionError) => void;
  /** Takes lines for people, where `advertise` has no log of its own. */
  readonly log: (line: string) => void;
}

/** The listening sockets of one address, which share what they demand of clients. */
export interface Service {
  /** Where it listens: two endpoints for TCP on all addresses, one per family. */
  readonly endpoints: readonly Endpoint[];
  /** The TCP port, the same in both families (libvirt-rpc §2.8); absent for a UNIX socket. */
  readonly port?: number;
  /** How it is advertised; absent when it isn't. */
  readonly advertisement?: Advertisement;
  /**
   * Reads and checks the files of `tls` again; what it resolves to puts them to use for connections from then on. Absent
   * where there is no TLS.
   */
  readonly prepareReload?: () => Promise<() => void>;
  /** Accepts no further client; those that are there stay. */
  close(): Promise<void>;
  /** The endpoints as people write them. */
  toString(): string;
}

/**
 * Opens the sockets of `address`. Rejects with `ConnectionError` when it can't, and with `RangeError` for what can't be
 * advertised.
 */
export async function openService(address: ListenAddress, parts: ServiceParts): Promise<Service> {
  const acceptor = parts.tls === undefined ? undefined : await openAcceptor(parts.tls, parts.accept);
  const inner = acceptor === undefined ? await entranceOf(parts) : { admit: acceptor.accept.bind(acceptor) };
  const proxied = await openProxied(parts.proxyProtocol, inner.admit);
  const entrance = proxied === undefined ? inner : { admit: proxied.accept.bind(proxied) };
  const listeners = await listen(address, { ...parts, ...entrance });
  const endpoints = listeners.map(({ endpoint }) => endpoint);
  const closeListeners = (): Promise<void[]> => Promise.all(listeners.map((listener) => listener.close()));
  const advertisement = await unless(closeListeners, () => advertisementOf(endpoints, parts));
  return {
    endpoints,
    ...portOf(endpoints),
    ...(advertisement && { advertisement }),
    ...(acceptor && { prepareReload: () => acceptor.prepareReload() }),
    async close() {
      proxied?.close();
      acceptor?.close();
      await Promise.all([advertisement?.close(), closeListeners()]);
    },
    toString: () => endpoints.map(describeEndpoint).join(", "),
  };
}

/** What descriptors need is loaded by those who pass them. */
async function entranceOf({ unix, accept }: ServiceParts): Promise<Pick<ListenOptions, "admit" | "adopt">> {
  return unix === undefined
    ? admitPlain(accept)
    : (await import("../transport/unix-socket.ts")).admitUnix(unix, accept);
}

/** What TLS needs is loaded by those who use it. */
async function openAcceptor(tls: TlsServerOptions, accept: (transport: Transport) => void): Promise<TlsAcceptor> {
  const { TlsAcceptor: Acceptor } = await import("../transport/tls-server.ts");
  return new Acceptor(tls, accept);
}

/** What the PROXY protocol needs is loaded by those who use it. */
async function openProxied(
  options: ProxyProtocolOptions | true | undefined,
  admit: Admit,
): Promise<ProxyAcceptor | undefined> {
  if (options === undefined) return undefined;
  const { ProxyAcceptor: Acceptor } = await import("../transport/proxy-acceptor.ts");
  return new Acceptor(options === true ? {} : options, admit);
}

/** What `next` gives; should it throw, `undo` is done first. */
async function unless<T>(undo: () => Promise<unknown>, next: () => Promise<T>): Promise<T> {
  try {
    return await next();
  } catch (error) {
    await undo();
    throw error;
  }
}

function portOf(endpoints: readonly Endpoint[]): { port: number } | undefined {
  const first = endpoints[0];
  return first !== undefined && "port" in first ? { port: first.port } : undefined;
}

/** What mDNS needs is loaded by those who use it. */
async function advertisementOf(
  endpoints: readonly Endpoint[],
  parts: ServiceParts,
): Promise<Advertisement | undefined> {
  if (parts.advertise === undefined) return undefined;
  const { log = parts.log } = parts.advertise;
  const reachable = endpoints.flatMap((endpoint) => ("port" in endpoint ? [endpoint] : []));
  const [first] = reachable;
  if (first === undefined) {
    log(`mDNS: ${endpoints.map(describeEndpoint).join(", ")} is not advertised: only TCP ports can be`);
    return undefined;
  }
  const { advertise } = await import("../mdns/advertise.ts");
  return advertise({ ...parts.advertise, log, port: first.port, addresses: reachable.map(({ host }) => host) });
}
