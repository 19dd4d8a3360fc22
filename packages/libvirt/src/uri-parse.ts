import { isIPv6 } from "node:net";
import {
  type FarSocket,
  type LibvirtUri,
  type SshAuthMethod,
  TCP_PORT,
  TLS_PORT,
  type TlsTarget,
  type UriAddress,
  type UriAuth,
} from "./uri.ts";
import { UriError } from "./uri-error.ts";
import { encoded, openName } from "./uri-format.ts";
import { decoded, Query } from "./uri-query.ts";

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
