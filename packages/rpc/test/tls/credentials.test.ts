import { generateKeyPairSync } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { pkiFiles } from "../../src/tls/credentials.ts";
import { CredentialsError } from "../../src/tls/credentials-error.ts";
import type { TlsRole } from "../../src/tls/leaf-rules.ts";
import {
  authority,
  CLIENT_AUTH,
  type Issued,
  issue,
  leaf,
  type Profile,
  revoke,
  SERVER_AUTH,
  usages,
} from "../helpers/pki.ts";
import { type FolderContents, fillFolder, pkiFolder } from "../helpers/pki-folder.ts";

const ca = authority();
const ANY = "2.5.29.37.0";
const OTHER = "1.3.6.1.5.5.7.3.3";
const { digitalSignature, keyEncipherment, keyCertSign, cRLSign } = usages;

/** What comes of files like these: `ok`, `warns` and the rules that do, or the rule that is broken. */
async function outcome(role: TlsRole, contents: FolderContents): Promise<string> {
  try {
    const { warnings } = await pkiFiles(await pkiFolder(role, contents), role);
    return warnings.length === 0 ? "ok" : `warns ${warnings.map((text) => /\((.*)\);/.exec(text)?.[1]).join(", ")}`;
  } catch (error) {
    if (!(error instanceof CredentialsError)) throw error;
    const complete = error.message.startsWith(`${error.file}: `) && error.message.endsWith(`; ${error.fix}`);
    return complete ? error.rule : error.message;
  }
}

interface Case {
  readonly what: string;
  readonly ca?: Partial<Profile>;
  readonly leaf?: Partial<Profile>;
  /** For client and server alike, unless they differ. */
  readonly expected: string | { readonly client: string; readonly server: string };
}

