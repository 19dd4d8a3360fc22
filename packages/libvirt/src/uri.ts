import { isIPv6 } from "node:net";
import { UriError } from "./uri-error.ts";

/** A libvirt URI, read (libvirt-rpc §3.1). Absent is `null`; unknown parameters travel on in the name. */
export interface LibvirtUri {
  /** The hypervisor driver, as written: `qemu`. */
  readonly driver: string;
  /** Percent-decoded; with its leading slash, or empty. */
  readonly path: string;
  readonly address: UriAddress;
  readonly options: UriOptions;
  /** Parameters that only the server understands, in their order. */
  readonly parameters: readonly UriParameter[];
  /** Percent-decoded. */
  readonly fragment: string | null;
  /** What CONNECT_OPEN asks for: the URI without what only this side needs. Empty: the server looks for a driver. */
  readonly name: string;
}

/** Where the server is, and how to get there. */
export type UriAddress = UnixUri | TcpUri | TlsUri | SshUri | Ssh2Uri | ExtUri;

export interface UnixUri {
  readonly transport: "unix";
  readonly socket: string | null;
  readonly mode: SocketMode | null;
}

export interface TcpUri {
  readonly transport: "tcp";
  readonly host: string;
  readonly port: number;
}

export interface TlsUri extends TlsTarget {
  readonly transport: "tls";
  readonly host: string;
  readonly port: number;
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
  readonly priority: string | null;
}

interface FarSocket {
  readonly host: string;
  /** ssh's own unless given. */
  readonly port: number | null;
  /** The socket on the far side. */
  readonly socket: string | null;
  readonly mode: "auto" | "legacy" | null;
  readonly proxy: SshProxy | null;
  readonly netcat: string | null;
  readonly keyfile: string | null;
}

/** By the system's ssh. */
export interface SshUri extends FarSocket {
  readonly transport: "ssh";
  /** The program instead of `ssh`. */
  readonly command: string | null;
  /** Whether ssh may ask at the terminal. */
  readonly tty: boolean;
  /** Whether the host key must be known. */
  readonly verify: boolean;
}

/** By ssh in process. */
export interface Ssh2Uri extends FarSocket {
  readonly transport: "libssh" | "libssh2";
  readonly knownHosts: string | null;
  readonly knownHostsVerify: "normal" | "auto" | "ignore" | null;
  readonly sshauth: readonly SshAuthMethod[] | null;
}

/** By a program's standard input and output. */
export interface ExtUri {
  readonly transport: "ext";
  readonly command: string;
  readonly argv: readonly string[];
}

/** What holds for all transports. */
export interface UriOptions {
  /** Whom to log in as, for ssh. */
  readonly user: string | null;
  /** `null`: whatever the server wants. */
  readonly auth: UriAuth | null;
  /** libvirt's auth.conf, with credentials. */
  readonly authfile: string | null;
  /** Sent as it is instead of the name that the URI would give. */
  readonly name: string | null;
}

export type UriAuth = "none" | "sasl" | "polkit" | { readonly mechanism: string };
export type SocketMode = "auto" | "legacy" | "direct";
export type SshProxy = "auto" | "netcat" | "native";
export type SshAuthMethod = "agent" | "privkey" | "password" | "keyboard-interactive";

export interface UriParameter {
  readonly name: string;
  readonly value: string;
}

export const TCP_PORT = 16_509;
export const TLS_PORT = 16_514;

/** Reads a URI, whatever machine it is read on. Throws {@link UriError}, which shows the place that is wrong. */
export function parseLibvirtUri(text: string): LibvirtUri {
  const parts = split(text);
  const query = new Query(parts.query, text, parts.queryAt);
  const transport = transportOf(parts, text);
  const where = addressOf(transport, parts, query);
  const uri = {
    driver: parts.driver,
    path: decoded(parts.path, text, parts.pathAt),
    address: where,
    options: {
      user: parts.user === null ? null : decoded(parts.user, text, parts.userAt),
      auth: query.read("auth", readAuth, "none, sasl, sasl.MECHANISM or polkit"),
      authfile: query.text("authfile"),
      name: query.text("name"),
    },
    parameters: query.unknown,
    fragment: parts.fragment === null ? null : decoded(parts.fragment, text, text.length - parts.fragment.length),
  };
  return { ...uri, name: openName(uri) };
}

/** The canonical form, which names its transport: `parseLibvirtUri` gives the same URI back for it. */
export function formatLibvirtUri(uri: LibvirtUri): string {
  const { address, options } = uri;
  const known = Object.entries(knownParameters(address, options)).flatMap(([name, value]) => {
    const values = typeof value === "string" ? [value] : (value ?? []);
    return values.map((text) => ({ name, value: text }));
  });
  const user = options.user === null ? "" : `${encoded(options.user)}@`;
  const { scheme, authority } = placeOf(address);
  const parameters = formatParameters([...known, ...uri.parameters]);
  return `${uri.driver}${scheme}://${user}${authority}${encodedPath(uri.path)}${parameters}${formatFragment(uri)}`;
}

