/*
 * Certificates that must not get anybody in, at the level of the real handshake: an end of ours, and one of bare node:tls
 * that shows whatever it likes, with OpenSSL's own scruples turned off.
 */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import tls from "node:tls";
import {
  BasicConstraints,
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  id_ce_basicConstraints,
  id_ce_nameConstraints,
  id_ce_subjectAltName,
  NameConstraints,
  SubjectAlternativeName,
} from "@peculiar/asn1-x509";
import { describe, expect, it, onTestFinished } from "vitest";
import { connect } from "../../src/connect.ts";
import { Server } from "../../src/server/server.ts";
import { pkiFiles } from "../../src/tls/credentials.ts";
import type { TlsRole } from "../../src/tls/leaf-rules.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import {
  authority,
  CLIENT_AUTH,
  CN,
  type Issued,
  issue,
  leaf,
  nameOf,
  revoke,
  SERVER_AUTH,
  usages,
} from "../helpers/pki.ts";
import { pkiFolder } from "../helpers/pki-folder.ts";
import { until } from "../helpers/turns.ts";
import { withholdsChains } from "../helpers/withheld-chains.ts";

const ROOT = { name: "Root", key: "rsa" } as const;
const root = authority(ROOT);
const isWithheld = await withholdsChains();
const { digitalSignature, keyCertSign, cRLSign } = usages;
const UNKNOWN = "1.3.6.1.4.1.99999.1";
const MAIL = "1.3.6.1.5.5.7.3.4";

/** Where Node withholds the CAs between, nothing more can be said of a chain. */
const LOST = /CN=\w+, which leads to no CA/;
const WITHHELD = /nodejs\/node#65579/;

/** What an attacker shows, and to whom. */
interface Attack {
  readonly chain: readonly Issued[];
  /** The CA file of the other end; the good root unless given. */
  readonly ca?: readonly Issued[];
  readonly crl?: string;
}

