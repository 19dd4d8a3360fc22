/*
 * The matrix of libvirt's own tests (libvirt-rpc §7), made anew: 37 pairs of a CA and a certificate as one end's own
 * files, and 15 sessions. Each row has what becomes of it as a server's and as a client's.
 */
import { describe, expect, it } from "vitest";
import { pkiFiles } from "../../src/tls/credentials.ts";
import { CredentialsError } from "../../src/tls/credentials-error.ts";
import type { TlsRole } from "../../src/tls/leaf-rules.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { Echo } from "../helpers/echo.ts";
import {
  authority,
  CLIENT_AUTH,
  CN,
  type Issued,
  issue,
  leaf,
  type NameParts,
  type Profile,
  revoke,
  SERVER_AUTH,
  usages,
} from "../helpers/pki.ts";
import { type FolderContents, pkiFolder } from "../helpers/pki-folder.ts";
import { serve, visit } from "../helpers/tls-ends.ts";

const { digitalSignature, keyEncipherment, keyCertSign } = usages;
const BOTH = [CLIENT_AUTH, SERVER_AUTH];
const SIGNS = { usage: digitalSignature | keyEncipherment, usageCritical: true };
const PLAIN = { usage: null, purposes: null };

/** `ok`, `warns` of a rule, or the rule that keeps the files from being used. */
type Outcome = string;

type Row = readonly [
  number: number,
  /** Whose certificate libvirt's own row has. */
  role: TlsRole,
  what: string,
  ca: Partial<Profile>,
  certificate: Partial<Profile>,
  server: Outcome,
  client: Outcome,
];

const server = (more: Partial<Profile> = {}): Partial<Profile> => ({
  ...SIGNS,
  purposes: [SERVER_AUTH],
  purposesCritical: true,
  ...more,
});
const client = (more: Partial<Profile> = {}): Partial<Profile> => ({ ...server(), purposes: [CLIENT_AUTH], ...more });
const purposeOf = (purposes: readonly string[], purposesCritical: boolean): Partial<Profile> => ({
  ...PLAIN,
  purposes,
  purposesCritical,
});

