import { chmod, chown, lstat, readFile, unlink } from "node:fs/promises";
import net from "node:net";
import { isMainThread } from "node:worker_threads";
import { ConnectionError } from "../util/connection-error.ts";
import {
  checkedPort,
  describeAddress,
  type Endpoint,
  type FdAddress,
  systemPath,
  type TcpAddress,
  type UnixAddress,
} from "./address.ts";
import { DescriptorReserve } from "./descriptor-reserve.ts";
import { inheritedPath } from "./inherited-path.ts";
import { readBuffer } from "./intake.ts";
import {
  acceptSocket,
  adoptHandle,
  type Endpoints,
  handleOf,
  socketError,
  systemCode,
  takeHandles,
} from "./node-socket.ts";
import { openTransport } from "./open.ts";
import { resolveHost } from "./resolve-host.ts";
import type { Transport } from "./transport.ts";

/** A UNIX socket to listen on, and who may connect to it. */
export interface UnixListenAddress extends UnixAddress {
  /** Permissions of the socket file; 0o600 unless given. Meaningless for abstract sockets, which anybody may use. */
  readonly mode?: number;
  /** The group that owns the file: its number, or its name in /etc/group. */
  readonly group?: number | string;
}

/** What a server can listen on. */
export type ListenAddress = UnixListenAddress | TcpAddress | FdAddress;

export interface ListenOptions {
  /** Connections that may wait to be accepted; libvirtd's 1000 unless given. 30 is used for 0 and less (F078). */
  readonly backlog?: number;
  readonly admit: Admit;
  /** Takes over connections before they are sockets, where the runtime has such; they don't come to `admit` then. */
  readonly adopt?: (handle: object) => void;
  /** An error of the listening socket after it was opened; it goes on listening. */
  readonly error: (error: ConnectionError) => void;
}

/** Takes over a socket that was accepted and paused, and makes a transport of it, or not. */
export type Admit = (socket: net.Socket, endpoints?: Endpoints) => void;

/** Admits everybody as they come; all accepted sockets share one buffer to read into. */
export function admitPlain(accept: (transport: Transport) => void): Required<Pick<ListenOptions, "admit" | "adopt">> {
  const buffer = readBuffer();
  return {
    admit: (socket, endpoints) => accept(acceptSocket(socket, buffer, endpoints)),
    adopt: (handle) => accept(adoptHandle(handle, buffer)),
  };
}

/** One listening socket. */
export interface Listener {
  readonly endpoint: Endpoint;
  /** Stops accepting; connections that are there go on. A UNIX socket's file is removed. */
  close(): Promise<void>;
}

/**
 * Opens the sockets of one address: two for TCP on all addresses, one per family (F073). Rejects with
 * {@link ConnectionError} when it can't, with `RangeError` or `TypeError` for an address that can't be one.
 */
export async function listen(address: ListenAddress, options: ListenOptions): Promise<Listener[]> {
  if ("path" in address) return [await listenUnix(address, options)];
  if ("fd" in address) {
    const name = (await inheritedPath(address.fd)) ?? describeAddress(address);
    return [await bind({ fd: address.fd }, name, options)];
  }
  return listenTcp(address, options);
}

// --- UNIX

async function listenUnix(address: UnixListenAddress, options: ListenOptions): Promise<Listener> {
  const path = systemPath(address.path);
  if (path.startsWith("\0")) return bind({ path }, address.path, options);
  const group = address.group === undefined ? undefined : await groupId(address.group);
  await removeStale(path);
  const listener = await withPrivateMask(() => bind({ path }, path, options));
  try {
    if (group !== undefined) await chown(path, -1, group);
    await chmod(path, address.mode ?? 0o600);
  } catch (error) {
    await listener.close();
    throw socketError(error, path);
  }
  return listener;
}

/**
 * Between bind and chmod nobody but the owner may connect. The mask belongs to the process, so it is set around the
 * synchronous bind alone; a worker thread may not set it, and there the directory's permissions have to do.
 */
function withPrivateMask<T>(bindNow: () => T): T {
  if (!isMainThread) return bindNow();
  const mask = process.umask(0o177);
  try {
    return bindNow();
  } finally {
    process.umask(mask);
  }
}

/** Removes a socket file that no server has open any more; refuses one in use, and anything that is no socket. */
async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) throw new ConnectionError(`${path}: there is a file that is not a socket`, "error");
  if (await isServed(path)) throw new ConnectionError(`${path}: another server listens there`, "error");
  await unlink(path).catch((error: unknown) => {
    throw socketError(error, path);
  });
}