const cases: readonly Case[] = [
  { what: "what the documentation makes", expected: "ok" },
  { what: "no usage and no purpose at all", leaf: { usage: null, purposes: null }, expected: "ok" },
  // CAs
  { what: "a CA with signing, not critical", ca: { usageCritical: false }, expected: "ok" },
  { what: "a CA without a key usage", ca: { usage: null }, expected: "ok" },
  { what: "a CA that also signs revocations", ca: { usage: keyCertSign | cRLSign }, expected: "ok" },
  { what: "a CA that may not sign, critical", ca: { usage: digitalSignature }, expected: "key usage" },
  {
    what: "a CA that may not sign, not critical",
    ca: { usage: digitalSignature, usageCritical: false },
    expected: "chain",
  },
  { what: "a CA without basic constraints", ca: { ca: null }, expected: "basic constraints" },
  { what: "a CA that says it is none", ca: { ca: false }, expected: "basic constraints" },
  // usages
  { what: "signature and encipherment, critical", leaf: { usage: digitalSignature | keyEncipherment }, expected: "ok" },
  { what: "signature only", leaf: { usage: digitalSignature }, expected: "ok" },
  { what: "a usage not critical", leaf: { usageCritical: false }, expected: "ok" },
  { what: "encipherment only, critical", leaf: { usage: keyEncipherment }, expected: "key usage" },
  {
    what: "encipherment only, not critical",
    leaf: { usage: keyEncipherment, usageCritical: false },
    expected: "warns key usage",
  },
  { what: "certificate signing only, critical", leaf: { usage: keyCertSign }, expected: "key usage" },
  { what: "no usage", leaf: { usage: null }, expected: "ok" },
  // purposes
  { what: "no purpose", leaf: { purposes: null }, expected: "ok" },
  { what: "both purposes", leaf: { purposes: [CLIENT_AUTH, SERVER_AUTH] }, expected: "ok" },
  {
    what: "both purposes, critical",
    leaf: { purposes: [SERVER_AUTH, CLIENT_AUTH], purposesCritical: true },
    expected: "ok",
  },
  { what: "any purpose", leaf: { purposes: [ANY], purposesCritical: true }, expected: "ok" },
  { what: "a purpose that is no role's", leaf: { purposes: [OTHER], purposesCritical: true }, expected: "ok" },
  {
    what: "a server's purpose, critical",
    leaf: { purposes: [SERVER_AUTH], purposesCritical: true },
    expected: { client: "key purpose", server: "ok" },
  },
  {
    what: "a client's purpose, critical",
    leaf: { purposes: [CLIENT_AUTH], purposesCritical: true },
    expected: { client: "ok", server: "key purpose" },
  },
  {
    what: "a server's purpose, not critical",
    leaf: { purposes: [SERVER_AUTH] },
    expected: { client: "warns key purpose", server: "ok" },
  },
  {
    what: "a client's purpose, not critical",
    leaf: { purposes: [CLIENT_AUTH] },
    expected: { client: "ok", server: "warns key purpose" },
  },
  // constraints of leaves
  { what: "no basic constraints", leaf: { ca: null }, expected: "ok" },
  { what: "a leaf that is a CA", leaf: { ca: true }, expected: "basic constraints" },
  // times
  { what: "an expired CA", ca: { from: 1990, to: 2001 }, expected: "validity" },
  { what: "an expired leaf", leaf: { from: 1990, to: 2001 }, expected: "validity" },
  { what: "a CA not yet active", ca: { from: 2990 }, expected: "validity" },
  { what: "a leaf not yet active", leaf: { from: 2990 }, expected: "validity" },
  // keys and algorithms
  { what: "RSA keys", ca: { key: "rsa" }, leaf: { key: "rsa" }, expected: "ok" },
  { what: "Ed25519 keys", ca: { key: "ed25519" }, leaf: { key: "ed25519" }, expected: "ok" },
  { what: "an RSA leaf of an ECDSA CA", leaf: { key: "rsa" }, expected: "ok" },
  { what: "a leaf signed with SHA-1", leaf: { digest: "sha1" }, expected: "algorithm" },
  { what: "a CA signed by itself with SHA-1", ca: { digest: "sha1" }, expected: "ok" },
  { what: "an RSA key of 512 bits", leaf: { key: "rsa", rsaBits: 512 }, expected: "algorithm" },
];