/** The CA is the good one where nothing else is said. */
const contexts: readonly Row[] = [
  // 2 that are good
  [1, "server", "a good server", {}, server(), "ok", "key purpose"],
  [2, "client", "a good client", {}, client(), "key purpose", "ok"],
  // 3 other CAs that are good
  [3, "server", "CA: critical constraints, no usage", { usage: null }, server(), "ok", "key purpose"],
  [4, "server", "CA: constraints, no usage", { usage: null, caCritical: false }, server(), "ok", "key purpose"],
  [5, "server", "CA: usage signing, critical", { usage: keyCertSign }, server(), "ok", "key purpose"],
  // 3 CAs that are bad
  [
    6,
    "server",
    "CA: usage signature only",
    { usage: digitalSignature, usageCritical: false },
    server({ purposes: BOTH }),
    "chain",
    "chain",
  ],
  [7, "server", "CA: no constraints", { ca: null, usage: null }, server(), "basic constraints", "basic constraints"],
  [8, "server", "CA: usage signature only, critical", { usage: digitalSignature }, server(), "key usage", "key usage"],
  // 7 good servers
  [9, "server", "neither usage nor purpose", {}, PLAIN, "ok", "ok"],
  [
    10,
    "server",
    "usage signing, signature, encipherment, critical",
    {},
    { ...PLAIN, usage: keyCertSign | digitalSignature | keyEncipherment, usageCritical: true },
    "ok",
    "ok",
  ],
  [
    11,
    "server",
    "usage signing",
    {},
    { ...PLAIN, usage: keyCertSign, usageCritical: false },
    "warns key usage",
    "warns key usage",
  ],
  [12, "server", "purpose server, critical", {}, purposeOf([SERVER_AUTH], true), "ok", "key purpose"],
  [13, "server", "purpose server", {}, purposeOf([SERVER_AUTH], false), "ok", "warns key purpose"],
  [14, "server", "purposes client and server, critical", {}, purposeOf(BOTH, true), "ok", "ok"],
  [15, "server", "purposes client and server", {}, purposeOf(BOTH, false), "ok", "ok"],
  // 3 bad servers
  [
    16,
    "server",
    "usage signing, critical",
    {},
    { ...PLAIN, usage: keyCertSign, usageCritical: true },
    "key usage",
    "key usage",
  ],
  [17, "server", "purpose client, critical", {}, purposeOf([CLIENT_AUTH], true), "key purpose", "ok"],
  [
    18,
    "server",
    "usage of nothing, critical",
    {},
    { ...PLAIN, usage: 0, usageCritical: true },
    "key usage",
    "key usage",
  ],
  // 7 good clients
  [19, "client", "neither usage nor purpose", {}, { ...PLAIN, name: "client" }, "ok", "ok"],
  [
    20,
    "client",
    "usage signing, signature, encipherment, critical",
    {},
    { ...PLAIN, name: "client", usage: keyCertSign | digitalSignature | keyEncipherment, usageCritical: true },
    "ok",
    "ok",
  ],
  [
    21,
    "client",
    "usage signing",
    {},
    { ...PLAIN, name: "client", usage: keyCertSign, usageCritical: false },
    "warns key usage",
    "warns key usage",
  ],
  [22, "client", "purpose client, critical", {}, purposeOf([CLIENT_AUTH], true), "key purpose", "ok"],
  [23, "client", "purpose client", {}, purposeOf([CLIENT_AUTH], false), "warns key purpose", "ok"],
  [24, "client", "purposes client and server, critical", {}, purposeOf(BOTH.toReversed(), true), "ok", "ok"],
  [25, "client", "purposes client and server", {}, purposeOf(BOTH.toReversed(), false), "ok", "ok"],
  // 3 bad clients
  [
    26,
    "client",
    "usage signing, critical",
    {},
    { ...PLAIN, name: "client", usage: keyCertSign, usageCritical: true },
    "key usage",
    "key usage",
  ],
  [27, "client", "purpose server, critical", {}, purposeOf([SERVER_AUTH], true), "ok", "key purpose"],
  [
    28,
    "client",
    "usage of nothing, critical",
    {},
    { ...PLAIN, name: "client", usage: 0, usageCritical: true },
    "key usage",
    "key usage",
  ],
  // 3 that have expired
  [29, "server", "a CA that has expired", { from: 1990, to: 2001 }, server(), "validity", "validity"],
  [30, "server", "a server that has expired", {}, server({ from: 1990, to: 2001 }), "validity", "validity"],
  [31, "client", "a client that has expired", {}, client({ from: 1990, to: 2001 }), "validity", "validity"],
  // 3 that are not active yet
  [32, "server", "a CA that is not active yet", { from: 2990 }, server(), "validity", "validity"],
  [33, "server", "a server that is not active yet", {}, server({ from: 2990 }), "validity", "validity"],
  [34, "client", "a client that is not active yet", {}, client({ from: 2990 }), "validity", "validity"],
];

describe("own files, rows 1 to 34", () => {
  it.each(contexts)("%i, a %s's: %s", async (_, __, ___, ca, certificate, asServer, asClient) => {
    const root = authority(ca);
    const made = issue({ name: "libvirt.org", issuer: root, ...certificate });
    expect(await outcome("server", { ca: [root], chain: [made] })).toBe(asServer);
    expect(await outcome("client", { ca: [root], chain: [made] })).toBe(asClient);
  });
});

const root = authority({ name: "root" });
const level1a = authority({ name: "level 1a", issuer: root });
const level1b = authority({ name: "level 1b", issuer: root });
const level2a = authority({ name: "level 2a", issuer: level1a });
const bundle = [root, level1a, level1b, level2a];

describe("own files, rows 35 to 37", () => {
  it("35, a server's: over two CAs of the CA file", async () => {
    expect(await outcome("server", { ca: bundle, chain: [leaf(level2a, "server")] })).toBe("ok");
    expect(await outcome("client", { ca: bundle, chain: [leaf(level2a, "client")] })).toBe("ok");
  });

  it("36, a client's: over a CA of the CA file", async () => {
    expect(await outcome("client", { ca: bundle, chain: [leaf(level1b, "client")] })).toBe("ok");
    expect(await outcome("server", { ca: bundle, chain: [leaf(level1b, "server")] })).toBe("ok");
  });

  it("37, a client's: files that are not there", async () => {
    expect(await outcome("client", {})).toBe("file");
    expect(await outcome("server", {})).toBe("file");
  });
});

