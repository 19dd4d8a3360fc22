/* oxlint-disable typescript/unbound-method -- a socket calls its listeners on itself */
import net from "node:net";
import type { Security } from "../tls/security.ts";
import { ConnectionError } from "../util/connection-error.ts";
import { nothing } from "../util/nothing.ts";
import { describeEndpoint, type Endpoint } from "./address.ts";
import { Intake } from "./intake.ts";
import { SeparateWrites } from "./separate-writes.ts";
import type { ChannelBinding, Transport, TransportEvents } from "./transport.ts";

interface SocketWithHandle {
  _handle?: unknown;
}

interface ListeningHandle {
  onconnection?: (this: unknown, status: number, handle?: ConnectionHandle) => void;
}

/** What Node has beneath a socket. */
export interface ConnectionHandle {
  readonly fd?: number;
  close(): void;
}

/** Absent where a runtime has none. */
export function handleOf(socket: net.Socket): ConnectionHandle | undefined {
  const { _handle: handle } = socket as { _handle?: ConnectionHandle | null };
  return handle ?? undefined;
}

/**
 * Gives `adopt` each connection that `server`, which listens, accepts, before Node has made a socket of it: so there is
 * one socket less to make. Where a runtime has no such hook, `connection` events go on coming.
 */
export function takeHandles(server: net.Server, adopt: (handle: ConnectionHandle) => void): void {
  // Node does not say in its types that it has one.
  const listening = (server as SocketWithHandle)._handle as ListeningHandle | null | undefined;
  const makeSocket = listening?.onconnection;
  if (listening === undefined || listening === null || makeSocket === undefined) return;
  listening.onconnection = (status, handle) => {
    if (status === 0 && handle !== undefined) adopt(handle);
    else makeSocket.call(listening, status, handle);
  };
}

/** A transport for a connection that {@link takeHandles} gave. */
export function adoptHandle(handle: object, buffer: Uint8Array): NodeSocket {
  const intake = new Intake(buffer);
  const options = { handle, allowHalfOpen: true, onread: intake.onread };
  const socket = new net.Socket(options);
  return new NodeSocket(socket, intake, isTcpHandle(handle) ? endpointsOf(socket) : acceptedUnix);
}

/**
 * A transport for a socket that a server accepted and paused. Node can read into a given buffer only with sockets it
 * is told so at birth, and a server's are born without; so the connection moves to a second socket. Where a runtime
 * has no handle to move, the first one serves, a little slower.
 */
export function acceptSocket(
  accepted: net.Socket,
  buffer: Uint8Array,
  endpoints: Endpoints = endpointsOf(accepted),
): NodeSocket {
  const owner = accepted as SocketWithHandle;
  const handle = owner._handle;
  if (handle === undefined || handle === null) return new NodeSocket(accepted, undefined, endpoints);
  owner._handle = null;
  const intake = new Intake(buffer);
  // What was read to find out whose connection it is.
  const early: unknown = accepted.read();
  if (early instanceof Uint8Array) intake.keep(early);
  accepted.destroy();
  const options = { handle, allowHalfOpen: true, onread: intake.onread };
  return new NodeSocket(new net.Socket(options), intake, endpoints);
}

type TcpEndpoint = Extract<Endpoint, { readonly port: number }>;

export interface Endpoints {
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

/** Both ends of a connected socket. A TCP peer that has reset the connection already has no address any more. */
export function endpointsOf(socket: net.Socket, path = ""): Endpoints {
  const local = endpoint(socket.localFamily, socket.localAddress, socket.localPort);
  const remote = endpoint(socket.remoteFamily, socket.remoteAddress, socket.remotePort);
  const nameless: Endpoint = isTcp(socket)
    ? { family: local?.family ?? "ipv4", host: "", port: 0 }
    : { family: "unix", path };
  return { local: local ?? nameless, remote: remote ?? nameless };
}

/** Both ends of a UNIX socket that was accepted. */
const acceptedUnix: Endpoints = { local: { family: "unix", path: "" }, remote: { family: "unix", path: "" } };

/** TLS has another handle beneath. */
function isTcp(socket: net.Socket): boolean {
  const { _handle: handle } = socket as { _handle?: { readonly ["_parent"]?: object } | null };
  const { _parent: beneath = handle } = handle ?? {};
  return typeof beneath === "object" && beneath !== null && isTcpHandle(beneath);
}

/** Only those of TCP can be asked for their peer. */
function isTcpHandle(handle: object): boolean {
  return "getpeername" in handle;
}

function endpoint(family?: string, host?: string, port?: number): TcpEndpoint | undefined {
  if (host === undefined || port === undefined) return undefined;
  return { family: family === "IPv6" ? "ipv6" : "ipv4", host, port };
}

/** What TLS gives to a socket. */
export interface Protection {
  readonly security: Security | null;
  readonly channelBinding: ChannelBinding;
  /** Each write goes into records of its own. */
  readonly takesOneMessage?: boolean;
}

const none: Protection = { security: null, channelBinding: () => null };

/** The transport of a socket, for the listeners that all sockets share. */
const transportOf = Symbol("transport");

interface CarryingSocket extends net.Socket {
  [transportOf]: NodeSocket;
}

/** A TCP or UNIX socket of Node. Errors of the system become a {@link ConnectionError} here, and nowhere else. */
export class NodeSocket implements Transport {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly security: Security | null;
  readonly channelBinding: ChannelBinding;
  readonly #socket: CarryingSocket;
  readonly #intake: Intake | undefined;
  readonly #separate: SeparateWrites | undefined;
  #events: TransportEvents | undefined;
  #failure: ConnectionError | undefined;
  #ended = false;
  #earlier = 0;