describe.each(["client", "server"] as const)("our own files as a %s", (role) => {
  it.each(cases)("$what", async ({ ca: caProfile, leaf: leafProfile, expected }) => {
    const root = authority(caProfile);
    const made = leaf(root, role, leafProfile);
    const wanted = typeof expected === "string" ? expected : expected[role];
    expect(await outcome(role, { ca: [root], chain: [made] })).toBe(wanted);
  });

  describe("chains", () => {
    const first = authority({ name: "Level 1", issuer: ca });
    const second = authority({ name: "Level 2", issuer: first });

    it("may lie in the CA file", async () => {
      expect(await outcome(role, { ca: [ca, first, second], chain: [leaf(second, role)] })).toBe("ok");
    });

    it("may follow the certificate", async () => {
      expect(await outcome(role, { ca: [ca], chain: [leaf(second, role), second, first] })).toBe("ok");
    });

    it("may begin below a root", async () => {
      expect(await outcome(role, { ca: [second], chain: [leaf(second, role)] })).toBe("ok");
    });

    it("may not have gaps", async () => {
      expect(await outcome(role, { ca: [ca, second], chain: [leaf(first, role)] })).toBe("chain");
    });

    it("break at an expired CA between", async () => {
      const expired = authority({ name: "Expired", issuer: ca, from: 1990, to: 2001 });
      expect(await outcome(role, { ca: [ca], chain: [leaf(expired, role), expired] })).toBe("validity");
    });

    it("hold no more CAs than one above allows", async () => {
      const strict = authority({ name: "Strict", pathLength: 0 });
      const below = authority({ name: "Below", issuer: strict });
      expect(await outcome(role, { ca: [strict], chain: [leaf(strict, role)] })).toBe("ok");
      expect(await outcome(role, { ca: [strict], chain: [leaf(below, role), below] })).toBe("chain");
    });

    it("are refused from another CA, also one of the same name", async () => {
      expect(await outcome(role, { ca: [authority({ name: "Other" })], chain: [leaf(ca, role)] })).toBe("chain");
      expect(await outcome(role, { ca: [authority()], chain: [leaf(ca, role)] })).toBe("chain");
    });

    it("are refused when the certificate signed itself", async () => {
      const own = issue({ name: "own", usage: digitalSignature });
      expect(await outcome(role, { ca: [ca], chain: [own] })).toBe("chain");
    });
  });

  describe("revocation lists", () => {
    it("need no right to sign them in the CA's key usage, as with GnuTLS", async () => {
      expect(await outcome(role, { ca: [ca], chain: [leaf(ca, role)], crl: revoke(ca, [leaf(ca, role)]) })).toBe("ok");
    });

    it("refuse the certificate that they list", async () => {
      const made = leaf(ca, role);
      expect(await outcome(role, { ca: [ca], chain: [made], crl: revoke(ca, [made]) })).toBe("chain");
    });

    it("must be signed by the CA, and not out of date", async () => {
      const chain = [leaf(ca, role)];
      expect(await outcome(role, { ca: [ca], chain, crl: revoke(authority(), []) })).toBe("revocation");
      expect(await outcome(role, { ca: [ca], chain, crl: revoke(ca, [], 2001) })).toBe("revocation");
      expect(await outcome(role, { ca: [ca], chain, crl: "nothing" })).toBe("PEM");
    });
  });

  it("takes 16 CAs and not 17", async () => {
    const all = Array.from({ length: 16 }, (_, index): Issued => authority({ name: `CA ${index}` }));
    const chain = [leaf(ca, role)];
    expect(await outcome(role, { ca: [...all.slice(1), ca], chain })).toBe("ok");
    expect(await outcome(role, { ca: [...all, ca], chain })).toBe("PEM");
  });

  it("refuses a file of more than 64 KiB", async () => {
    const folder = await pkiFolder(role, { ca: [ca], chain: [leaf(ca, role)] });
    const padded = (size: number): Promise<void> =>
      writeFile(join(folder, "cacert.pem"), `${ca.pem}${"#".repeat(size - ca.pem.length)}`);
    await padded(65_536);
    expect((await pkiFiles(folder, role)).pairs).toHaveLength(1);
    await padded(65_537);
    await expect(pkiFiles(folder, role)).rejects.toThrow("is larger than 65536 bytes");
  });

  it("must fit together", async () => {
    const key = leaf(ca, role).keyPem;
    expect(await outcome(role, { ca: [ca], chain: [leaf(ca, role)], key })).toBe("key");
    expect(await outcome(role, { ca: [ca], chain: [leaf(ca, role)], key: "no key" })).toBe("key");
  });

  it("needs a CA file", async () => {
    expect(await outcome(role, { chain: [leaf(ca, role)] })).toBe("file");
  });

  it("needs a certificate as a server only", async () => {
    expect(await outcome(role, { ca: [ca] })).toBe(role === "server" ? "file" : "ok");
  });

  it("skips all checks when told, but not the reading", async () => {
    const folder = await pkiFolder(role, { ca: [authority({ to: 2001, from: 1990 })], chain: [leaf(ca, role)] });
    expect((await pkiFiles(folder, role, { sanity: false })).warnings).toEqual([]);
    await writeFile(join(folder, "cacert.pem"), "");
    await expect(pkiFiles(folder, role, { sanity: false })).rejects.toThrow("holds no certificate");
  });
});