it("libvirt's rows of own files are all here: 37", () => {
  expect([...contexts.map(([number]) => number), 35, 36, 37]).toEqual(Array.from({ length: 37 }, (_, i) => i + 1));
});

/** What becomes of the peer's certificate, at each end by itself. */
interface Session {
  readonly number?: number;
  readonly what: string;
  readonly server: FolderContents;
  readonly client: FolderContents;
  /** The name by which the server is reached. */
  readonly host: string;
  readonly allowedDn?: readonly string[];
  /** `ok`, or why the end in that role turns the other away. */
  readonly serverSays: string | RegExp;
  readonly clientSays: string | RegExp;
}

const HOST = "libvirt.org";
const ca = authority({ name: "CA" });
const otherCa = authority({ name: "CA 1", usage: null });
const clientName: NameParts = [[["2.5.4.6", "UK", "printableString"]], [[CN, "libvirt"]]];
const names = { ip: ["192.168.122.1", "fec0::dead:beaf"] };
const good = files(ca, leaf(ca, "server", { name: HOST, dns: [], ip: [] }));
const visitor = files(ca, leaf(ca, "client", { name: clientName }));
const withOwnName = files(ca, leaf(ca, "server", { name: HOST, dns: [`www.${HOST}`, HOST], ...names }));
const withOtherNames = files(ca, leaf(ca, "server", { name: HOST, dns: [`www.${HOST}`, `wiki.${HOST}`], ...names }));
const plain = { server: good, client: visitor, host: HOST, serverSays: "ok", clientSays: "ok" } as const;
const unlisted = /^the client C=UK,CN=libvirt is not on the list of allowed names$/;

const sessions: readonly Session[] = [
  { number: 1, what: "two good ends", ...plain },
  {
    number: 2,
    what: "CAs that are strangers to each other",
    ...plain,
    client: files(otherCa, leaf(otherCa, "client", { name: clientName })),
    serverSays: /CN=CA 1, which leads to no CA/,
    clientSays: /CN=CA, which leads to no CA/,
  },
  // 3 and 3 names
  { number: 3, what: "the second name", ...plain, server: withOwnName },
  { number: 4, what: "the first name", ...plain, server: withOwnName, host: `www.${HOST}` },
  {
    number: 5,
    what: "no name of it",
    ...plain,
    server: withOwnName,
    host: `wiki.${HOST}`,
    clientSays: /not for wiki.libvirt.org/,
  },
  {
    number: 6,
    what: "the common name, but it has other names",
    ...plain,
    server: withOtherNames,
    clientSays: /not for libvirt.org/,
  },
  { number: 7, what: "the first of other names", ...plain, server: withOtherNames, host: `www.${HOST}` },
  { number: 8, what: "the second of other names", ...plain, server: withOtherNames, host: `wiki.${HOST}` },
  // 6 lists
  { number: 9, what: "a list with another name", ...plain, allowedDn: ["C=UK,CN=dogfood"], serverSays: unlisted },
  { number: 10, what: "a list with the name", ...plain, allowedDn: ["C=UK,CN=libvirt"] },
  {
    number: 11,
    what: "a list with the name among others",
    ...plain,
    allowedDn: ["C=UK,CN=dogfood", "C=UK,CN=libvirt"],
  },
  {
    number: 12,
    what: "a list with a longer name",
    ...plain,
    allowedDn: ["C=UK,CN=libvirtstuff"],
    serverSays: unlisted,
  },
  { number: 13, what: "a list with its beginning", ...plain, allowedDn: ["C=UK,CN=libvirt*"] },
  { number: 14, what: "a list with its middle", ...plain, allowedDn: ["C=UK,CN=*virt*"] },
  {
    number: 15,
    what: "chains over a bundle of CAs",
    ...plain,
    server: { ca: bundle, chain: [leaf(level2a, "server", { name: HOST, dns: [], ip: [] })] },
    client: { ca: bundle, chain: [leaf(level1b, "client")] },
  },
];

const expired = authority({ name: "expired", issuer: ca, from: 1990, to: 2001 });
const unconstrained = authority({ name: "plain", ca: null });
const fallenServer = leaf(ca, "server", { name: HOST, dns: [HOST] });
const fallenClient = leaf(ca, "client");
const wild = files(ca, leaf(ca, "server", { dns: ["*.example.org"] }));

