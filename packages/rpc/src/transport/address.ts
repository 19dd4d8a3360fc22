import type { SshRelay } from "./relay.ts";

/** A UNIX socket by its path. A leading `@` means Linux's abstract namespace (F076). */
export interface UnixAddress {
  readonly path: string;
}

/** A TCP port. To listen on all addresses of both families leave `host` out (F072). */
export interface TcpAddress {
  readonly host?: string;
  /** 0 when listening: any free one, the same for both families (F074). */
  readonly port: number;
}

/** A descriptor that this process inherited or opened itself (F077). */
export interface FdAddress {
  readonly fd: number;
}

/** A program whose standard input and output are the wire (F083). */
export interface CommandAddress {
  readonly command: string;
  readonly args?: readonly string[];
  /** The whole environment of the program; our own unless given. */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds from the first byte sent until the first must have come; no limit unless given. */
  readonly answerMs?: number;
}

/** A UNIX socket on another machine, by way of the system's ssh (F084). */
export interface SshAddress extends SshRelay {
  /** The host, or what ssh_config calls it. */
  readonly ssh: string;
  readonly port?: number;
  readonly user?: string;
  /** A private key; those that ssh finds by itself unless given. */
  readonly keyfile?: string;
  /** The program to run instead of `ssh`, with ssh's arguments. */
  readonly program?: string;
  /** Never asks for anything. Without a terminal it can't ask there anyway. */
  readonly batch?: boolean;
  /** `false` accepts any host key that is not known yet. */
  readonly verify?: boolean;
  /** Milliseconds from the first byte sent until the first must have come; 30 s unless given, at a terminal 120 s. */
  readonly answerMs?: number;
}

export type SshMethod = "agent" | "privkey" | "password" | "keyboard-interactive";

/** The same by ssh in process, with the package `ssh2` (F089–F092). It reads no ssh_config. */
export interface Ssh2Address extends SshRelay {
  /** The host's name or address. */
  readonly ssh2: string;
  readonly port?: number;
  /** This process's user unless given. */
  readonly user?: string;
  /** A private key; the usual ones of `~/.ssh` unless given. */
  readonly keyfile?: string;
  /** The ways to log in, in this order; all, in the order of the type, unless given. */
  readonly methods?: readonly SshMethod[];
  /** The file of host keys; `~/.ssh/known_hosts` unless given. */
  readonly knownHosts?: string;
  /**
   * What becomes of a host that is not known: `normal` asks `confirmHost` and remembers, `auto` only remembers. A known
   * host with another key is refused by both. `ignore` looks at no key: anybody may be the host.
   */
  readonly knownHostsVerify?: "normal" | "auto" | "ignore";
  /** Milliseconds until somebody is logged in; 30 s unless given, 120 s where somebody can be asked. */
  readonly loginMs?: number;
  /** As of {@link SshAddress}; and until the relay runs there. */
  readonly answerMs?: number;
}

/** One end of a connection, as the system tells it. */
export type Endpoint =
  | { readonly family: "unix"; readonly path: string }
  | { readonly family: "ipv4" | "ipv6"; readonly host: string; readonly port: number }
  | { readonly family: "command"; readonly command: string }
  | { readonly family: "ssh"; readonly name: string }
  | { readonly family: "memory" };

/** The most bytes a UNIX socket's path may have: `sun_path` holds 108 with the final NUL. */
export const UNIX_PATH_BYTES = 107;

/** `host:port`, `[v6]:port`; all others give `127.0.0.1:0` as libvirt does (F095). */
export function uriForm(endpoint: Endpoint): string {
  if (!("port" in endpoint)) return "127.0.0.1:0";
  return endpoint.family === "ipv6" ? `[${endpoint.host}]:${endpoint.port}` : `${endpoint.host}:${endpoint.port}`;
}

/** What a person calls it: the path of a UNIX socket, `host:port`, a program's name, `memory`. */
export function describeEndpoint(endpoint: Endpoint): string {
  if (endpoint.family === "unix") return endpoint.path === "" ? "unix socket" : endpoint.path;
  if (endpoint.family === "command") return endpoint.command;
  if (endpoint.family === "ssh") return `ssh ${endpoint.name}`;
  if (endpoint.family === "memory") return "memory";
  return endpoint.host === "" ? "a peer that has gone" : uriForm(endpoint);
}

/** What a person calls an address to connect to or listen on. */
export function describeAddress(
  address: UnixAddress | TcpAddress | FdAddress | CommandAddress | SshAddress | Ssh2Address,
): string {
  if ("ssh2" in address) return `${address.path} on ${address.ssh2}`;
  if ("ssh" in address) return `${address.path} on ${address.ssh}`;
  if ("command" in address) return [address.command, ...(address.args ?? [])].join(" ");
  if ("path" in address) return address.path;
  if ("fd" in address) return `descriptor ${address.fd}`;
  const host = address.host ?? "*";
  return host.includes(":") ? `[${host}]:${address.port}` : `${host}:${address.port}`;
}

/** The path as the system wants it. Throws `RangeError` for one that is empty or too long, before the system cuts it. */
export function systemPath(path: string): string {
  const size = new TextEncoder().encode(path).length;
  if (size === 0) throw new RangeError("the path of a UNIX socket is empty");
  if (size > UNIX_PATH_BYTES) {
    throw new RangeError(`the path of a UNIX socket has at most ${UNIX_PATH_BYTES} bytes, this one ${size}: ${path}`);
  }
  if (path.includes("\0"))
    throw new RangeError("the path of a UNIX socket holds a NUL; write @name for an abstract one");
  return path.startsWith("@") ? `\0${path.slice(1)}` : path;
}

/** `port` if it is one. Throws `RangeError` otherwise. */
export function checkedPort(port: number): number {
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new RangeError(`port is ${port}, expected 0 to 65535`);
  return port;
}
