import net from "node:net";
import { ConnectionError } from "../util/connection-error.ts";
import { nothing } from "../util/nothing.ts";
import { onAbort } from "../util/signals.ts";
import {
  type CommandAddress,
  checkedPort,
  describeAddress,
  type FdAddress,
  type Ssh2Address,
  type SshAddress,
  systemPath,
  type TcpAddress,
  type UnixAddress,
} from "./address.ts";
import { Intake, readBuffer } from "./intake.ts";
import { endpointsOf, NodeSocket, socketError } from "./node-socket.ts";
import { resolveHost } from "./resolve-host.ts";
import type { SshPrompts } from "./ssh2-login.ts";
import type { Transport } from "./transport.ts";
import type { UnixNative } from "./unix-native.ts";

/** What `openTransport` can reach. */
export type OpenAddress = UnixAddress | TcpAddress | FdAddress | CommandAddress | SshAddress | Ssh2Address;

/** What only some ways need. */
export interface OpenMeans {
  readonly unix?: UnixNative | undefined;
  readonly ssh?: SshPrompts | undefined;
  /** What is read into, for a connection of our own; it may be shared. */
  readonly buffer?: Uint8Array | undefined;
}

/**
 * A connected transport. Rejects with {@link ConnectionError} when nobody answers, with the reason of `signal` when that
 * comes first, and throws `RangeError` for an address that can't be one.
 */
export async function openTransport(
  address: OpenAddress,
  signal?: AbortSignal,
  { unix, ssh = {}, buffer }: OpenMeans = {},
): Promise<Transport> {
  signal?.throwIfAborted();
  if ("fd" in address) return openDescriptor(address);
  if ("command" in address) return (await import("./command.ts")).openCommand(address, signal);
  if ("ssh" in address) return (await import("./ssh.ts")).openSsh(address, signal);
  if ("ssh2" in address) return (await import("./ssh2.ts")).openSsh2(address, ssh, signal);
  if (unix === undefined || !("path" in address)) return dialAddress(address, signal, dialPlain, buffer);
  return dialAddress(address, signal, (await import("./unix-socket.ts")).dialUnix(unix));
}

function dialPlain(target: net.TcpNetConnectOpts | net.IpcNetConnectOpts, { onread }: Intake): PlainDial {
  return {
    socket: net.connect({ ...target, allowHalfOpen: true, onread }),
    adopt: ({ socket, intake, name }) => new NodeSocket(socket, intake, endpointsOf(socket, name)),
  };
}

type PlainDial = ReturnType<Dial<net.Socket, Transport>>;

function openDescriptor({ fd }: FdAddress): Transport {
  const intake = new Intake(readBuffer());
  try {
    // Documented for both, typed for `connect` only.
    const options = { fd, readable: true, writable: true, allowHalfOpen: true, onread: intake.onread };
    const socket = new net.Socket(options);
    return new NodeSocket(socket, intake, endpointsOf(socket));
  } catch (error) {
    throw socketError(error, describeAddress({ fd }));
  }
}

/** A socket that is connected. */
export interface Dialled<S extends net.Socket> {
  readonly socket: S;
  readonly intake: Intake;
  /** What a person calls the peer. */
  readonly name: string;
}

/** Begins to connect, reading into `intake`; `adopt` takes the socket over in the very turn that it is connected. */
export type Dial<S extends net.Socket, T> = (
  target: net.TcpNetConnectOpts | net.IpcNetConnectOpts,
  intake: Intake,
) => { readonly socket: S; readonly adopt: (dialled: Dialled<S>) => T };

/** Connects to `address` in the way of `begin`, to read into `buffer`; rejects and throws as {@link openTransport} does. */
export async function dialAddress<S extends net.Socket, T>(
  address: UnixAddress | TcpAddress,
  signal: AbortSignal | undefined,
  begin: Dial<S, T>,
  buffer?: Uint8Array,
): Promise<T> {
  signal?.throwIfAborted();
  const into = buffer ?? readBuffer();
  if ("path" in address) return dial({ path: systemPath(address.path) }, address.path, signal, begin, into);
  return dialTcp(address, signal, begin, into);
}

/** All addresses of the host, in the system's order, one after another (F080); each failure is told. */
async function dialTcp<S extends net.Socket, T>(
  address: TcpAddress,
  signal: AbortSignal | undefined,
  begin: Dial<S, T>,
  buffer: Uint8Array,
): Promise<T> {
  const port = checkedPort(address.port);
  const host = address.host ?? "localhost";
  const failures: Error[] = [];
  for (const ip of await resolveHost(host, signal)) {
    try {
      return await dial({ host: ip, port }, describeAddress({ host: ip, port }), signal, begin, buffer);
    } catch (error) {
      signal?.throwIfAborted();
      failures.push(socketError(error, ip));
    }
  }
  if (failures.length === 1 && failures[0] !== undefined) throw failures[0];
  const told = failures.map(({ message }) => message).join("; ");
  throw new ConnectionError(`no address of ${describeAddress({ host, port })} answers: ${told}`, "error", {
    cause: new AggregateError(failures),
  });
}

function dial<S extends net.Socket, T>(
  target: net.TcpNetConnectOpts | net.IpcNetConnectOpts,
  name: string,
  signal: AbortSignal | undefined,
  begin: Dial<S, T>,
  buffer: Uint8Array,
): Promise<T> {
  return new Promise((fulfil, reject) => {
    signal?.throwIfAborted();
    const intake = new Intake(buffer);
    const { socket, adopt } = begin(target, intake);
    const settle = (): void => {
      off();
      socket.off("connect", connected);
      socket.off("error", failed);
    };
    const connected = (): void => {
      settle();
      fulfil(adopt({ socket, intake, name }));
    };
    const failed = (error: Error): void => {
      settle();
      reject(socketError(error, name));
    };
    socket.once("connect", connected);
    socket.once("error", failed);
    const off = onAbort(signal, (reason) => {
      settle();
      socket.on("error", nothing);
      socket.destroy();
      reject(reason);
    });
  });
}