/** What the issue asks for beyond libvirt's. */
const further: readonly Session[] = [
  { what: "an IPv4 address", ...plain, server: withOwnName, host: "192.168.122.1" },
  { what: "an IPv6 address", ...plain, server: withOwnName, host: "fec0:0::dead:beaf" },
  { what: "another address", ...plain, server: withOwnName, host: "192.168.122.2", clientSays: /not for 192/ },
  { what: "a wildcard for one label", ...plain, server: wild, host: "kvm1.example.org" },
  { what: "a wildcard for two", ...plain, server: wild, host: "a.b.example.org", clientSays: /not for a.b/ },
  { what: "a wildcard for none", ...plain, server: wild, host: "example.org", clientSays: /not for example/ },
  {
    what: "an expired CA between",
    ...plain,
    server: { ca: [ca], chain: [leaf(expired, "server", { dns: [HOST] }), expired] },
    client: { ca: [ca], chain: [leaf(expired, "client"), expired] },
    serverSays: /CN=expired expired on 2001/,
    clientSays: /CN=expired expired on 2001/,
  },
  {
    what: "leaves that were revoked",
    ...plain,
    server: { ca: [ca], crl: revoke(ca, [fallenClient]), chain: [fallenServer] },
    client: { ca: [ca], crl: revoke(ca, [fallenServer]), chain: [fallenClient] },
    serverSays: /CN=client.test is revoked/,
    clientSays: /CN=libvirt.org is revoked/,
  },
  {
    what: "a CA without basic constraints",
    ...plain,
    server: { ca: [unconstrained], chain: [leaf(unconstrained, "server", { dns: [HOST] })] },
    client: { ca: [unconstrained], chain: [leaf(unconstrained, "client")] },
    serverSays: /CN=plain issued a certificate and is no CA/,
    clientSays: /CN=plain issued a certificate and is no CA/,
  },
  ...(["rsa", "ec", "ed25519"] as const).map((key): Session => {
    const one = authority({ name: key, key });
    return {
      what: `${key} keys`,
      ...plain,
      server: files(one, leaf(one, "server", { key, dns: [HOST] })),
      client: files(one, leaf(one, "client", { key })),
    };
  }),
];

describe("sessions", () => {
  it.each(sessions)("$number, $what", meetsExpectations);
  it.each(further)("and beyond libvirt's, $what", meetsExpectations);
});

it("libvirt's rows of sessions are all here: 15", () => {
  expect(sessions.map(({ number }) => number)).toEqual(Array.from({ length: 15 }, (_, i) => i + 1));
});

async function meetsExpectations({ serverSays, clientSays, ...session }: Session): Promise<void> {
  expect(await meet(session, "server")).toMatch(exactly(serverSays));
  expect(await meet(session, "client")).toMatch(exactly(clientSays));
}

/** A handshake in which one end alone checks the other: `ok`, or why it turned it away. */
async function meet(session: Omit<Session, "serverSays" | "clientSays">, judge: TlsRole): Promise<string> {
  const { allowedDn, host } = session;
  const { port, refusals } = await serve(session.server, { allowedDn, verify: judge === "server" });
  try {
    const found = await visit(port, session.client, { host, verify: judge === "client" });
    const { lines } = await found.program(Echo).say({ text: "ok", repeat: 1 });
    return lines.join();
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    return judge === "server" ? refusals.join() : error.message;
  }
}

function exactly(expected: string | RegExp): RegExp {
  return typeof expected === "string" ? new RegExp(`^${expected}$`) : expected;
}

function files(issuer: Issued, chain: Issued): FolderContents {
  return { ca: [issuer], chain: [chain] };
}

async function outcome(role: TlsRole, contents: FolderContents): Promise<Outcome> {
  try {
    const { warnings } = await pkiFiles(await pkiFolder(role, contents), role);
    return warnings.length === 0 ? "ok" : `warns ${warnings.map((text) => /\((.*)\);/.exec(text)?.[1]).join(", ")}`;
  } catch (error) {
    if (!(error instanceof CredentialsError)) throw error;
    return error.rule;
  }
}