/** Each makes its own certificates, for an attacker in that role; then what the other end finds wrong. */
const attacks: Readonly<Record<string, readonly [(role: TlsRole) => Attack, RegExp]>> = {
  "of another CA": [
    (role) => ({ chain: [leaf(authority({ name: "Other" }), role)] }),
    /issued by CN=Other, which leads to no CA/,
  ],
  "of another CA, which is sent along": [
    (role) => {
      const foreign = authority({ name: "Other" });
      return { chain: [leaf(foreign, role), foreign] };
    },
    /leads to no CA/,
  ],
  "signed by itself": [
    (role) => ({
      chain: [issue({ name: "me", usage: digitalSignature, dns: ["localhost"], purposes: purposes(role) })],
    }),
    /is signed by itself/,
  ],
  "of a CA with the same name and another key": [
    (role) => ({ chain: [leaf(authority(ROOT), role)] }),
    /another key than that CA's signed it/,
  ],
  "of a CA with the same name and another key, which is sent along": [
    (role) => {
      const twin = authority(ROOT);
      return { chain: [leaf(twin, role), twin] };
    },
    /another key than that CA's signed it/,
  ],
  "of a leaf that plays a CA": [
    (role) => {
      const member = leaf(root, role, { name: "member" });
      return { chain: [leaf(member, role), member] };
    },
    /CN=member issued a certificate and is no CA/,
  ],
  "of a leaf that plays a CA and is trusted itself": [
    (role) => {
      const member = leaf(root, role, { name: "member" });
      return { chain: [leaf(member, role)], ca: [root, member] };
    },
    /CN=member issued a certificate and is no CA/,
  ],
  "of a CA without basic constraints": [
    (role) => {
      const odd = authority({ name: "odd", issuer: root, ca: null });
      return { chain: [leaf(odd, role), odd] };
    },
    /CN=odd issued a certificate and is no CA/,
  ],
  "of a CA that may not sign certificates": [
    (role) => {
      const odd = authority({ name: "odd", issuer: root, usage: digitalSignature | cRLSign });
      return { chain: [leaf(odd, role), odd] };
    },
    /CN=odd may not sign certificates/,
  ],
  "of a CA that may not sign certificates, which is not critical": [
    (role) => {
      const odd = authority({ name: "odd", issuer: root, usage: digitalSignature, usageCritical: false });
      return { chain: [leaf(odd, role), odd] };
    },
    /CN=odd may not sign certificates/,
  ],
  "of a trusted CA that may not sign certificates, which is not critical": [
    (role) => {
      const odd = authority({ name: "odd", usage: digitalSignature, usageCritical: false });
      return { chain: [leaf(odd, role)], ca: [odd] };
    },
    /CN=odd may not sign certificates/,
  ],
  "of a CA for mail": [
    (role) => {
      const mail = authority({ name: "mail", issuer: root, purposes: [MAIL] });
      return { chain: [leaf(mail, role, { purposes: null }), mail] };
    },
    /CN=mail is a CA for other purposes than TLS/,
  ],
  "of more CAs than one above allows": [
    (role) => {
      const strict = authority({ name: "strict", issuer: root, pathLength: 0 });
      const below = authority({ name: "below", issuer: strict });
      return { chain: [leaf(below, role), below, strict] };
    },
    /CN=strict allows 0 CAs below it/,
  ],
  "of more CAs than the root allows": [
    (role) => {
      const strict = authority({ ...ROOT, pathLength: 0 });
      const below = authority({ name: "below", issuer: strict });
      return { chain: [leaf(below, role), below], ca: [strict] };
    },
    /CN=Root allows 0 CAs below it/,
  ],
  "of a CA that may name others only": [
    (role) => {
      const narrow = authority({ name: "narrow", issuer: root, extra: [[id_ce_nameConstraints, true, onlyNamed()]] });
      return { chain: [leaf(narrow, role), narrow] };
    },
    /PERMITTED_VIOLATION|name constraints/,
  ],
  "of a CA that may name others only, with an odd purpose": [
    (role) => {
      const narrow = authority({ name: "narrow", issuer: root, extra: [[id_ce_nameConstraints, true, onlyNamed()]] });
      return { chain: [leaf(narrow, role, { purposes: [MAIL] }), narrow] };
    },
    /PERMITTED_VIOLATION|name constraints/,
  ],
  "of a CA between that has expired": [
    (role) => {
      const old = authority({ name: "old", issuer: root, from: 1990, to: 2001 });
      return { chain: [leaf(old, role), old] };
    },
    /CN=old expired on 2001/,
  ],
  "of a root that has expired": [
    (role) => {
      const old = authority({ name: "old", from: 1990, to: 2001 });
      return { chain: [leaf(old, role)], ca: [old] };
    },
    /CN=old expired on 2001/,
  ],
  "of a CA that is not active yet": [
    (role) => {
      const early = authority({ name: "early", issuer: root, from: 2990 });
      return { chain: [leaf(early, role), early] };
    },
    /CN=early is not valid before 2990/,
  ],
  "of a CA between that was revoked": [
    (role) => {
      const fallen = authority({ name: "fallen", issuer: root });
      return { chain: [leaf(fallen, role), fallen], crl: revoke(root, [fallen]) };
    },
    /CN=fallen is revoked/,
  ],
  "of a trusted CA that its root, trusted too, has revoked": [
    (role) => {
      const fallen = authority({ name: "fallen", issuer: root });
      return { chain: [leaf(fallen, role)], ca: [fallen, root], crl: revoke(root, [fallen]) };
    },
    /CN=fallen is revoked/,
  ],
  "that was revoked": [
    (role) => {
      const fallen = leaf(root, role, { name: "fallen" });
      return { chain: [fallen], crl: revoke(root, [fallen]) };
    },
    /CN=fallen is revoked/,
  ],
  "that was revoked by a CA between": [
    (role) => {
      const between = authority({ name: "between", issuer: root });
      const fallen = leaf(between, role, { name: "fallen" });
      return { chain: [fallen, between], crl: revoke(root, []) + revoke(between, [fallen]) };
    },
    /CN=fallen is revoked/,
  ],
  "with a spoilt signature": [
    (role) => ({ chain: [leaf(root, role, { spoilt: true })] }),
    /another key than that CA's signed it|UNABLE/,
  ],
  "of a CA with a spoilt signature": [
    (role) => {
      const odd = authority({ name: "odd", issuer: root, spoilt: true });
      return { chain: [leaf(odd, role), odd] };
    },
    /issued by CN=odd, which leads to no CA/,
  ],
  "signed by somebody else in the root's name": [
    (role) => ({ chain: [leaf(root, role, { forger: authority(ROOT).key })] }),
    /another key than that CA's signed it/,
  ],
  "signed with SHA-1": [
    (role) => ({ chain: [leaf(root, role, { digest: "sha1" })] }),
    /signed with SHA-1 with RSA, which/,
  ],
  "signed with MD5": [(role) => ({ chain: [leaf(root, role, { digest: "md5" })] }), /signed with MD5 with RSA, which/],
  "signed with SHA-1 and PSS": [
    (role) => ({ chain: [leaf(root, role, { digest: "sha1", pss: true })] }),
    /signed with SHA-1 with RSA-PSS, which can be forged/,
  ],
  "of a CA signed with SHA-1": [
    (role) => {
      const odd = authority({ name: "odd", issuer: root, digest: "sha1" });
      return { chain: [leaf(odd, role), odd] };
    },
    /CN=odd is signed with SHA-1/,
  ],
  "with an RSA key of 768 bits": [
    (role) => ({ chain: [leaf(root, role, { key: "rsa", rsaBits: 768 })] }),
    /has only 768 bits/,
  ],
  "of a CA with an RSA key of 768 bits": [
    (role) => {
      const odd = authority({ name: "odd", issuer: root, key: "rsa", rsaBits: 768 });
      return { chain: [leaf(odd, role), odd] };
    },
    /CN=odd has only 768 bits/,
  ],
  "of a CA on a curve of 112 bits": [
    (role) => {
      const odd = authority({ name: "odd", issuer: root, curve: "secp112r1" });
      return { chain: [leaf(odd, role), odd] };
    },
    /CN=odd has only 112 bits/,
  ],
  "of the other role, which is critical": [
    (role) => ({ chain: [leaf(root, role, { purposes: purposes(other(role)), purposesCritical: true })] }),
    /the key purpose of CN=\w+.test does not include TLS/,
  ],
  "with a usage that can't sign, which is critical": [
    (role) => ({ chain: [leaf(root, role, { usage: keyCertSign })] }),
    /does not include digital signature/,
  ],
  "of a CA, shown as a leaf": [
    (role) => ({
      chain: [authority({ name: "both", issuer: root, usage: keyCertSign | digitalSignature, ...named(role) })],
    }),
    /the certificate of CN=both is a CA's/,
  ],
  "of a CA with two basic constraints": [
    (role) => {
      const odd = authority({
        name: "odd",
        issuer: root,
        extra: [[id_ce_basicConstraints, true, new BasicConstraints({ cA: false })]],
      });
      return { chain: [leaf(odd, role), odd] };
    },
    /can't be read/,
  ],
  "with two lists of names": [
    (role) => {
      const second = new SubjectAlternativeName([new GeneralName({ dNSName: "elsewhere" })]);
      const first = { dns: ["localhost"], ip: ["127.0.0.1"] };
      return { chain: [leaf(root, role, { ...first, extra: [[id_ce_subjectAltName, false, second]] })] };
    },
    /can't be read/,
  ],
  "with a critical extension that nobody knows": [
    (role) => ({ chain: [leaf(root, role, { extra: [[UNKNOWN, true, nameOf("x")]] })] }),
    /critical extension that is unknown here \(1\.3\.6\.1\.4\.1\.99999\.1\)/,
  ],
  "with a critical extension that nobody knows, and an odd purpose": [
    (role) => ({ chain: [leaf(root, role, { purposes: [MAIL], extra: [[UNKNOWN, true, nameOf("x")]] })] }),
    /critical extension that is unknown here/,
  ],
  "of a CA with a critical extension that nobody knows": [
    (role) => {
      const odd = authority({ name: "odd", issuer: root, extra: [[UNKNOWN, true, nameOf("x")]] });
      return { chain: [leaf(odd, role), odd] };
    },
    /CN=odd has a critical extension that is unknown here/,
  ],
  "of two CAs that vouch for each other": [
    (role) => {
      const a = authority({ name: "A" });
      const b = authority({ name: "B" });
      const aByB = authority({ name: "A", like: a, issuer: b });
      const bByA = authority({ name: "B", like: b, issuer: a });
      return { chain: [leaf(a, role), aByB, bByA] };
    },
    /leads to no CA/,
  ],
  "of nobody": [() => ({ chain: [] }), /sent no certificate/],
};