interface Parts {
  readonly driver: string;
  /** `null` where the scheme names none. */
  readonly transport: string | null;
  readonly user: string | null;
  readonly userAt: number;
  readonly host: string;
  readonly hostAt: number;
  readonly port: number | null;
  readonly path: string;
  readonly pathAt: number;
  readonly query: string;
  readonly queryAt: number;
  readonly fragment: string | null;
}

const FORM = "expected driver[+transport]://[user@][host][:port]/[path][?name=value…]";

function split(text: string): Parts {
  checkCharacters(text);
  const scheme = /^(?<driver>[a-z][a-z0-9.-]*)(?:\+(?<transport>[a-z0-9.+-]*))?:/i.exec(text);
  if (scheme === null) throw new UriError(`not a libvirt URI; ${FORM}`, text, schemeEnd(text));
  const begin = scheme[0].length;
  const fragmentAt = text.indexOf("#", begin);
  const body = fragmentAt < 0 ? text.length : fragmentAt;
  const mark = text.indexOf("?", begin);
  const queryAt = mark < 0 || mark > body ? body : mark;
  const hasAuthority = text.startsWith("//", begin);
  const authorityAt = begin + (hasAuthority ? 2 : 0);
  const slash = text.indexOf("/", authorityAt);
  const pathAt = slash < 0 || slash > queryAt ? queryAt : slash;
  if (!hasAuthority && pathAt !== authorityAt) throw new UriError(`"//" is missing; ${FORM}`, text, begin);
  const userEnd = text.lastIndexOf("@", pathAt - 1);
  const hasUser = userEnd >= authorityAt;
  const hostAt = hasUser ? userEnd + 1 : authorityAt;
  return {
    driver: scheme.groups?.["driver"] ?? "",
    transport: scheme.groups?.["transport"] ?? null,
    user: hasUser ? text.slice(authorityAt, userEnd) : null,
    userAt: authorityAt,
    ...hostAndPort(text, hostAt, pathAt),
    hostAt,
    path: text.slice(pathAt, queryAt),
    pathAt,
    query: text.slice(queryAt + 1, body),
    queryAt: queryAt + 1,
    fragment: fragmentAt < 0 ? null : text.slice(fragmentAt + 1),
  };
}

function schemeEnd(text: string): number {
  return /^[a-z][a-z0-9.+-]*/i.exec(text)?.[0].length ?? 0;
}

