import { hostname } from "node:os";
import { remoteAuth } from "@virnet/libvirt";
import { Lxc } from "@virnet/libvirt/lxc";
import { Qemu } from "@virnet/libvirt/qemu";
import { Remote } from "@virnet/libvirt/remote";
import type { KeepaliveOptions } from "virnet";
import type { SaslServerOptions } from "virnet/sasl";
import { type PolkitOptions, polkitServer, Server, type ServiceOptions, type UnixNative } from "virnet/server";
import { type ActivatedSocket, onlyNamed } from "virnet/systemd";
import { Daemon } from "./daemon.ts";
import { allHandlers } from "./handlers/all.ts";
import { bindHandlers } from "./handlers/bind.ts";
import { qemuHandlers } from "./handlers/qemu.ts";
import { unsupportedHandlers } from "./handlers/unsupported.ts";

/** Where to be reached. */
export interface TestdOptions {
  /** UNIX sockets to make. */
  readonly sockets?: readonly string[];
  /** TCP ports to listen on; port 0 takes a free one. There is no authentication: keep to addresses of this machine. */
  readonly listen?: readonly TcpEndpoint[];
  /** Sockets that the service manager has opened, by name: `unix` and `tcp`. */
  readonly activated?: readonly ActivatedSocket[];
  /** Permissions of the UNIX sockets; 0600 unless given. */
  readonly socketMode?: number;
  /** Advertises the first TCP port, or else that of TLS, by mDNS under this name; an empty one is what libvirt called itself. */
  readonly mdns?: string;
  /** Its TCP ports, that of TLS included, take connections only from these balancers, with a header of the PROXY protocol. */
  readonly balancers?: readonly string[];
  /** Told of each connection without a good header, and why. */
  readonly onUnproxied?: (refusal: Error) => void;
  /** Identifies clients of the UNIX sockets, and lets them pass descriptors: `@virnet/native/unix` gives it. */
  readonly unix?: UnixNative;
  /** A port for clients with a certificate of the CA in the directory, which has libvirt's file names. */
  readonly tls?: TlsEndpoint;
  /** Demands a login of everybody, on all addresses; nothing of the sort unless given. */
  readonly sasl?: SaslServerOptions;
  /** Asks polkit about clients of the UNIX sockets, which takes `unix`. */
  readonly polkit?: PolkitOptions;
  /** When clients that ask for keepalive are given up, libvirtd's keepalive_interval and keepalive_count; `false` is never. */
  readonly keepalive?: KeepaliveOptions | false;
}

export interface TlsEndpoint extends TcpEndpoint {
  readonly pki: string;
  /** Patterns with `*` and `?` for the distinguished names of clients; all are let in when absent, nobody when empty. */
  readonly allowedDn?: readonly string[];
  /** Told of each client that was turned away, and why. */
  readonly onRefused?: (refusal: Error) => void;
}

export interface TcpEndpoint {
  readonly host: string;
  readonly port: number;
}

/** A place where the daemon can be reached. */
export type TestdAddress = { readonly path: string } | TcpEndpoint;

/** A running stand-in for libvirtd. */
export interface Testd extends AsyncDisposable {
  readonly addresses: readonly TestdAddress[];
  /** For libvirt's clients, one per address. */
  readonly uris: readonly string[];
  /** Reads the files of TLS again; rejects, and keeps the old ones, when they don't do. */
  reloadTls(): Promise<void>;
  /** Disconnects everybody, and removes the sockets. */
  close(): Promise<void>;
}

const SOCKET_MODE = 0o600;

