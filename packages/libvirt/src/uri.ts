import type { TcpAddress, UnixAddress } from "virnet";

/** What a libvirt URI leads to (libvirt-rpc §3). */
export interface Target {
  readonly transport: "unix" | "tcp" | "tls";
  readonly address: UnixAddress | TcpAddress;
  /** With transport `tls` only. */
  readonly tls?: TlsTarget;
  /** The name for CONNECT_OPEN: the URI without what only this side needs. Empty: the server probes for a driver. */
  readonly name: string;
}

/** What a URI says about TLS. */
export interface TlsTarget {
  /** The directory of all PEM files; libvirt's own places for `null`. */
  readonly pkipath: string | null;
  /** Whether our own files are checked. */
  readonly sanity: boolean;
  /** Whether the server's certificate must be good. */
  readonly verify: boolean;
  /** A GnuTLS priority string. */
  readonly priority?: string;
}

/** What of the surroundings decides where a URI leads; the process's own unless given. */
export interface Surroundings {
  /** `undefined` where there are no user ids. */
  readonly uid: number | undefined;
  readonly runtimeDir: string | undefined;
}

/** A URI that names no server, with the part that is wrong and what was expected. */
export class UriError extends TypeError {
  override readonly name = "UriError";
}

const PORTS = { tcp: 16_509, tls: 16_514 } as const;
const SYSTEM_DIR = "/var/run/libvirt";

/** `driver[+transport]://[user@][host][:port]/[path][?name=value…]`, schemes and parameters in any case. */
const FORM =
  /^(?<driver>[a-z][a-z0-9.-]*)(?:\+(?<transport>[a-z0-9]+))?:\/\/(?:(?<user>[^@/?#]*)@)?(?<host>\[[^\]]*\]|[^:/?#]*)(?::(?<port>\d*))?(?<path>\/[^?#]*)?(?:\?(?<query>[^#]*))?(?:#.*)?$/i;

/** The parameters that this side consumes; all others travel on in the name (libvirt-rpc §3.2). */
const CONSUMED: ReadonlySet<string> = new Set(
  (
    "name command argv socket auth sshauth netcat keyfile pkipath known_hosts known_hosts_verify " +
    "tls_priority mode proxy no_sanity no_verify no_tty authfile"
  ).split(" "),
);

/** Where `uri` leads. Throws {@link UriError} when that can't be told. */
export function parseUri(uri: string, readonly: boolean, surroundings: Surroundings): Target {
  const parts = FORM.exec(uri)?.groups;
  if (parts === undefined) {
    throw new UriError(`${JSON.stringify(uri)} is no libvirt URI; expected driver[+transport]://[host][:port]/path`);
  }
  const { driver = "", path = "" } = parts;
  const host = (parts["host"] ?? "").replace(/^\[|\]$/g, "");
  const query = parseQuery(parts["query"] ?? "");
  const transport = transportOf(parts["transport"], host);
  const name = valueOf(query, "name") ?? openName(driver, path, query);
  if (transport !== "unix") {
    const port = portOf(parts["port"], PORTS[transport]);
    const address = { host: host === "" ? "localhost" : host, port };
    return { transport, name, address, ...(transport === "tls" && { tls: tlsTarget(query) }) };
  }
  if (host !== "") throw new UriError(`a UNIX socket is on this machine, but ${uri} names the host ${host}`);
  const socket = valueOf(query, "socket") ?? defaultSocket(driver, path, readonly, surroundings);
  return { transport, name, address: { path: socket } };
}

interface Parameter {
  /** As written, for the name that travels on. */
  readonly text: string;
  readonly key: string;
  readonly value: string;
}

/** `&` and `;` separate; empty items and items without a name are dropped; values are percent-decoded. */
function parseQuery(query: string): Parameter[] {
  return query.split(/[&;]/).flatMap((text) => {
    const [name = "", ...rest] = text.split("=");
    return name === "" ? [] : [{ text, key: decode(name).toLowerCase(), value: decode(rest.join("=")) }];
  });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new UriError(`${JSON.stringify(text)} is not percent-encoded text`);
  }
}

function valueOf(query: readonly Parameter[], key: string): string | undefined {
  return query.find((parameter) => parameter.key === key)?.value;
}

function tlsTarget(query: readonly Parameter[]): TlsTarget {
  const priority = valueOf(query, "tls_priority");
  return {
    pkipath: valueOf(query, "pkipath") ?? null,
    sanity: !flagOf(query, "no_sanity"),
    verify: !flagOf(query, "no_verify"),
    ...(priority !== undefined && { priority }),
  };
}

/** A number, and anything but 0 means yes (libvirt-rpc §3.2). */
function flagOf(query: readonly Parameter[], key: string): boolean {
  const value = valueOf(query, key);
  if (value === undefined) return false;
  if (!/^\s*[+-]?\d+$/.test(value)) throw new UriError(`${key}=${value}: expected a number, 0 for no and 1 for yes`);
  return Number(value) !== 0;
}

function transportOf(given: string | undefined, host: string): "unix" | "tcp" | "tls" {
  const transport = (given ?? (host === "" ? "unix" : "tls")).toLowerCase();
  if (transport === "unix" || transport === "tcp" || transport === "tls") return transport;
  throw new UriError(`transport ${transport} is not among those this client has: unix, tcp, tls`);
}

function portOf(text: string | undefined, usual: number): number {
  const port = Number(text ?? 0);
  if (port > 65_535) throw new UriError(`port ${port} is above 65535`);
  return port === 0 ? usual : port;
}

function openName(driver: string, path: string, query: readonly Parameter[]): string {
  if (driver.toLowerCase() === "remote") return "";
  const kept = query.filter(({ key }) => !CONSUMED.has(key)).map(({ text }) => text);
  return `${driver}://${path}${kept.length === 0 ? "" : `?${kept.join("&")}`}`;
}

/** The system's socket, or the user's own for session URIs of those who are not root (libvirt-rpc §3.3). */
function defaultSocket(driver: string, path: string, readonly: boolean, { uid, runtimeDir }: Surroundings): string {
  const session = uid !== undefined && uid !== 0 && (path === "/session" || driver.toLowerCase() === "test");
  if (!session) return `${SYSTEM_DIR}/libvirt-sock${readonly ? "-ro" : ""}`;
  if (runtimeDir === undefined) throw new UriError("XDG_RUNTIME_DIR is not set; name the socket with ?socket=PATH");
  return `${runtimeDir}/libvirt/libvirt-sock`;
}