function checkCharacters(text: string): void {
  const at = text.search(/[^\x21-\x7E]|[<>"]/);
  if (at < 0) return;
  const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
  const hint = /\p{Cs}/u.test(character) ? "" : `; write it as ${encoded(character)}`;
  throw new UriError(`a URI can't hold ${JSON.stringify(character)}${hint}`, text, at);
}

function hostAndPort(text: string, start: number, end: number): { host: string; port: number | null } {
  const authority = text.slice(start, end);
  const literal = /^\[(?<host>[^\]]*)\](?<rest>.*)$/.exec(authority);
  const host = literal?.groups?.["host"] ?? authority.split(":", 1)[0] ?? "";
  const rest = literal?.groups?.["rest"] ?? authority.slice(host.length);
  const name = decoded(host, text, start);
  if (literal !== null && !isIPv6(name)) throw new UriError("an address in brackets is one of IPv6", text, start + 1);
  if (literal === null && authority.startsWith("[")) throw new UriError('"]" is missing', text, end);
  if (literal === null && /[\s:/?#[\]@\\]/.test(name))
    throw new UriError(`${JSON.stringify(name)} is no host`, text, start);
  return { host: name, port: portOf(rest, text, end - rest.length) };
}

function portOf(rest: string, text: string, at: number): number | null {
  if (rest === "" || rest === ":") return null;
  const port = /^:(\d+)$/.exec(rest)?.[1];
  if (port === undefined) {
    const colons = rest.split(":").length > 2 ? "; an IPv6 address stands in brackets" : "";
    throw new UriError(`a port is a number${colons}`, text, at + (rest.startsWith(":") ? 1 : 0));
  }
  if (Number(port) > 65_535) throw new UriError(`port ${port} is above 65535`, text, at + 1);
  return Number(port) === 0 ? null : Number(port);
}

type TransportName = UriAddress["transport"];

const transports: readonly TransportName[] = ["tls", "unix", "ssh", "libssh2", "ext", "tcp", "libssh"];

function transportOf({ driver, transport, host, hostAt }: Parts, text: string): TransportName {
  if (transport === null) return host === "" ? "unix" : "tls";
  const name = transports.find((known) => known === transport.toLowerCase());
  if (name === undefined) {
    throw new UriError(`transport ${transport} is none of ${transports.join(", ")}`, text, driver.length + 1);
  }
  if (name === "unix" && host !== "") {
    throw new UriError(`a UNIX socket is on this machine, and this names the host ${host}`, text, hostAt);
  }
  return name;
}

function addressOf(transport: TransportName, { host: named, port }: Parts, query: Query): UriAddress {
  const host = named === "" ? "localhost" : named;
  switch (transport) {
    case "unix":
      return { transport, socket: query.text("socket"), mode: query.oneOf("mode", ["auto", "legacy", "direct"]) };
    case "tcp":
      return { transport, host, port: port ?? TCP_PORT };
    case "tls":
      return { transport, host, port: port ?? TLS_PORT, ...tlsTarget(query) };
    case "ext":
      return { transport, command: query.required("command"), argv: query.all("argv") };
    case "ssh":
      return {
        transport,
        ...farSocket(host, port, query),
        command: query.text("command"),
        tty: !query.flag("no_tty"),
        verify: !query.flag("no_verify"),
      };
    case "libssh":
    case "libssh2":
      return {
        transport,
        ...farSocket(host, port, query),
        knownHosts: query.text("known_hosts"),
        knownHostsVerify: query.oneOf("known_hosts_verify", ["normal", "auto", "ignore"]),
        sshauth: query.read("sshauth", readMethods, `some of ${methods.join(", ")}, with commas between`),
      };
  }
}

function tlsTarget(query: Query): TlsTarget {
  return {
    pkipath: query.text("pkipath"),
    sanity: !query.flag("no_sanity"),
    verify: !query.flag("no_verify"),
    priority: query.text("tls_priority"),
  };
}

function farSocket(host: string, port: number | null, query: Query): FarSocket {
  const mode = query.oneOf("mode", ["auto", "legacy", "direct"]);
  if (mode === "direct") throw query.wrong("mode", "the far side's daemons can't be chosen from here, use auto");
  const proxy = query.oneOf("proxy", ["auto", "netcat", "native"]);
  const netcat = query.text("netcat");
  if (netcat !== null && proxy === "native") throw query.wrong("netcat", "proxy=native uses no netcat");
  return { host, port, socket: query.text("socket"), mode, proxy, netcat, keyfile: query.text("keyfile") };
}

function readAuth(value: string): UriAuth | undefined {
  const word = value.toLowerCase();
  if (word === "none" || word === "sasl" || word === "polkit") return word;
  return word.startsWith("sasl.") && word.length > 5 ? { mechanism: value.slice(5) } : undefined;
}

const methods: readonly SshAuthMethod[] = ["agent", "privkey", "password", "keyboard-interactive"];

function readMethods(value: string): SshAuthMethod[] | undefined {
  const words = value.split(",").map((word) => methods.find((method) => method === word.toLowerCase()));
  return words.every((word) => word !== undefined) ? words : undefined;
}

/** The parameters that this side consumes, whatever the transport; all others travel on (libvirt-rpc §3.2). */
const CONSUMED: ReadonlySet<string> = new Set(
  (
    "name command argv socket auth sshauth netcat keyfile pkipath known_hosts known_hosts_verify " +
    "tls_priority mode proxy no_sanity no_verify no_tty authfile"
  ).split(" "),
);

interface Parameter extends UriParameter {
  /** Where its value begins. */
  readonly at: number;
}

/** Of a parameter that is given twice the last one counts, as with libvirt. */
class Query {
  readonly #text: string;
  readonly #known = new Map<string, Parameter[]>();
  readonly unknown: UriParameter[] = [];

  /** `&` and `;` separate; empty items and items without a name are dropped. */
  constructor(query: string, text: string, at: number) {
    this.#text = text;
    for (const item of query.split(/[&;]/)) {
      const [raw = ""] = item.split("=", 1);
      const name = decoded(raw, text, at);
      const valueAt = at + Math.min(raw.length + 1, item.length);
      const value = decoded(item.slice(raw.length + 1), text, valueAt);
      at += item.length + 1;
      if (name === "") continue;
      const key = name.toLowerCase();
      if (!CONSUMED.has(key)) this.unknown.push({ name, value });
      else this.#known.set(key, [...(this.#known.get(key) ?? []), { name, value, at: valueAt }]);
    }
  }

  text(key: string): string | null {
    return this.#last(key)?.value ?? null;
  }

  all(key: string): string[] {
    return (this.#known.get(key) ?? []).map(({ value }) => value);
  }

  required(key: string): string {
    const value = this.text(key);
    if (value === null || value === "") throw new UriError(`${key}= is missing`, this.#text, this.#text.length);
    return value;
  }

  /** A number, and anything but 0 means yes. */
  flag(key: string): boolean {
    const value = this.text(key);
    if (value === null) return false;
    if (!/^\s*[+-]?\d+$/.test(value)) throw this.wrong(key, "expected a number, 0 for no and 1 for yes");
    return Number(value) !== 0;
  }

  oneOf<T extends string>(key: string, words: readonly T[]): T | null {
    const value = this.text(key);
    if (value === null) return null;
    const word = words.find((known) => known === value);
    if (word === undefined) throw this.wrong(key, `expected ${words.join(", ")}`);
    return word;
  }

  /** `read` gives what the value means; `undefined` where it is not what was `expected`. */
  read<T>(key: string, read: (value: string) => T | undefined, expected: string): T | null {
    const value = this.text(key);
    if (value === null) return null;
    const meaning = read(value);
    if (meaning === undefined) throw this.wrong(key, `expected ${expected}`);
    return meaning;
  }

  wrong(key: string, problem: string): UriError {
    const { value = "", at = 0 } = this.#last(key) ?? {};
    return new UriError(`${key}=${value}: ${problem}`, this.#text, at);
  }

  #last(key: string): Parameter | undefined {
    return this.#known.get(key)?.at(-1);
  }
}

/** Percent-decoded. A NUL would cut the text short for everybody who reads it with C. */
function decoded(part: string, text: string, at: number): string {
  const broken = part.search(/%(?![0-9a-f]{2})/i);
  if (broken >= 0) throw new UriError("two hexadecimal digits belong behind %; % itself is %25", text, at + broken);
  const nul = part.indexOf("%00");
  if (nul >= 0) throw new UriError("%00 can't be part of a URI", text, at + nul);
  try {
    return decodeURIComponent(part);
  } catch {
    throw new UriError("what is percent-encoded here is no UTF-8", text, at + part.indexOf("%"));
  }
}

function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, hexadecimal);
}

/** Less is encoded in paths, as libvirt does. */
function encodedPath(text: string): string {
  return text.replace(/[^A-Za-z0-9/._~!$&'()*+,;=@-]+/g, encoded);
}

function hexadecimal(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function formatParameters(parameters: readonly UriParameter[]): string {
  const items = parameters.map(({ name, value }) => `${encoded(name)}=${encoded(value)}`);
  return items.length === 0 ? "" : `?${items.join("&")}`;
}

function formatFragment({ fragment }: Pick<LibvirtUri, "fragment">): string {
  return fragment === null ? "" : `#${encodedPath(fragment)}`;
}

/** The name of a URI with these parts. */
export function openName({ driver, path, options, parameters, fragment }: Omit<LibvirtUri, "name">): string {
  if (options.name !== null) return options.name;
  if (driver.toLowerCase() === "remote") return "";
  return `${driver}://${encodedPath(path)}${formatParameters(parameters)}${formatFragment({ fragment })}`;
}

function placeOf(address: UriAddress): { scheme: string; authority: string } {
  if (address.transport === "unix" || address.transport === "ext") {
    return { scheme: `+${address.transport}`, authority: "" };
  }
  const { transport, host, port } = address;
  const usual = { tcp: TCP_PORT, tls: TLS_PORT, ssh: null, libssh: null, libssh2: null }[transport];
  const name = host.includes(":") ? `[${host.replaceAll("%", "%25")}]` : encoded(host);
  return {
    scheme: `+${transport}`,
    authority: `${name}${port === usual ? "" : `:${port}`}`,
  };
}

function knownParameters(
  address: UriAddress,
  { auth, authfile, name }: UriOptions,
): Record<string, string | readonly string[] | null> {
  return { ...ofTransport(address), auth: auth === null ? null : formatAuth(auth), authfile, name };
}

function ofTransport(address: UriAddress): Record<string, string | readonly string[] | null> {
  switch (address.transport) {
    case "unix":
      return { socket: address.socket, mode: address.mode };
    case "tcp":
      return {};
    case "tls":
      return {
        pkipath: address.pkipath,
        no_sanity: address.sanity ? null : "1",
        no_verify: address.verify ? null : "1",
        tls_priority: address.priority,
      };
    case "ext":
      return { command: address.command, argv: address.argv };
    case "ssh":
      return {
        ...ofFarSocket(address),
        command: address.command,
        no_tty: address.tty ? null : "1",
        no_verify: address.verify ? null : "1",
      };
    case "libssh":
    case "libssh2":
      return {
        ...ofFarSocket(address),
        known_hosts: address.knownHosts,
        known_hosts_verify: address.knownHostsVerify,
        sshauth: address.sshauth?.join(",") ?? null,
      };
  }
}

function ofFarSocket({ socket, mode, proxy, netcat, keyfile }: FarSocket): Record<string, string | null> {
  return { socket, mode, proxy, netcat, keyfile };
}

function formatAuth(auth: UriAuth): string {
  return typeof auth === "string" ? auth : `sasl.${auth.mechanism}`;
}
