import { describe, expect, it } from "vitest";
import type { Client } from "../../src/client/client.ts";
import { connect } from "../../src/connect.ts";
import { Server } from "../../src/server/server.ts";
import { type Credentials, pkiFiles } from "../../src/tls/credentials.ts";
import type { TlsClientOptions } from "../../src/transport/tls-client.ts";
import type { TlsServerOptions } from "../../src/transport/tls-server.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { deferred } from "../../src/util/deferred.ts";
import { Echo } from "../helpers/echo.ts";
import { authority, CN, type Issued, issue, leaf, type NameParts, O, revoke, usages } from "../helpers/pki.ts";
import { type FolderContents, fillFolder, pkiFolder } from "../helpers/pki-folder.ts";
import { Files } from "../helpers/stream-program.ts";
import { serve, visit } from "../helpers/tls-ends.ts";
import { withholdsChains } from "../helpers/withheld-chains.ts";

const ca = authority();
const good: FolderContents = { ca: [ca], chain: [leaf(ca, "server")] };
const visitor: FolderContents = { ca: [ca], chain: [leaf(ca, "client")] };

/** What each end makes of the other: the client's error, and the server's. */
async function meet(
  servers: FolderContents,
  clients: FolderContents,
  options: { readonly server?: Partial<TlsServerOptions>; readonly client?: Partial<TlsClientOptions> } = {},
): Promise<{ client: string; server: string }> {
  const { port, refusals } = await serve(servers, options.server);
  try {
    const client = await visit(port, clients, options.client);
    const { lines } = await client.program(Echo).say({ text: "hello", repeat: 1 });
    return { client: lines.join(), server: refusals.join() || "ok" };
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    return { client: error.message.replace(/^\S+: /, ""), server: refusals.join() || "ok" };
  }
}

const accepted = { client: "hello", server: "ok" };
const shunned = (reason: RegExp): object => ({
  client: expect.stringMatching(/^the server did not confirm our certificate/) as string,
  server: expect.stringMatching(reason) as string,
});
const distrusts = (reason: RegExp): object => ({
  client: expect.stringMatching(reason) as string,
  server: expect.any(String) as string,
});

describe("a session of two good ends", () => {
  it.each(["TLSv1.2", "TLSv1.3"] as const)("over %s tells how it is protected and who is there", async (version) => {
    const { port, callers } = await serve(good);
    const client = await visit(port, visitor, { priority: `NORMAL:-VERS-ALL:+VERS-TLS${version.slice(4)}` });
    await client.program(Echo).say({ text: "hello", repeat: 1 });
    const common = { encrypted: true, protocol: version, ssf: expect.any(Number) as number, warnings: [] };
    expect(client.encrypted).toBe(true);
    expect(client.security).toMatchObject({ ...common, peer: { distinguishedName: "CN=server.test" } });
    expect(client.security?.ssf).toBeGreaterThanOrEqual(128);
    expect(callers[0]?.security).toMatchObject({ ...common, peer: { distinguishedName: "CN=client.test" } });
    expect(callers[0]?.identity).toMatchObject({ x509DistinguishedName: "CN=client.test" });
  });

  it("carries large messages in both directions", async () => {
    const { port } = await serve(good);
    const client = await visit(port, visitor);
    const text = "x".repeat(65_536);
    const all = await Promise.all(Array.from({ length: 64 }, () => client.program(Echo).say({ text, repeat: 1 })));
    expect(all.every(({ lines }) => lines[0] === text)).toBe(true);
  });

  it("carries streams in both directions, whole", async () => {
    const { server, port } = await serve(good);
    const sent = new Uint8Array(3_000_001).map((_, i) => (i * 31) ^ (i >> 9));
    const came: Uint8Array[] = [];
    server.add(Files, {
      upload: (_, { stream }) => stream.drain((bytes) => void came.push(bytes.slice())),
      download: (_, { stream }) => stream.write(sent),
      chat: () => {},
      picture: () => ({ name: "" }),
      say: ({ name }) => ({ name }),
    });
    const files = (await visit(port, visitor)).program(Files);
    const { stream: up } = await files.upload({ name: "up" });
    await up.write(sent);
    await up.finish();
    expect(Buffer.concat(came).equals(sent)).toBe(true);
    const back: Uint8Array[] = [];
    const { stream: down } = await files.download({ name: "down" });
    for await (const bytes of down) back.push(bytes.slice());
    expect(Buffer.concat(back).equals(sent)).toBe(true);
  });

  it.each(["rsa", "ec", "ed25519"] as const)("has %s keys", async (key) => {
    const root = authority({ key });
    expect(
      await meet(
        { ca: [root], chain: [leaf(root, "server", { key })] },
        { ca: [root], chain: [leaf(root, "client", { key })] },
      ),
    ).toEqual(accepted);
  });
});

