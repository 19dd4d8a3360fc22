/** What Node is told instead of a GnuTLS priority string; what is absent is Node's default. */
export interface TlsPreferences {
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly maxVersion: "TLSv1.2" | "TLSv1.3";
  /** OpenSSL's names of suites, TLS 1.3 and 1.2 alike. */
  readonly ciphers?: string;
  /** OpenSSL's names of groups, best first. */
  readonly ecdhCurve?: string;
}

type Sets = Readonly<Record<"VERS" | "CIPHER" | "KX" | "GROUP", Set<string>>>;

/** Names that are one thing in both worlds: GnuTLS's to OpenSSL's. */
const CIPHERS: ReadonlyMap<string, { readonly modern: string | null; readonly classic: string }> = new Map([
  ["AES-256-GCM", { modern: "TLS_AES_256_GCM_SHA384", classic: "AES256-GCM-SHA384" }],
  ["CHACHA20-POLY1305", { modern: "TLS_CHACHA20_POLY1305_SHA256", classic: "CHACHA20-POLY1305" }],
  ["AES-128-GCM", { modern: "TLS_AES_128_GCM_SHA256", classic: "AES128-GCM-SHA256" }],
  ["AES-128-CCM", { modern: "TLS_AES_128_CCM_SHA256", classic: "AES128-CCM" }],
  ["AES-256-CCM", { modern: null, classic: "AES256-CCM" }],
  ["AES-256-CBC", { modern: null, classic: "AES256-SHA" }],
  ["AES-128-CBC", { modern: null, classic: "AES128-SHA" }],
]);
const KEY_EXCHANGES: ReadonlyMap<string, string> = new Map([
  ["ECDHE-ECDSA", "ECDHE-ECDSA-"],
  ["ECDHE-RSA", "ECDHE-RSA-"],
  ["DHE-RSA", "DHE-RSA-"],
  ["RSA", ""],
]);
const GROUPS: ReadonlyMap<string, string> = new Map([
  ["X25519", "X25519"],
  ["SECP256R1", "P-256"],
  ["X448", "X448"],
  ["SECP384R1", "P-384"],
  ["SECP521R1", "P-521"],
]);
const VERSIONS = new Map([
  ["TLS1.2", "TLSv1.2"],
  ["TLS1.3", "TLSv1.3"],
] as const);

const EXPLAINED =
  "understood are NORMAL, PERFORMANCE, PFS, SECURE128, SECURE192, SECURE256, NONE and @SYSTEM to begin with, then + - ! " +
  "before VERS-TLS1.2, VERS-TLS1.3, ciphers (AES-256-GCM …), key exchanges (ECDHE-RSA …), GROUP-X25519 …, and -ALL forms";

/**
 * Translates a GnuTLS priority string (F110). Throws `RangeError`, naming the item, for one that has no counterpart:
 * leaving it out could weaken what its author meant.
 */
export function parsePriority(text: string): TlsPreferences {
  const [base = "", ...items] = text.split(":").map((item) => item.trim());
  const sets = baseSets(base.toUpperCase(), text);
  for (const item of items) if (item !== "") apply(item.toUpperCase(), sets, text);
  return preferences(sets, base, items, text);
}

function baseSets(base: string, text: string): Sets {
  const all = { VERS: VERSIONS.keys(), CIPHER: CIPHERS.keys(), KX: KEY_EXCHANGES.keys(), GROUP: GROUPS.keys() };
  const sets: Sets = {
    VERS: new Set(all.VERS),
    CIPHER: new Set(all.CIPHER),
    KX: new Set(all.KX),
    GROUP: new Set(all.GROUP),
  };
  if (base === "NORMAL" || base === "PERFORMANCE" || base === "SECURE128" || base.startsWith("@")) return sets;
  if (base === "PFS") sets.KX.delete("RSA");
  else if (base === "NONE") for (const set of Object.values(sets)) set.clear();
  else if (base === "SECURE192" || base === "SECURE256") keepStrong(sets);
  else throw refusal(base, text);
  return sets;
}

function keepStrong({ CIPHER, GROUP }: Sets): void {
  for (const name of CIPHER) if (name.includes("128") && !name.includes("POLY1305")) CIPHER.delete(name);
  for (const name of GROUP) if (name === "X25519" || name === "SECP256R1") GROUP.delete(name);
}

function apply(item: string, sets: Sets, text: string): void {
  if (HARMLESS.has(item)) return;
  const [, sign = "", name = ""] = /^([+\-!])(.+)$/.exec(item) ?? [];
  if (name === "") throw refusal(item, text);
  const { kind, member } = classify(name) ?? {};
  if (kind === undefined || member === undefined) throw refusal(item, text);
  if (member === null) replaceAll(sets[kind], sign === "+" ? everyOf(kind) : []);
  else if (sign === "+") sets[kind].add(member);
  else sets[kind].delete(member);
}

