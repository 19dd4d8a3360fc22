import { createHmac, timingSafeEqual } from "node:crypto";

/** A line of known_hosts that names a key. */
export interface KnownHost {
  readonly marker: "revoked" | "cert-authority" | null;
  /** Patterns as written, or one hashed name. */
  readonly names: readonly string[];
  readonly type: string;
  /** base64. */
  readonly key: string;
  /** From 1. */
  readonly line: number;
}

/** What known_hosts says about a key that a host has shown. */
export type HostVerdict =
  | { readonly verdict: "known" | "unknown" }
  /** The line that has another key, or revokes this one. */
  | { readonly verdict: "changed" | "revoked"; readonly line: number };

/** Reads known_hosts. Lines that mean nothing are skipped, as ssh does. */
export function parseKnownHosts(text: string): KnownHost[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    const words = line.trim().split(/[ \t]+/);
    const marker = markerOf(words[0] ?? "");
    if (marker !== null) words.shift();
    const [names = "", type = "", key = ""] = words;
    const good = names !== "" && !names.startsWith("#") && !names.startsWith("@") && /^[A-Za-z0-9+/]+=*$/.test(key);
    return good ? [{ marker, names: names.split(","), type, key, line: index + 1 }] : [];
  });
}

/** Judges `key`, the blob that a host has shown. A certificate authority's line says nothing about plain keys. */
export function judgeHostKey(known: readonly KnownHost[], { host, port }: HostName, key: Uint8Array): HostVerdict {
  const shown = Buffer.from(key).toString("base64");
  const about = known.filter(({ names }) => namesHost(names, nameOf({ host, port })));
  const revoked = about.find((entry) => entry.marker === "revoked" && entry.key === shown);
  if (revoked !== undefined) return { verdict: "revoked", line: revoked.line };
  const plain = about.filter(({ marker }) => marker === null);
  if (plain.some((entry) => entry.key === shown)) return { verdict: "known" };
  // A key of another type is another key, too: whoever is in between would else just show one.
  const other = plain.find(({ type }) => type === typeOf(key)) ?? plain[0];
  return other === undefined ? { verdict: "unknown" } : { verdict: "changed", line: other.line };
}

/** The types of the keys that are known of a host: those are to be asked for. */
export function knownTypes(known: readonly KnownHost[], host: HostName): string[] {
  const about = known.filter(({ marker, names }) => marker === null && namesHost(names, nameOf(host)));
  return [...new Set(about.map(({ type }) => type))];
}

/** The line that makes a host known. */
export function knownHostLine(host: HostName, key: Uint8Array): string {
  return `${nameOf(host)} ${typeOf(key)} ${Buffer.from(key).toString("base64")}\n`;
}

/** As `ssh-keygen -l` prints it. */
export function fingerprint(key: Uint8Array, digest: Uint8Array): string {
  return `${typeOf(key)} SHA256:${Buffer.from(digest).toString("base64").replace(/=+$/, "")}`;
}

export interface HostName {
  readonly host: string;
  readonly port: number;
}

/** A key's blob begins with the length and the name of its type; empty for one that does not. */
export function typeOf(key: Uint8Array): string {
  if (key.length < 4) return "";
  const length = new DataView(key.buffer, key.byteOffset).getUint32(0);
  return length <= 64 && length + 4 <= key.length ? new TextDecoder("latin1").decode(key.subarray(4, 4 + length)) : "";
}

function markerOf(word: string): KnownHost["marker"] {
  if (word === "@revoked") return "revoked";
  return word === "@cert-authority" ? "cert-authority" : null;
}

function nameOf({ host, port }: HostName): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/** A name behind `!` excludes the host from the line, whatever else the line says. */
function namesHost(names: readonly string[], host: string): boolean {
  if (names.some((name) => name.startsWith("!") && matches(name.slice(1), host))) return false;
  return names.some((name) => !name.startsWith("!") && matches(name, host));
}

function matches(pattern: string, host: string): boolean {
  return pattern.startsWith("|") ? isHashOf(pattern, host) : fits(pattern.toLowerCase(), host);
}

/** `|1|salt|HMAC-SHA1 of the name`, both in base64. */
function isHashOf(hashed: string, host: string): boolean {
  const [, version, salt = "", hash = ""] = hashed.split("|");
  if (version !== "1") return false;
  const expected = Buffer.from(hash, "base64");
  const found = createHmac("sha1", Buffer.from(salt, "base64")).update(host).digest();
  return expected.length === found.length && timingSafeEqual(expected, found);
}

/** `*` is any text and `?` any character. Linear in time but for the product of both lengths, whoever wrote the pattern. */
function fits(pattern: string, text: string): boolean {
  let reachable = new Set([0]);
  for (const wish of pattern) {
    const next = new Set<number>();
    for (const at of reachable) {
      if (wish === "*") for (let to = at; to <= text.length; to++) next.add(to);
      else if (at < text.length && (wish === "?" || wish === text[at])) next.add(at + 1);
    }
    reachable = next;
  }
  return reachable.has(text.length);
}
