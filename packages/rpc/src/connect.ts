import type { ClientAuth } from "./client/authenticate.ts";
import { Client, type ClientOptions } from "./client/client.ts";
import { clientLimits } from "./client/limits.ts";
import { Session } from "./client/session.ts";
import type { ReconnectOptions, SessionOptions } from "./client/session-options.ts";
import { keepaliveWith } from "./connection/keepalive.ts";
import type { BrowseOptions } from "./mdns/browse.ts";
import type { FoundService } from "./mdns/service.ts";
import type {
  CommandAddress,
  FdAddress,
  Ssh2Address,
  SshAddress,
  TcpAddress,
  UnixAddress,
} from "./transport/address.ts";
import { type OpenAddress, openTransport } from "./transport/open.ts";
import type { SshPrompts } from "./transport/ssh2-login.ts";
import type { TlsClientOptions } from "./transport/tls-client.ts";
import type { Transport } from "./transport/transport.ts";
import type { UnixNative } from "./transport/unix-native.ts";
import { ConnectionError } from "./util/connection-error.ts";
import { operationChannel } from "./util/diagnostics.ts";

/** A byte stream of the caller's own making, connected. */
export interface TransportAddress {
  readonly transport: Transport;
}

/** A service by the name that it advertises, on the local link or in the DNS of `domain`. */
export interface MdnsAddress extends Omit<BrowseOptions, "signal" | "limit"> {
  readonly mdns: string;
  /** `_libvirt._tcp`, unless given. */
  readonly type?: string;
}

/** Where a server is. */
export type Address =
  | UnixAddress
  | TcpAddress
  | FdAddress
  | CommandAddress
  | SshAddress
  | Ssh2Address
  | MdnsAddress
  | TransportAddress;

export interface ConnectOptions extends ClientOptions {
  /** Covers all steps up to the finished client, not the client's life. */
  readonly signal?: AbortSignal;
  /** Speaks TLS, with the credentials that `pkiFiles` of `virnet/tls` gives. */
  readonly tls?: TlsClientOptions;
  /** Lets a UNIX socket pass descriptors: `@virnet/native/unix` gives it. Elsewhere it does nothing. */
  readonly unix?: UnixNative;
  /** Says who we are, if the server wants to know: `{ user, password }`, or `{ ask }`, which is asked when it does. */
  readonly auth?: ClientAuth;
  /**
   * What is read into, which all connections of one thread may share, so that thousands need no 256 KiB each. Connections
   * of our own over TCP, TLS and UNIX sockets use it.
   */
  readonly buffer?: Uint8Array;
  /** Answers what ssh in process asks: passphrases, passwords, whether a host is the right one. */
  readonly ssh?: SshPrompts;
}

export interface SessionConnectOptions
  extends ConnectOptions,
    Omit<SessionOptions, "connect" | keyof ReconnectOptions> {
  /** Ends the session with its reason. */
  readonly signal?: AbortSignal;
  readonly reconnect?: ReconnectOptions;
}

/** `tracing:virnet:client:connect:*`, with `{ address }` as the context. */
const connectChannel = operationChannel("virnet:client:connect");

/**
 * A client connected to `address`. Rejects with `ConnectionError` when it can't be reached, with `RpcError` of code 45 when
 * an authentication fails, with the signal's reason, and with `RangeError` for an address that can't be one.
 */
export function connect(address: Address, options: ConnectOptions = {}): Promise<Client> {
  if (!connectChannel.hasSubscribers) return open(address, options);
  return connectChannel.tracePromise(() => open(address, options), { address });
}

/**
 * A session with the server at `address`: it connects now, and again whenever the connection goes. Wait for it with
 * `opened`, or just call. Throws `RangeError` for options that can't be.
 */
export function session(address: Address, { reconnect, signal, ...options }: SessionConnectOptions = {}): Session {
  const { authenticate, open: opening, opened, leave, ...rest } = options;
  return new Session({
    ...reconnect,
    ...(signal && { signal }),
    ...(authenticate && { authenticate }),
    ...(opening && { open: opening }),
    ...(opened && { opened }),
    ...(leave && { leave }),
    connect: (attempt) => connect(address, { ...rest, signal: attempt }),
  });
}

async function open(address: Address, given: ConnectOptions): Promise<Client> {
  const options = { keepalive: {}, ...given };
  options.signal?.throwIfAborted();
  // Refused here, for after the dialling there would be a connection that nobody closes.
  clientLimits(options.limits);
  keepaliveWith(options.keepalive);
  const transport = await transportTo(address, options);
  return options.auth === undefined
    ? new Client(transport, options)
    : logIn(transport, options, options.auth, hostOf(address));
}

async function transportTo(address: Address, options: ConnectOptions): Promise<Transport> {
  if ("transport" in address) return takenFrom(address, options);
  return "mdns" in address ? openFound(address, options) : reach(address, options);
}

/**
 * Nothing but the login is sent before it is over: what comes behind its last message may have to be wrapped. What it needs
 * is loaded by those who use it.
 */
async function logIn(
  transport: Transport,
  options: ConnectOptions & Pick<Required<ConnectOptions>, "keepalive">,
  auth: ClientAuth,
  host: string,
): Promise<Client> {
  const client = new Client(transport, { ...options, keepalive: false });
  try {
    const { authenticate } = await import("./client/authenticate.ts");
    await authenticate(client, auth, host, options.signal ?? new AbortController().signal);
  } catch (error) {
    await client.close();
    throw error;
  }
  client.announceKeepalive(options.keepalive);
  return client;
}

/** The name that the server goes by in Kerberos principals and the like. */
function hostOf(address: Address): string {
  return "host" in address && address.host !== undefined && address.host !== "" ? address.host : "localhost";
}

function takenFrom({ transport }: TransportAddress, { tls }: ConnectOptions): Transport {
  if (tls === undefined) return transport;
  throw new TypeError("TLS is made by who connects, and this transport is connected already");
}

/** What TLS needs is loaded by those who use it. */
async function reach(address: OpenAddress, { tls, signal, unix, ssh, buffer }: ConnectOptions): Promise<Transport> {
  if (tls === undefined) return openTransport(address, signal, { unix, ssh, buffer });
  const { openTls } = await import("./transport/tls-client.ts");
  return openTls(address, tls, signal, buffer);
}

/**
 * All addresses of the service, one after another. Without a signal, ten seconds are for finding it. What mDNS needs is
 * loaded by those who use it.
 */
async function openFound(
  { mdns, type = "_libvirt._tcp", ...where }: MdnsAddress,
  { signal, tls }: ConnectOptions,
): Promise<Transport> {
  const { findService } = await import("./mdns/find.ts");
  const service = await findService(mdns, type, { ...where, ...(signal && { signal }) });
  const failures: ConnectionError[] = [];
  for (const host of service.addresses) {
    try {
      // A certificate is for the host's name, not for the address that the announcement had.
      return await reach(
        { host, port: service.port },
        { ...(signal && { signal }), ...(tls && { tls: { host: service.host, ...tls } }) },
      );
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      failures.push(error);
    }
  }
  throw unreachable(service, failures);
}

function unreachable({ name, host }: FoundService, failures: readonly ConnectionError[]): ConnectionError {
  const told = failures.map(({ message }) => message).join("; ");
  return new ConnectionError(`"${name}" on ${host}: ${told}`, "error", { cause: new AggregateError(failures) });
}