  // What the socket calls: functions that all sockets share, where closures would weigh on each that is silent.

  static #onError(this: CarryingSocket, error: Error): void {
    this[transportOf].#fail(error);
  }

  static #onEnd(this: CarryingSocket): void {
    this[transportOf].#peerEnded();
  }

  static #onClose(this: CarryingSocket): void {
    this[transportOf].#gone();
  }

  /** Without an `intake` the socket's `data` events serve. */
  constructor(socket: net.Socket, intake: Intake | undefined, endpoints: Endpoints, protection: Protection = none) {
    this.security = protection.security;
    this.channelBinding = protection.channelBinding;
    this.local = endpoints.local;
    this.remote = endpoints.remote;
    this.#socket = socket as CarryingSocket;
    this.#socket[transportOf] = this;
    this.#intake = intake;
    this.#separate = protection.takesOneMessage === true ? new SeparateWrites(socket) : undefined;
    if (this.local.family !== "unix") socket.setNoDelay(true);
    socket.on("error", NodeSocket.#onError);
  }

  get takesOneMessage(): boolean {
    return this.#separate !== undefined;
  }

  /** Node counts what waits in its own queue, too, but drops that when the socket goes. */
  get given(): number {
    return this.#socket.bytesWritten - this.#earlier;
  }

  start(events: TransportEvents): void {
    const socket = this.#socket;
    this.#events = events;
    this.#earlier = socket.bytesWritten;
    socket.on("end", NodeSocket.#onEnd);
    socket.on("close", NodeSocket.#onClose);
    if (this.#intake === undefined) {
      socket.on("data", (chunk: Buffer) =>
        events.receive(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length)),
      );
      return;
    }
    this.#intake.open(events);
    socket.resume();
  }

  write(bytes: Uint8Array, done: () => void): void {
    // Node takes a write after the end for an error, and would drop what is still on its way.
    if (!this.#socket.writable) queueMicrotask(done);
    else if (this.#separate === undefined) this.#socket.write(bytes, done);
    else this.#separate.write(bytes, done);
  }

  /** One system call for both; encrypted it is two, as Node would copy both into one piece first. */
  writePair(head: Uint8Array, body: Uint8Array, done: () => void): void {
    const socket = this.#socket;
    if (!socket.writable) {
      queueMicrotask(done);
      return;
    }
    if (this.security !== null) {
      this.write(head, nothing);
      this.write(body, done);
      return;
    }
    socket.cork();
    socket.write(head);
    socket.write(body, done);
    socket.uncork();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    // The peer may never close its half, so ours is not left waiting for it.
    const end = (): void => void this.#socket.end(() => this.#socket.destroy());
    if (this.#separate === undefined) end();
    else this.#separate.whenIdle(end);
  }

  destroy(error: ConnectionError): void {
    this.#failure ??= error;
    this.#socket.destroy();
  }

  #peerEnded(): void {
    this.#ended = true;
    this.#events?.ended();
  }

  #gone(): void {
    this.#events?.closed(this.#failure ?? this.#goodbye());
  }

  #fail(error: Error): void {
    this.#failure ??= socketError(error, describeEndpoint(this.remote));
  }

  #goodbye(): ConnectionError {
    return this.#ended
      ? new ConnectionError("the peer closed the connection", "eof")
      : new ConnectionError("the connection was closed", "closed");
  }
}

/** The system's error in our words, with `peer`, the code and the cause. A {@link ConnectionError} stays what it is. */
export function socketError(error: unknown, peer: string): ConnectionError {
  if (error instanceof ConnectionError) return error;
  const code = systemCode(error);
  const known = explanations[code];
  const text = known === undefined ? String(error) : `${known} (${code})`;
  return new ConnectionError(`${peer}: ${text}`, code === "ECONNRESET" || code === "EPIPE" ? "eof" : "error", {
    cause: error,
  });
}

/** The system's name of an error, such as `ECONNREFUSED`; empty for any other. */
export function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

const explanations: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there",
  ENOENT: "no such socket",
  EACCES: "permission denied",
  ECONNRESET: "the peer broke the connection off",
  EPIPE: "the peer has closed the connection",
  ETIMEDOUT: "no answer",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the network",
  ENOTFOUND: "no such host name",
  EAI_AGAIN: "the name server does not answer",
  ENOTSOCK: "not a socket",
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "not an address of this machine",
};