describe("credentials that were used before", () => {
  it("serve a copy with other certificates or other CAs as these say", async () => {
    const { port, refusals } = await serve(good);
    const own = await pkiFiles(await pkiFolder("client", visitor), "client");
    const open = (tls: TlsClientOptions): Promise<Client> => connect({ host: "127.0.0.1", port }, { tls });
    await (await open(own)).close();
    await expect(open({ ...own, pairs: [] })).rejects.toThrow("we showed no certificate");
    expect(refusals).toEqual(["the client sent no certificate"]);
    const trust = { authorities: [], revocations: [] };
    await expect(open({ ...own, trust })).rejects.toThrow("leads to no CA");
    await (await open({ ...own })).close();
  });
});

describe("chains", () => {
  it("of another CA are refused at either end", async () => {
    const other = authority({ name: "Other CA" });
    const reason = /Other CA, which leads to no CA/;
    expect(await meet({ ca: [ca], chain: [leaf(other, "server")] }, visitor)).toMatchObject(distrusts(reason));
    expect(await meet(good, { ca: [ca], chain: [leaf(other, "client")] })).toMatchObject(shunned(reason));
  });

  it("that signed themselves are refused", async () => {
    const own = issue({ name: "own", usage: usages.digitalSignature });
    expect(await meet(good, { ca: [ca], chain: [own] })).toMatchObject(shunned(/signed by itself/));
  });

  it("over two CAs between are followed from either end", async () => {
    const first = authority({ name: "Level 1", issuer: ca });
    const second = authority({ name: "Level 2", issuer: ca });
    const servers = { ca: [ca], chain: [leaf(first, "server"), first] };
    const expected = (await withholdsChains()) ? shunned(/nodejs\/node#65579/) : accepted;
    expect(await meet(servers, { ca: [ca], chain: [leaf(second, "client"), second] })).toMatchObject(expected);
    expect(await meet({ ...good, ca: [ca, second] }, { ca: [ca], chain: [leaf(second, "client")] })).toEqual(accepted);
    expect(await meet({ ...good, ca: [second] }, { ca: [ca], chain: [leaf(second, "client")] })).toEqual(accepted);
    expect(await meet(good, { ca: [ca], chain: [leaf(second, "client")] })).toMatchObject(
      shunned(/Level 2, which leads to no CA/),
    );
  });

  it("with an expired CA between are refused", async () => {
    const between = authority({ name: "Between", issuer: ca, from: 1990, to: 2001 });
    expect(await meet(good, { ca: [ca], chain: [leaf(between, "client"), between] })).toMatchObject(
      shunned(/Between expired on 2001/),
    );
  });

  it("through a leaf that plays a CA are refused", async () => {
    const fake = leaf(ca, "client", { name: "no CA" });
    expect(await meet(good, { ca: [ca], chain: [leaf(fake, "client", { name: "someone else" }), fake] })).toMatchObject(
      shunned(/no CA, which leads to no CA|is no CA/),
    );
  });

  it("through a CA without basic constraints are refused", async () => {
    const plain = authority({ name: "plain", ca: null });
    expect(await meet({ ...good, ca: [plain] }, { ca: [ca], chain: [leaf(plain, "client")] })).toMatchObject(
      shunned(/is no CA/),
    );
  });

  it.each([
    ["expired", { from: 1990, to: 2001 }, /expired on 2001/],
    ["not yet active", { from: 2990 }, /not valid before 2990/],
  ] as const)("with an end that is %s are refused", async (_, profile, reason) => {
    expect(await meet(good, { ca: [ca], chain: [leaf(ca, "client", profile)] })).toMatchObject(shunned(reason));
    expect(await meet({ ca: [ca], chain: [leaf(ca, "server", profile)] }, visitor)).toMatchObject(distrusts(reason));
  });

  it("with a certificate that was revoked are refused", async () => {
    const revoked = leaf(ca, "client");
    const crl = revoke(ca, [revoked]);
    expect(await meet({ ...good, crl }, { ca: [ca], chain: [revoked] })).toMatchObject(shunned(/is revoked/));
    expect(await meet({ ...good, crl }, visitor)).toEqual(accepted);
    const server = leaf(ca, "server");
    expect(await meet({ ca: [ca], chain: [server] }, { ...visitor, crl: revoke(ca, [server]) })).toMatchObject(
      distrusts(/is revoked/),
    );
  });

  it("with the other role's purpose are refused when that is critical, else warned of", async () => {
    const wrong = (purposesCritical: boolean): Issued => leaf(ca, "server", { name: "two-faced", purposesCritical });
    expect(await meet(good, { ca: [ca], chain: [wrong(true)] })).toMatchObject(shunned(/does not include TLS client/));
    const { port, callers } = await serve(good);
    const client = await visit(port, { ca: [ca], chain: [wrong(false)] });
    await client.program(Echo).say({ text: "hello", repeat: 1 });
    expect(callers[0]?.security?.warnings).toEqual(["the key purpose of CN=two-faced does not include TLS client"]);
  });

  it("of nobody are refused", async () => {
    expect(await meet(good, { ca: [ca] })).toMatchObject({
      client: expect.stringContaining("we showed no certificate") as string,
      server: "the client sent no certificate",
    });
  });

  it("count for nothing with verify: false, which is told", async () => {
    expect(await meet(good, { ca: [ca] }, { server: { verify: false } })).toEqual(accepted);
    const { port } = await serve(good);
    const client = await visit(
      port,
      { ...visitor, ca: [authority({ name: "Other" })] },
      { verify: false, host: "elsewhere" },
    );
    expect(client.security?.warnings).toEqual([expect.stringContaining("leads to no CA") as string]);
  });
});

describe("the server's name", () => {
  const names = ["kvm1.example.org", "kvm2.example.org"];
  const withNames: FolderContents = {
    ca: [ca],
    chain: [leaf(ca, "server", { name: "cn.example.org", dns: names, ip: ["192.0.2.7", "2001:db8::7"] })],
  };
  const without: FolderContents = {
    ca: [ca],
    chain: [leaf(ca, "server", { name: "cn.example.org", dns: [], ip: [] })],
  };

  it.each(["kvm1.example.org", "KVM2.example.org", "192.0.2.7", "2001:db8:0::7"])(
    "%s is among the alternative names",
    async (host) => {
      expect(await meet(withNames, visitor, { client: { host } })).toEqual(accepted);
    },
  );

  it.each(["kvm3.example.org", "cn.example.org", "192.0.2.8", "2001:db8::8"])("%s is not", async (host) => {
    expect(await meet(withNames, visitor, { client: { host } })).toMatchObject(
      distrusts(new RegExp(`not for ${host}`)),
    );
  });

  it("is the common name only where there are no others", async () => {
    expect(await meet(without, visitor, { client: { host: "cn.example.org" } })).toEqual(accepted);
    expect(await meet(without, visitor, { client: { host: "kvm1.example.org" } })).toMatchObject(
      distrusts(/for cn.example.org/),
    );
  });

  it("is the address's host unless told", async () => {
    expect(await meet(withNames, visitor)).toMatchObject(distrusts(/not for 127.0.0.1/));
  });
});

describe("the list of allowed names", () => {
  const name: NameParts = [[["2.5.4.6", "GB", "printableString"]], [[O, "Org X"]], [[CN, "someone"]]];
  const someone: FolderContents = { ca: [ca], chain: [leaf(ca, "client", { name })] };

  it.each([
    ["C=GB,O=Org X,CN=someone"],
    ["C=GB,*"],
    ["*CN=someone"],
    ["C=GB,O=Org ?,CN=*"],
    ["CN=nobody", "*,CN=someone"],
  ])("lets in by %s", async (...allowedDn) => {
    expect(await meet(good, someone, { server: { allowedDn } })).toEqual(accepted);
  });

  it.each([["C=GB,O=Org X,CN=someone else"], ["CN=someone,O=Org X,C=GB"], ["C=GB,O=Org [XY],CN=someone"], []])(
    "keeps out by %s",
    async (...allowedDn) => {
      const { client, server } = await meet(good, someone, { server: { allowedDn } });
      expect(client).toContain("we showed C=GB,O=Org X,CN=someone, issued by CN=Test CA");
      expect(server).toBe("the client C=GB,O=Org X,CN=someone is not on the list of allowed names");
    },
  );
});

describe("several certificates at one end", () => {
  const folders = { ec: good, rsa: { ca: [ca], chain: [leaf(ca, "server", { name: "rsa", key: "rsa" })] } };

  it.each([
    ["ECDHE-ECDSA", "CN=server.test"],
    ["ECDHE-RSA", "CN=rsa"],
  ])("leave the choice to the other: %s gets %s", async (exchange, name) => {
    const [ec, rsa] = await Promise.all(
      [folders.ec, folders.rsa].map(async (contents) => pkiFiles(await pkiFolder("server", contents), "server")),
    );
    const { port } = await serve(good, { pairs: [...(ec?.pairs ?? []), ...(rsa?.pairs ?? [])] });
    const priority = `NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+${exchange}`;
    const { security } = await visit(port, visitor, { priority });
    expect(security?.peer?.distinguishedName).toBe(name);
  });
});

describe("reloading", () => {
  it("uses the new files for new clients, and keeps the old ones where the new are bad", async () => {
    const { server, folder, port } = await serve(good);
    const early = await visit(port, visitor);
    await fillFolder(folder, "server", { chain: [leaf(ca, "server", { name: "renewed" })] });
    await server.reloadTls();
    expect((await visit(port, visitor)).security?.peer?.distinguishedName).toBe("CN=renewed");
    await fillFolder(folder, "server", { key: leaf(ca, "server").keyPem });
    await expect(server.reloadTls()).rejects.toThrow(/does not belong|mismatch/);
    expect((await visit(port, visitor)).security?.peer?.distinguishedName).toBe("CN=renewed");
    expect((await early.program(Echo).say({ text: "still here", repeat: 1 })).lines).toEqual(["still here"]);
  });

  it("takes new revocations to heart", async () => {
    const { server, folder, port } = await serve(good);
    const member = leaf(ca, "client");
    await visit(port, { ca: [ca], chain: [member] });
    await fillFolder(folder, "server", { crl: revoke(ca, [member]) });
    await server.reloadTls();
    await expect(visit(port, { ca: [ca], chain: [member] })).rejects.toThrow("did not confirm");
  });

  it("of two at once ends with what the later read", async () => {
    const named = async (name: string): Promise<Credentials> =>
      pkiFiles(await pkiFolder("server", { ca: [ca], chain: [leaf(ca, "server", { name })] }), "server");
    const first = deferred<Credentials>();
    const reads = [() => first.promise, () => named("second")];
    const reload = (): Promise<Credentials> => reads.shift()?.() ?? Promise.reject(new Error("a third"));
    const { server, port } = await serve(good, { reload });
    const both = [server.reloadTls(), server.reloadTls()];
    first.resolve({ ...(await named("first")), reload });
    await Promise.all(both);
    expect((await visit(port, visitor)).security?.peer?.distinguishedName).toBe("CN=second");
  });

  it("is refused where there is no TLS", async () => {
    await expect(new Server({ name: "plain" }).reloadTls()).rejects.toThrow("no service with TLS");
  });
});

describe("the versions", () => {
  it("have to be in common", async () => {
    const { client } = await meet(good, visitor, {
      server: { priority: "NORMAL:-VERS-TLS1.2" },
      client: { priority: "NORMAL:-VERS-TLS1.3" },
    });
    expect(client).toContain("the peer allows no TLS version that we have");
  });
});