describe("pkiFiles", () => {
  it("decrypts keys with the passphrase that it asks for", async () => {
    const made = leaf(ca, "client");
    const key = made.key.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "open sesame" });
    const folder = await pkiFolder("client", { ca: [ca], chain: [made], key: key.toString() });
    const asked: string[] = [];
    const passphrase = (file: string): string => {
      asked.push(file);
      return "open sesame";
    };
    expect((await pkiFiles(folder, "client", { passphrase })).pairs).toHaveLength(1);
    expect(asked).toEqual([join(folder, "clientkey.pem")]);
    await expect(pkiFiles(folder, "client")).rejects.toThrow("is encrypted");
    const wrong = await pkiFiles(folder, "client", { passphrase: () => "hunter2" }).catch((error: unknown) => error);
    expect(inspect(wrong)).toContain("can't be decrypted");
    expect(inspect(wrong)).not.toContain("hunter2");
  });

  it("gives credentials that print no key", async () => {
    const credentials = await pkiFiles(await pkiFolder("client", { ca: [ca], chain: [leaf(ca, "client")] }), "client");
    expect(inspect(credentials, { depth: 9 })).not.toContain("PRIVATE KEY");
    expect(JSON.stringify(credentials.pairs.map(({ key }) => key))).toBe("[{}]");
  });

  it("takes numbered pairs besides the first", async () => {
    const folder = await pkiFolder("server", { ca: [ca], chain: [leaf(ca, "server")] });
    const second = leaf(ca, "server", { key: "rsa" });
    await writeFile(join(folder, "servercert0.pem"), second.pem);
    await writeFile(join(folder, "serverkey0.pem"), second.keyPem);
    expect((await pkiFiles(folder, "server")).pairs.map(({ key }) => key.asymmetricKeyType)).toEqual(["ec", "rsa"]);
  });

  it("takes half a pair for none, as libvirt does", async () => {
    const folder = await pkiFolder("client", { ca: [ca], chain: [leaf(ca, "client")] });
    await rm(join(folder, "clientkey.pem"));
    expect((await pkiFiles(folder, "client")).pairs).toEqual([]);
  });

  it("takes paths, all of which must be there", async () => {
    const folder = await pkiFolder("server", { ca: [ca], chain: [leaf(ca, "server")] });
    const paths = {
      ca: join(folder, "cacert.pem"),
      cert: join(folder, "servercert.pem"),
      key: join(folder, "serverkey.pem"),
    };
    expect((await pkiFiles(paths, "server")).pairs).toHaveLength(1);
    await expect(pkiFiles({ ...paths, crl: join(folder, "none") }, "server")).rejects.toThrow("none");
    await expect(pkiFiles({ ca: paths.ca }, "server")).rejects.toThrow(TypeError);
    await expect(pkiFiles({ ca: paths.ca, cert: paths.cert }, "client")).rejects.toThrow("key is missing");
    await expect(pkiFiles({ ...paths, key: join(folder, "nokey.pem") }, "server")).rejects.toThrow(
      "nokey.pem: the key is missing",
    );
  });

  it("reads the same files again", async () => {
    const folder = await pkiFolder("server", { ca: [ca], chain: [leaf(ca, "server", { name: "old" })] });
    const old = await pkiFiles(folder, "server");
    await fillFolder(folder, "server", { chain: [leaf(ca, "server", { name: "new" })] });
    const next = await old.reload();
    expect([old, next].map(({ pairs }) => pairs[0]?.chain[0]?.subject)).toEqual(["CN=old", "CN=new"]);
  });

  it("says which file has no key in it, and nothing of what it has", async () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const key = `garbage ${privateKey.export({ type: "sec1", format: "der" }).toString("hex")}`;
    const folder = await pkiFolder("client", { ca: [ca], chain: [leaf(ca, "client")], key });
    const error = await pkiFiles(folder, "client").catch((thrown: unknown) => thrown);
    expect(inspect(error)).toContain("clientkey.pem: is no private key in PEM");
    expect(inspect(error)).not.toContain(key.slice(8, 40));
  });
});