async function isServed(path: string): Promise<boolean> {
  try {
    const transport = await openTransport({ path });
    transport.destroy(new ConnectionError("only probing", "closed"));
    return true;
  } catch (error) {
    return !(error instanceof ConnectionError && systemCode(error.cause) === "ECONNREFUSED");
  }
}

async function groupId(group: number | string): Promise<number> {
  if (typeof group === "number") return group;
  for (const line of (await readFile("/etc/group", "utf8")).split("\n")) {
    const [name, , id] = line.split(":");
    if (name === group && id !== undefined) return Number(id);
  }
  throw new TypeError(`group ${group} is not in /etc/group; give its number`);
}

// --- TCP

const WILDCARDS = ["0.0.0.0", "::"];
/** The kernel's free port of one family may be taken in the other. */
const PORT_ATTEMPTS = 16;

async function listenTcp(address: TcpAddress, options: ListenOptions): Promise<Listener[]> {
  const port = checkedPort(address.port);
  const hosts = address.host === undefined || address.host === "" ? WILDCARDS : await resolveHost(address.host);
  for (let attempt = 1; ; attempt++) {
    const { listeners, failures } = await bindAll(hosts, port, options);
    const taken = failures.find(({ cause }) => systemCode(cause) === "EADDRINUSE");
    if (port === 0 && taken !== undefined && attempt < PORT_ATTEMPTS) {
      await Promise.all(listeners.map((listener) => listener.close()));
      continue;
    }
    if (listeners.length > 0) return listeners;
    throw failures[0] ?? new ConnectionError(`${describeAddress(address)}: no address to listen on`, "error");
  }
}

/** Binds what can be bound; the families that follow share the first one's port (F074). */
async function bindAll(
  hosts: string[],
  port: number,
  options: ListenOptions,
): Promise<{ listeners: Listener[]; failures: ConnectionError[] }> {
  const listeners: Listener[] = [];
  const failures: ConnectionError[] = [];
  let shared = port;
  for (const host of hosts) {
    try {
      const name = describeAddress({ host, port: shared });
      const listener = await bind({ host, port: shared, ipv6Only: host.includes(":") }, name, options);
      if ("port" in listener.endpoint) shared = listener.endpoint.port;
      listeners.push(listener);
    } catch (error) {
      if (!(error instanceof ConnectionError) || !skippable.has(systemCode(error.cause))) {
        await Promise.all(listeners.map((listener) => listener.close()));
        throw error;
      }
      failures.push(error);
    }
  }
  return { listeners, failures };
}

/** What libvirt passes over while at least one address is left (libvirt-rpc §2.2). */
const skippable: ReadonlySet<string> = new Set(["EADDRINUSE", "EADDRNOTAVAIL", "EAFNOSUPPORT"]);

// --- both

function bind(target: net.ListenOptions | { fd: number }, name: string, options: ListenOptions): Promise<Listener> {
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true });
  const reserve = new DescriptorReserve((error) => options.error(socketError(error, name)));
  server.on("connection", (socket) => {
    if (admits(reserve, handleOf(socket))) options.admit(socket);
    else socket.destroy();
  });
  const backlog = options.backlog ?? 1000;
  server.listen({ ...target, backlog: backlog > 0 ? backlog : 30 });
  return new Promise((fulfil, reject) => {
    const failed = (error: Error): void => reject(socketError(error, name));
    server.once("error", failed);
    server.once("listening", () => {
      server.off("error", failed);
      const { adopt } = options;
      if (adopt !== undefined) {
        takeHandles(server, (handle) => {
          if (admits(reserve, handle)) adopt(handle);
          else handle.close();
        });
      }
      server.on("error", (error) => options.error(socketError(error, name)));
      fulfil({ endpoint: boundEndpoint(server, name), close: () => close(server) });
    });
  });
}

function admits(reserve: DescriptorReserve, handle: { readonly fd?: number } | undefined): boolean {
  return handle?.fd === undefined || reserve.admits(handle.fd);
}

function boundEndpoint(server: net.Server, name: string): Endpoint {
  const bound = server.address();
  if (bound === null || typeof bound === "string") return { family: "unix", path: name };
  return { family: bound.family === "IPv6" ? "ipv6" : "ipv4", host: bound.address, port: bound.port };
}

/** Node tells of the end only when the last connection has gone too, and those that TLS took over are counted as the server's. */
function close(server: net.Server): Promise<void> {
  return new Promise((fulfil) => {
    server.close();
    setImmediate(fulfil);
  });
}