/** Two that are good, by the same means: else nothing would be proven. */
const controls: Readonly<Record<string, (role: TlsRole) => Attack>> = {
  "of the root": (role) => ({ chain: [leaf(root, role)] }),
  "of a CA between": (role) => {
    const between = authority({ name: "between", issuer: root, pathLength: 0, purposes: [CLIENT_AUTH, SERVER_AUTH] });
    return { chain: [leaf(between, role), between], crl: revoke(root, []) };
  },
  "of a trusted CA below a root": (role) => {
    const between = authority({ name: "between", issuer: root });
    return { chain: [leaf(between, role)], ca: [between] };
  },
  "of a root that stands in the file beside an expired one with its key": (role) => {
    const old = authority({ ...ROOT, like: root, from: 1990, to: 2001 });
    return { chain: [leaf(root, role)], ca: [old, root] };
  },
  "signed with SHA-256 and PSS": (role) => ({ chain: [leaf(root, role, { pss: true })], crl: revoke(root, []) }),
  "with an extension that nobody knows": (role) => ({
    chain: [leaf(root, role, { extra: [[UNKNOWN, false, nameOf("x")]] })],
  }),
  "for another purpose, which is not critical": (role) => ({
    chain: [leaf(root, role, { purposes: purposes(other(role)) })],
  }),
};