/** Says nothing that Node does otherwise. */
const HARMLESS: ReadonlySet<string> = new Set([
  "%SAFE_RENEGOTIATION",
  "%NO_TICKETS",
  "%SERVER_PRECEDENCE",
  "%COMPAT",
  "-COMP-ALL",
  "+COMP-NULL",
  "+SIGN-ALL",
  "+MAC-ALL",
  "+AEAD",
  "+CTYPE-X509",
  "+CTYPE-ALL",
  "-ARCFOUR-128",
  "-3DES-CBC",
  "-VERS-SSL3.0",
  "-VERS-TLS1.0",
  "-VERS-TLS1.1",
  "-VERS-DTLS-ALL",
  "-SHA1",
  "-MD5",
]);

interface Item {
  readonly kind: keyof Sets;
  /** `null` for all. */
  readonly member: string | null;
}

function classify(name: string): Item | null {
  if (name === "VERS-ALL" || name === "VERS-TLS-ALL") return { kind: "VERS", member: null };
  if (name === "CIPHER-ALL") return { kind: "CIPHER", member: null };
  if (name === "KX-ALL") return { kind: "KX", member: null };
  if (name === "GROUP-ALL" || name === "CURVE-ALL") return { kind: "GROUP", member: null };
  const bare = name.replace(/^(VERS|GROUP|CURVE)-/, "");
  if (name.startsWith("VERS-")) return itemOf("VERS", bare);
  if (bare !== name) return itemOf("GROUP", bare);
  return itemOf("CIPHER", name) ?? itemOf("KX", name);
}

function itemOf(kind: keyof Sets, name: string): Item | null {
  return everyOf(kind).includes(name) ? { kind, member: name } : null;
}

function everyOf(kind: keyof Sets): string[] {
  return [...{ VERS: VERSIONS, CIPHER: CIPHERS, KX: KEY_EXCHANGES, GROUP: GROUPS }[kind].keys()];
}

function replaceAll(set: Set<string>, names: readonly string[]): void {
  set.clear();
  for (const name of names) set.add(name);
}

function preferences(sets: Sets, base: string, items: readonly string[], text: string): TlsPreferences {
  const versions = [...VERSIONS].filter(([name]) => sets.VERS.has(name)).map(([, version]) => version);
  const [minVersion, maxVersion = minVersion] = versions;
  if (minVersion === undefined || maxVersion === undefined) throw empty("a TLS version", text);
  const untouched = /^(NORMAL|PERFORMANCE|SECURE128|@.*)$/i.test(base);
  const changed = items.some(
    (item) => /^[+\-!]/.test(item) && !/VERS-|GROUP-|CURVE-/i.test(item) && !HARMLESS.has(item.toUpperCase()),
  );
  const regrouped = /^(SECURE192|SECURE256|NONE)$/i.test(base) || items.some((item) => /GROUP-|CURVE-/i.test(item));
  return {
    minVersion,
    maxVersion,
    ...(untouched && !changed ? {} : { ciphers: suites(sets, versions, text) }),
    ...(regrouped ? { ecdhCurve: groups(sets, text) } : {}),
  };
}

function suites({ CIPHER, KX }: Sets, versions: readonly string[], text: string): string {
  const chosen = [...CIPHERS].filter(([name]) => CIPHER.has(name)).map(([, suite]) => suite);
  const modern = versions.includes("TLSv1.3") ? chosen.flatMap((suite) => suite.modern ?? []) : [];
  const exchanges = [...KEY_EXCHANGES].filter(([name]) => KX.has(name)).map(([, prefix]) => prefix);
  const classic = versions.includes("TLSv1.2")
    ? chosen.flatMap((suite) => exchanges.flatMap((prefix) => classicName(prefix, suite.classic)))
    : [];
  if (modern.length + classic.length === 0) throw empty("a cipher with a key exchange", text);
  return [...modern, ...classic].join(":");
}

/** ChaCha20 needs an ephemeral key exchange. */
function classicName(prefix: string, suite: string): string[] {
  return suite.startsWith("CHACHA20") && prefix === "" ? [] : [`${prefix}${suite}`];
}

function groups({ GROUP }: Sets, text: string): string {
  const chosen = [...GROUPS].filter(([name]) => GROUP.has(name)).map(([, group]) => group);
  if (chosen.length === 0) throw empty("a group", text);
  return chosen.join(":");
}

function refusal(item: string, text: string): RangeError {
  return new RangeError(`tls_priority ${JSON.stringify(text)}: ${item} can't be translated; ${EXPLAINED}`);
}

function empty(what: string, text: string): RangeError {
  return new RangeError(`tls_priority ${JSON.stringify(text)} leaves no choice of ${what}; ${EXPLAINED}`);
}
