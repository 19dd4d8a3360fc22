import type { ChannelBindingType, SaslContext } from "virnet/sasl";
import { afterAll, beforeAll, expect, it } from "vitest";
import { cyrusClient, cyrusServer } from "../../src/cyrus/index.ts";
import { authenticate, clientContext, type Sides, serverContext, wantsLayer } from "../helpers/authenticate.ts";
import { type SaslConfig, saslConfig } from "../helpers/sasl-config.ts";
import { describeWithCyrus } from "../helpers/with-cyrus.ts";

const offByDefault = ["ANONYMOUS", "EXTERNAL", "DIGEST-MD5"];
const alice = { authname: "alice", passphrase: "alice-secret" };

describeWithCyrus("client and server of Cyrus", () => {
  let config: SaslConfig;
  let sides: Sides;
  beforeAll(async () => {
    config = await saslConfig({ alice: alice.passphrase });
    // Some only when they are asked for, so all are asked for.
    const first = await cyrusServer({ configPath: config.path });
    const mechanisms = [...offByDefault, ...(await first.mechanisms(serverContext(onTls())))];
    sides = { client: await cyrusClient(), server: await cyrusServer({ mechanisms }) };
  });
  afterAll(() => config[Symbol.asyncDispose]());

  const passwords = ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "DIGEST-MD5", "CRAM-MD5", "PLAIN", "LOGIN"];

  it.each(passwords)("%s lets in who has the password", async (mechanism) => {
    const { client, server } = await authenticate(sides, mechanism, clientContext(alice), serverContext());
    expect([client.user, server.user, client.layer, server.layer]).toEqual(["alice", "alice", null, null]);
  });

  it.each(passwords)("%s refuses a wrong password", async (mechanism) => {
    const wrong = clientContext({ ...alice, passphrase: "wrong" });
    await expect(authenticate(sides, mechanism, wrong, serverContext())).rejects.toThrow("Cyrus SASL: SASL(-13)");
  });

  it.each(passwords)("%s refuses who is unknown", async (mechanism) => {
    const stranger = clientContext({ ...alice, authname: "nobody" });
    await expect(authenticate(sides, mechanism, stranger, serverContext())).rejects.toThrow("Cyrus SASL: SASL(-13)");
  });

  it.each(passwords)("%s without a name or a password fails on the client", async (mechanism) => {
    await expect(authenticate(sides, mechanism, clientContext({}), serverContext())).rejects.toThrow(
      `${mechanism} needs a authname`,
    );
    const nameless = clientContext({ authname: "alice" });
    await expect(authenticate(sides, mechanism, nameless, serverContext())).rejects.toThrow(
      `${mechanism} needs a passphrase`,
    );
  });

  it("ANONYMOUS lets anybody in, EXTERNAL who the connection says", async () => {
    const anonymous = await authenticate(sides, "ANONYMOUS", clientContext({}), serverContext());
    expect(anonymous.server.user).toBe("anonymous");
    const external = await authenticate(sides, "EXTERNAL", clientContext({}, onTls()), serverContext(onTls()));
    expect(external.server.user).toBe("O=Testbed,CN=client");
  });

  it("EXTERNAL's response of no bytes is one, and differs from none", async () => {
    const client = sides.client.start("EXTERNAL", clientContext({}, onTls()));
    const said = await client.step(null, forLong());
    expect(said.output).toEqual(new Uint8Array(0));
    const asked = sides.server.start("EXTERNAL", serverContext(onTls()));
    expect((await asked.step(null, forLong())).done).toBe(false);
    const told = sides.server.start("EXTERNAL", serverContext(onTls()));
    expect((await told.step(said.output, forLong())).done).toBe(true);
    for (const exchange of [client, asked, told]) exchange.close();
  });

  it("a mechanism that lets the server speak first says nothing, not no bytes", async () => {
    const client = sides.client.start("DIGEST-MD5", clientContext(alice));
    expect((await client.step(null, forLong())).output).toBeNull();
    client.close();
  });

  it("SCRAM binds to the channel, and only to the same one", async () => {
    const same = [clientContext(alice, onTls()), serverContext(onTls())] as const;
    expect((await authenticate(sides, "SCRAM-SHA-256-PLUS", ...same)).server.user).toBe("alice");
    const other = serverContext(onTls(8));
    await expect(authenticate(sides, "SCRAM-SHA-256-PLUS", same[0], other)).rejects.toThrow("hannel binding");
  });

  it("SCRAM finds out that somebody took -PLUS off the list, and lets users do without it", async () => {
    const robbed = clientContext(alice, onTls());
    await expect(authenticate(sides, "SCRAM-SHA-256", robbed, serverContext(onTls()))).rejects.toThrow(
      "client incorrectly assumed server had no channel binding",
    );
    const chosen = clientContext(alice, { ...onTls(), offered: ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"] });
    expect((await authenticate(sides, "SCRAM-SHA-256", chosen, serverContext(onTls()))).server.user).toBe("alice");
    const plain = serverContext({ ...onTls(), channelBinding: () => null });
    expect((await authenticate(sides, "SCRAM-SHA-256", robbed, plain)).server.user).toBe("alice");
  });

  it("acts as somebody else only where the mechanism and the server let it", async () => {
    const asBob = clientContext({ ...alice, username: "bob" });
    await expect(authenticate(sides, "PLAIN", asBob, serverContext())).rejects.toThrow("not authenticated identity");
  });

  it("takes passwords of all characters, and refuses a zero in an answer", async () => {
    await using strange = await saslConfig({});
    expect(strange.path).not.toBe("");
    const zero = clientContext({ authname: "alice\0bob", passphrase: "x" });
    await expect(authenticate(sides, "PLAIN", zero, serverContext())).rejects.toThrow("can't have a zero");
  });

  it("where a layer is demanded offers only what brings one", async () => {
    const ofServer = await sides.server.mechanisms(serverContext(wantsLayer));
    expect(ofServer).toContain("DIGEST-MD5");
    expect(ofServer.filter((name) => /SCRAM|PLAIN|LOGIN|CRAM|ANONYMOUS/.test(name))).toEqual([]);
    const ofClient = await sides.client.mechanisms(clientContext(alice, wantsLayer));
    expect(ofClient).toContain("DIGEST-MD5");
    expect(ofClient.filter((name) => /SCRAM|PLAIN|LOGIN|CRAM|ANONYMOUS/.test(name))).toEqual([]);
    await expect(authenticate(sides, "PLAIN", clientContext(alice), serverContext(wantsLayer))).rejects.toThrow(
      "mech PLAIN is too weak",
    );
  });

  it("a password in clear is neither offered nor sent where it may not be", async () => {
    const open: Partial<SaslContext> = { plaintext: false };
    expect(await sides.server.mechanisms(serverContext(open))).not.toContain("PLAIN");
    expect(await sides.client.mechanisms(clientContext(alice, open))).not.toContain("PLAIN");
    const client = sides.client.start("PLAIN", clientContext(alice, open));
    await expect(client.step(null, forLong())).rejects.toThrow("No worthy mechs");
    client.close();
  });

  it("offers -PLUS where there is something to bind to", async () => {
    expect(await sides.client.mechanisms(clientContext(alice, onTls()))).toContain("SCRAM-SHA-256-PLUS");
    expect(await sides.server.mechanisms(serverContext(onTls()))).toContain("SCRAM-SHA-256-PLUS");
    expect(await sides.client.mechanisms(clientContext(alice))).not.toContain("SCRAM-SHA-256-PLUS");
    expect(await sides.server.mechanisms(serverContext())).not.toContain("SCRAM-SHA-256-PLUS");
  });

  it("a layer reaches the strength that was demanded, and no more than was allowed", async () => {
    for (const ssf of [1, 56, 128]) {
      const exactly: Partial<SaslContext> = { ...wantsLayer, minSsf: ssf, maxSsf: ssf };
      const both = await authenticate(sides, "DIGEST-MD5", clientContext(alice, exactly), serverContext(exactly));
      expect([both.client.ssf, both.server.ssf]).toEqual([ssf, ssf]);
      both.client.layer?.close();
      both.server.layer?.close();
    }
  });

  it("what TLS gives counts for the strength that is demanded", async () => {
    const enough: Partial<SaslContext> = { minSsf: 128, maxSsf: 128, external: { ssf: 256, identity: null } };
    const both = await authenticate(sides, "SCRAM-SHA-256", clientContext(alice, enough), serverContext(enough));
    expect(both.server.layer).toBeNull();
  });

  it.each(offByDefault)("%s is off on servers that do not ask for it", async (mechanism) => {
    const server = await cyrusServer();
    const offered = await server.mechanisms(serverContext(onTls()));
    expect(offered).toContain("SCRAM-SHA-256");
    expect(offered).not.toContain(mechanism);
    expect(() => server.start(mechanism, serverContext(onTls()))).toThrow("not offered");
  });

  it("offers what was chosen, in that order, and nothing else", async () => {
    const server = await cyrusServer({ mechanisms: ["PLAIN", "NO-SUCH", "SCRAM-SHA-256"] });
    expect(await server.mechanisms(serverContext())).toEqual(["PLAIN", "SCRAM-SHA-256"]);
    expect(() => server.start("SCRAM-SHA-1", serverContext())).toThrow("not offered");
    const client = await cyrusClient({ mechanisms: ["PLAIN"] });
    expect(await client.mechanisms(clientContext(alice))).toEqual(["PLAIN"]);
    expect(() => client.start("SCRAM-SHA-1", clientContext(alice))).toThrow("not to be used");
  });

  it("an unknown mechanism is refused by the first step", async () => {
    const server = await cyrusServer({ mechanisms: ["NO-SUCH", ""] });
    for (const name of ["NO-SUCH", ""]) {
      const exchange = server.start(name, serverContext());
      await expect(exchange.step(null, forLong())).rejects.toThrow("SASL(-4)");
      exchange.close();
    }
  });

  it("ends of a connection that are no addresses are left out", async () => {
    const odd = { local: "/run/socket", remote: "" };
    const both = await authenticate(sides, "PLAIN", clientContext(alice, odd), serverContext(odd));
    expect(both.server.user).toBe("alice");
  });

  it("a second configuration comes too late, and says so", async () => {
    await expect(cyrusServer({ configPath: config.path })).rejects.toThrow("comes too late");
    await expect(cyrusServer({ configPath: "/nowhere" })).rejects.toThrow("can't be read: /nowhere/libvirt.conf");
  });

  it("users of the server's realm are found under it", async () => {
    const elsewhere = serverContext({ realm: "elsewhere" });
    await expect(authenticate(sides, "SCRAM-SHA-256", clientContext(alice), elsewhere)).rejects.toThrow("SASL(-13)");
  });
});

function forLong(): AbortSignal {
  return AbortSignal.timeout(20_000);
}

/** A connection over TLS 1.3: strong, bound to by its exporter, and the client has a certificate. */
function onTls(secret: number = 7): Partial<SaslContext> {
  return {
    external: { ssf: 256, identity: "O=Testbed,CN=client" },
    channelBinding: (type: ChannelBindingType) => (type === "tls-exporter" ? new Uint8Array(32).fill(secret) : null),
  };
}