describe("our server lets a client in", () => {
  it.each(Object.entries(controls))("with a certificate %s", async (_, make) => {
    const attack = make("client");
    const refused = { heard: [], reason: expect.stringMatching(WITHHELD) as string };
    const expected = isWithheld && attack.chain.length > 1 ? refused : { heard: [1], reason: "" };
    expect(await attackServer(attack)).toEqual(expected);
  });
});

describe("our server keeps out a client", () => {
  it.each(Object.entries(attacks))("with a certificate %s", async (_, [make, reason]) => {
    const { heard, reason: told } = await attackServer(make("client"));
    expect(heard).toEqual([]);
    expect(told).toMatch(isWithheld && LOST.test(told) ? LOST : reason);
  });
});

describe("our client believes a server", () => {
  it.each(Object.entries(controls))("with a certificate %s", async (_, make) => {
    expect(await attackClient(make("server"))).toBe("connected");
  });
});

describe("our client turns away from a server", () => {
  // Without a certificate there is no handshake at all.
  it.each(Object.entries(attacks).filter(([name]) => name !== "of nobody"))(
    "with a certificate %s",
    async (_, [make, reason]) => {
      const told = await attackClient(make("server"));
      expect(told).toMatch(reason);
    },
  );
});

it("what a refused certificate says of itself is told in one line of bounded length", async () => {
  const name = `x\n2026-01-01 root logged in\u001b[2J${"y".repeat(10_000)}`;
  const { reason } = await attackServer({ chain: [issue({ name: [[[CN, name]]], usage: digitalSignature })] });
  expect(reason).toContain("x\\u{a}2026-01-01 root logged in\\u{1b}[2J");
  expect(reason.length).toBeLessThan(1000);
});