/** Starts a daemon; rejects when it can't listen on one of the addresses. */
export async function startTestd(options: TestdOptions): Promise<Testd> {
  const { keepalive = {} } = options;
  // As in libvirt, for clients that ask for it, and for no others.
  const asked = keepalive === false ? keepalive : ({ ...keepalive, start: "request" } as const);
  const server = new Server({ name: "testd", keepalive: asked, authBinding: remoteAuth });
  const daemon = new Daemon();
  server.add(Remote, bindHandlers(daemon, allHandlers));
  server.add(Qemu, qemuHandlers(daemon)).add(Lxc, unsupportedHandlers(daemon, Lxc));
  const close = async (): Promise<void> => {
    await server.close();
    await daemon.close();
  };
  try {
    const login = await loginOf(options);
    const addresses = await listenOn(server, options, login);
    const secure = options.tls === undefined ? [] : [await listenTls(server, options.tls, options, login)];
    return {
      addresses: [...addresses, ...secure],
      uris: [...addresses.map(uriOf), ...secure.map((address) => tcpUri("tls", address))],
      reloadTls: () => server.reloadTls(),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function listenOn(server: Server, options: TestdOptions, login: ServiceOptions): Promise<TestdAddress[]> {
  const { sockets = [], listen = [], activated = [], socketMode = SOCKET_MODE, tls } = options;
  if (sockets.length + listen.length + activated.length === 0 && tls === undefined)
    throw new TypeError("no socket and no port to listen on");
  const local = options.polkit === undefined ? login : { auth: polkitServer(options.polkit) };
  const addresses: TestdAddress[] = [];
  for (const { name, fd } of onlyNamed(activated, ACTIVATED_NAMES)) {
    const more = name === "unix" ? { ...identified(options), ...local } : { ...behind(options), ...login };
    const { endpoints } = await server.listen({ fd }, more);
    for (const endpoint of endpoints) {
      if (endpoint.family === "unix") addresses.push({ path: endpoint.path });
      else if ("port" in endpoint) addresses.push({ host: endpoint.host, port: endpoint.port });
    }
  }
  for (const path of sockets) {
    await server.listen(
      { path, mode: socketMode },
      { ...advertisedBy("unix", options), ...identified(options), ...local },
    );
    addresses.push({ path });
  }
  for (const [i, endpoint] of listen.entries()) {
    const { endpoints: bound } = await server.listen(endpoint, {
      ...(i === 0 ? advertisedBy("tcp", options) : {}),
      ...behind(options),
      ...login,
    });
    for (const address of bound) if ("port" in address) addresses.push({ host: endpoint.host, port: address.port });
  }
  return addresses;
}

async function listenTls(
  server: Server,
  endpoint: TlsEndpoint,
  options: TestdOptions,
  login: ServiceOptions,
): Promise<TcpEndpoint> {
  const { host, port, pki, allowedDn, onRefused } = endpoint;
  const { pkiFiles } = await import("virnet/tls");
  const tls = { ...(await pkiFiles(pki, "server")), allowedDn, onRefused };
  const more = { ...advertisedBy("tls", options), ...behind(options), ...login };
  const { port: bound = port } = await server.listen({ host, port }, { tls, ...more });
  return { host, port: bound };
}

/**
 * What a login needs is loaded by those who demand one. All addresses have the same: what is made up for users who do not
 * exist must not differ from one to the next.
 */
async function loginOf({ sasl }: TestdOptions): Promise<ServiceOptions> {
  if (sasl === undefined) return {};
  const { saslServer } = await import("virnet/sasl");
  return { auth: saslServer(sasl) };
}

const ACTIVATED_NAMES = ["unix", "tcp"] as const;

function identified({ unix }: TestdOptions): ServiceOptions {
  return unix === undefined ? {} : { unix };
}

function behind({ balancers, onUnproxied }: TestdOptions): ServiceOptions {
  return balancers === undefined ? {} : { proxyProtocol: { trusted: balancers, onRefused: onUnproxied } };
}

/**
 * One entry for the daemon, as libvirt had it: plain TCP before TLS (libvirt-rpc §2.11). With neither, the UNIX sockets
 * are asked, which says in the log that they can't be.
 */
function advertisedBy(transport: "unix" | "tcp" | "tls", { mdns, listen = [], tls }: TestdOptions): ServiceOptions {
  const port = tls === undefined ? "unix" : "tls";
  const chosen = listen.length > 0 ? "tcp" : port;
  if (mdns === undefined || transport !== chosen) return {};
  const name = mdns === "" ? `Virtualization Host ${hostname().split(".")[0]}` : mdns;
  return { advertise: { type: "_libvirt._tcp", name } };
}

function uriOf(address: TestdAddress): string {
  if ("path" in address) return `test+unix:///default?socket=${encodeURI(address.path)}`;
  return tcpUri("tcp", address);
}

function tcpUri(transport: "tcp" | "tls", { host, port }: TcpEndpoint): string {
  return `test+${transport}://${host.includes(":") ? `[${host}]` : host}:${port}/default`;
}