it("a maze of CAs, all of one name, is left after a bounded number of attempts", async () => {
  const a = authority({ name: "maze", key: "ec" });
  const maze = Array.from({ length: 12 }, () => authority({ name: "maze", like: a, issuer: a }));
  const { reason } = await attackServer({ chain: [leaf(a, "client"), ...maze] });
  expect(reason).toMatch(/leads to no CA/);
});

/** A client of bare node:tls at a server of ours: what it hears, and why it was turned away. */
async function attackServer({ chain, ca = [root], crl }: Attack): Promise<{ heard: number[]; reason: string }> {
  let reason = "";
  const server = new Server({ name: "tls" });
  onTestFinished(() => server.close());
  const folder = await pkiFolder("server", { ca, chain: [leaf(root, "server")], ...(crl !== undefined && { crl }) });
  const credentials = await pkiFiles(folder, "server", { sanity: false });
  const onRefused = ({ message }: ConnectionError): void => void (reason = message);
  const { port = 0 } = await server.listen({ host: "127.0.0.1", port: 0 }, { tls: { ...credentials, onRefused } });
  const socket = tls.connect({ ...shameless(chain), host: "127.0.0.1", port, rejectUnauthorized: false });
  onTestFinished(() => void socket.destroy());
  const heard: number[] = [];
  await new Promise<void>((resolve) => {
    socket.on("data", (chunk: Buffer) => {
      heard.push(...chunk);
      resolve();
    });
    socket.on("error", () => {});
    socket.on("end", resolve);
    socket.on("close", () => resolve());
  });
  await until(() => heard.length > 0 || reason !== "");
  return { heard, reason };
}

/** A client of ours at a server of bare node:tls, which always confirms: what the client says. */
async function attackClient({ chain, ca = [root], crl }: Attack): Promise<string> {
  const server = tls.createServer({ ...shameless(chain), requestCert: true, rejectUnauthorized: false }, (socket) => {
    socket.on("error", () => {});
    socket.write("\x01");
  });
  onTestFinished(() => void server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // of a TCP server
  const contents = { ca, chain: [leaf(root, "client")], ...(crl !== undefined && { crl }) };
  const credentials = await pkiFiles(await pkiFolder("client", contents), "client", { sanity: false });
  try {
    const client = await connect({ host: "127.0.0.1", port }, { tls: { ...credentials, host: "localhost" } });
    await client.close();
    return "connected";
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    return error.message;
  }
}

/** Node's options to show a chain that OpenSSL by itself would be ashamed of. */
function shameless(chain: readonly Issued[]): tls.SecureContextOptions {
  const [first] = chain;
  const shown = first === undefined ? {} : { cert: chain.map(({ pem }) => pem).join(""), key: first.keyPem };
  return { ...shown, ciphers: `${tls.DEFAULT_CIPHERS}:@SECLEVEL=0` };
}

function other(role: TlsRole): TlsRole {
  return role === "client" ? "server" : "client";
}

function purposes(role: TlsRole): readonly string[] {
  return [role === "client" ? CLIENT_AUTH : SERVER_AUTH];
}

function named(role: TlsRole): { readonly dns: readonly string[] } {
  return { dns: role === "server" ? ["localhost"] : [] };
}

/** Only certificates for this name, whatever kind of name it is. */
function onlyNamed(): NameConstraints {
  const names = [
    new GeneralName({ dNSName: "elsewhere.example" }),
    new GeneralName({ directoryName: nameOf("elsewhere") }),
  ];
  return new NameConstraints({
    permittedSubtrees: new GeneralSubtrees(names.map((base) => new GeneralSubtree({ base }))),
  });
}
