import { join } from "node:path";
import { remoteAuth } from "@virnet/libvirt";
import { Remote } from "@virnet/libvirt/remote";
import { cyrusClient, cyrusServer } from "@virnet/native/cyrus";
import { type Address, type Client, type ClientAuth, ConnectionError, connect, RpcError } from "virnet";
import { type SaslServerProvider, saslServer, scramKeys } from "virnet/sasl";
import { pkiFiles } from "virnet/tls";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type SaslConfig, saslConfig } from "../packages/native/test/helpers/sasl-config.ts";
import { damagingProxy } from "./helpers/damaging-proxy.ts";
import { describeWithPeers } from "./helpers/peers.ts";
import { type Settings, testbed, testbedDirectory } from "./helpers/testbed.ts";
import { virshWith } from "./helpers/virsh.ts";
import { type WhoServer, whoServer } from "./helpers/who-server.ts";

const withLayer = ["DIGEST-MD5", "GSSAPI"] as const;
const alice = { user: "alice", password: "alice-secret" };
/** Longer than a frame of a layer may be, many times. */
const long = "<domain>long</domain>".repeat(20_000);

async function open(address: Address, auth: ClientAuth, pki: string | null = null): Promise<Client> {
  const tls = pki === null ? {} : { tls: { ...(await pkiFiles(pki, "client")), host: "localhost" } };
  const signal = AbortSignal.timeout(20_000);
  return connect(address, { ...tls, auth: { binding: remoteAuth, ...auth }, signal });
}

/** The error's code, when it is one of the peer's or of authentication. */
async function codeOf(opening: Promise<Client>): Promise<number | string> {
  try {
    await (await opening).close();
    return "let in";
  } catch (error) {
    return error instanceof RpcError ? error.code : String(error);
  }
}

describeWithPeers(["libvirtd", "virsh", "saslpasswd2", "krb5kdc", "certtool"], "Cyrus mechanisms", () => {
  let settings: Settings<"libvirtd-sasl" | "kdc">;
  let providers: NonNullable<ClientAuth["providers"]>;
  /** The one that this process has for all servers of Cyrus. */
  let config: SaslConfig;

  beforeAll(async () => {
    settings = await testbed("libvirtd-sasl", "kdc");
    const { KRB5_CONFIG, KDC_SERVICE_KEYTAB } = settings;
    Object.assign(process.env, { KRB5_CONFIG, KRB5_KTNAME: KDC_SERVICE_KEYTAB, KRB5RCACHEDIR: testbedDirectory() });
    providers = [await cyrusClient()];
    config = await saslConfig({ alice: alice.password, mallory: "mallory-secret" });
    await cyrusServer({ configPath: config.path });
  });
  afterAll(() => config[Symbol.asyncDispose]());

  beforeEach(() => {
    process.env["KRB5CCNAME"] = settings.KRB5CCNAME;
  });

  describe("our client with libvirtd", () => {
    const tcp = (): Address => ({ host: "localhost", port: Number(settings.SASL_TCP_PORT) });
    const tls = (): Address => ({ host: "localhost", port: Number(settings.SASL_TLS_PORT) });
    const unix = (): Address => ({ path: settings.SASL_SOCK });

    async function use(client: Client): Promise<string> {
      const remote = client.program(Remote);
      await remote.connectOpen({ name: "test:///default", flags: 0 });
      const { xml } = await remote.domainGetXmlDesc({
        dom: (await remote.domainLookupByName({ name: "test" })).dom,
        flags: 0,
      });
      await client.close();
      return /<name>(.*)<\/name>/.exec(xml)?.[1] ?? "";
    }

    it.each(withLayer)("%s over TCP: all that follows is in its layer", async (mechanism) => {
      const client = await open(tcp(), { ...alice, providers, mechanism });
      expect(client.security).toMatchObject({ encrypted: true, protocol: "SASL", cipher: mechanism });
      expect(client.security?.ssf).toBeGreaterThanOrEqual(56);
      expect(await use(client)).toBe("test");
    });

    it.each(withLayer)("%s over a UNIX socket and over TLS: no layer", async (mechanism) => {
      const local = await open(unix(), { ...alice, providers, mechanism });
      expect(local.security).toBeNull();
      expect(await use(local)).toBe("test");
      const secure = await open(tls(), { ...alice, providers, mechanism }, settings.PKI_CLIENT);
      expect(secure.security?.protocol).toBe("TLSv1.3");
      expect(await use(secure)).toBe("test");
    });

    it.each(withLayer)("%s: texts longer than a frame, both ways", async (mechanism) => {
      await using client = await open(tcp(), { ...alice, providers, mechanism });
      const remote = client.program(Remote);
      await remote.connectOpen({ name: "test:///default", flags: 0 });
      const description = "x".repeat(300_000);
      const xml = `<domain type="test"><name>long-${mechanism}</name><description>${description}</description>
        <memory>1024</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>`;
      const { dom } = await remote.domainDefineXml({ xml });
      expect((await remote.domainGetXmlDesc({ dom, flags: 0 })).xml).toContain(description);
      await remote.domainUndefine({ dom });
    });

    it("GSSAPI comes first, and DIGEST-MD5 takes over where there is no ticket", async () => {
      await using first = await open(tcp(), { ...alice, providers });
      expect(first.security?.cipher).toBe("GSSAPI");
      process.env["KRB5CCNAME"] = "FILE:/nowhere/at/all";
      await using second = await open(tcp(), { ...alice, providers });
      expect(second.security?.cipher).toBe("DIGEST-MD5");
    });

    it("a wrong password, an unlisted user and a stranger stay outside, with one text", async () => {
      const wrong = { ...alice, password: "wrong", providers, mechanism: "DIGEST-MD5" };
      const mallory = { user: "mallory", password: "mallory-secret", providers, mechanism: "DIGEST-MD5" };
      expect(await codeOf(open(tcp(), wrong))).toBe(45);
      expect(await codeOf(open(tcp(), mallory))).toBe(45);
      process.env["KRB5CCNAME"] = settings.KDC_UNLISTED_CCACHE;
      expect(await codeOf(open(tcp(), { providers, mechanism: "GSSAPI" }))).toBe(45);
      expect(await codeOf(open(unix(), { providers, mechanism: "GSSAPI" }))).toBe(45);
    });

    it("without Cyrus it says in one sentence what it takes", async () => {
      await expect(open(tcp(), alice)).rejects.toThrow("@virnet/native");
    });
  });

  describe("a server of ours", () => {
    let server: WhoServer;
    let provider: SaslServerProvider;
    let tcp: number;
    let tls: number;
    let socket: string;
    beforeAll(async () => {
      const mechanisms = ["GSSAPI", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "DIGEST-MD5", "SCRAM-SHA-1", "PLAIN"];
      provider = await cyrusServer({ mechanisms });
      const auth = saslServer({ providers: [provider], allow: ["alice", "user"], limits: { delayMs: 0 } });
      server = whoServer();
      tcp = await server.listenTcp(auth);
      tls = await server.listenTcp(auth, { tls: await pkiFiles(settings.PKI_SERVER, "server") });
      socket = join(testbedDirectory(), "who-sock");
      await server.listenUnix(socket, auth);
    });
    afterAll(() => server[Symbol.asyncDispose]());

    const virsh = async (place: string, authfile: string): Promise<string> => {
      const { KRB5_CONFIG } = settings;
      const env = { KRB5_CONFIG, KRB5CCNAME: process.env["KRB5CCNAME"] ?? "" };
      const { stdout, stderr } = await virshWith({ env }, `${place}&authfile=${authfile}`, "hostname");
      return stdout.trim() || stderr.trim();
    };
    const overTcp = (mechanism: string): string => `test+tcp://localhost:${tcp}/default?auth=sasl.${mechanism}`;
    const overUnix = (mechanism: string): string => `test+unix:///default?socket=${socket}&auth=sasl.${mechanism}`;
    const overTls = (mechanism: string): string =>
      `test+tls://localhost:${tls}/default?pkipath=${settings.PKI_CLIENT}&auth=sasl.${mechanism}`;

    it("virsh is let in over TCP, with a layer", async () => {
      expect(await virsh(overTcp("DIGEST-MD5"), settings.SASL_AUTHFILE)).toBe("alice DIGEST-MD5 128");
      expect(await virsh(overTcp("GSSAPI"), settings.SASL_AUTHFILE)).toBe("user GSSAPI 256");
    });

    it.each(["SCRAM-SHA-256", "SCRAM-SHA-1", "DIGEST-MD5", "PLAIN"])("virsh is let in by %s", async (mechanism) => {
      expect(await virsh(overUnix(mechanism), settings.SASL_AUTHFILE)).toBe("alice - 0");
      expect(await virsh(overTls(mechanism), settings.SASL_AUTHFILE)).toMatch(/^alice .* \d{3}$/);
    });

    it("virsh is let in with its ticket over a UNIX socket and TLS", async () => {
      expect(await virsh(overUnix("GSSAPI"), settings.SASL_AUTHFILE)).toBe("user - 0");
      expect(await virsh(overTls("GSSAPI"), settings.SASL_AUTHFILE)).toMatch(/^user .* \d{3}$/);
    });

    it.each(["DIGEST-MD5", "SCRAM-SHA-256", "PLAIN"])("virsh is not let in by %s without right", async (mechanism) => {
      const place = mechanism === "DIGEST-MD5" ? overTcp(mechanism) : overUnix(mechanism);
      const refusal = "error: authentication failed: authentication failed";
      expect(await virsh(place, settings.SASL_WRONG_AUTHFILE)).toContain(refusal);
      expect(await virsh(place, settings.SASL_UNLISTED_AUTHFILE)).toContain(refusal);
    });

    it("a stranger's ticket is not enough", async () => {
      process.env["KRB5CCNAME"] = settings.KDC_UNLISTED_CCACHE;
      expect(await virsh(overTcp("GSSAPI"), settings.SASL_AUTHFILE)).toContain("authentication failed");
    });

    it.each(withLayer)("our client is let in by %s, and long texts go both ways", async (mechanism) => {
      await using client = await open({ host: "localhost", port: tcp }, { ...alice, providers, mechanism });
      const remote = client.program(Remote);
      const args = { nativeFormat: "", nativeConfig: long, flags: 0 };
      const all = await Promise.all([1, 2, 3].map(() => remote.connectDomainXmlFromNative(args)));
      expect(all.every(({ domainXml }) => domainXml === long)).toBe(true);
    });
  });

  describe("somebody in between", () => {
    const flipBit = (chunk: Uint8Array): void => {
      chunk[chunk.length - 1] = (chunk.at(-1) ?? 0) ^ 1;
    };
    const changes = [
      ["flips a bit", flipBit],
      ["announces two gigabytes", (chunk: Uint8Array): void => chunk.set([0x7f, 0xff, 0xff, 0xff])],
      ["announces one byte", (chunk: Uint8Array): void => chunk.set([0, 0, 0, 1])],
    ] as const;
    let server: WhoServer;
    let tcp: number;
    beforeAll(async () => {
      server = whoServer();
      tcp = await server.listenTcp(saslServer({ providers: [await cyrusServer({ mechanisms: withLayer })] }));
    });
    afterAll(() => server[Symbol.asyncDispose]());

    describe.each(withLayer)("of %s", (mechanism) => {
      it.each(changes)("%s of what the server says: our client hangs up and says why", async (_, change) => {
        await using proxy = await damagingProxy(tcp);
        const client = await open({ host: "localhost", port: proxy.port }, { ...alice, providers, mechanism });
        proxy.damage("down", change);
        await expect(client.program(Remote).connectGetHostname()).rejects.toThrow("does not pass the security layer");
      });

      it.each(changes)(
        "%s of what the client says: our server hangs up, and nobody else notices",
        async (_, change) => {
          await using proxy = await damagingProxy(tcp);
          const client = await open({ host: "localhost", port: proxy.port }, { ...alice, providers, mechanism });
          await using other = await open({ host: "localhost", port: tcp }, { ...alice, providers, mechanism });
          proxy.damage("up", change);
          await expect(client.program(Remote).connectGetHostname()).rejects.toThrow(ConnectionError);
          expect((await other.program(Remote).connectGetHostname()).hostname).toContain(mechanism);
        },
      );
    });
  });

  describe("ours on one side, Cyrus on the other", () => {
    const named = ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1"] as const;
    const all = [...named.flatMap((name) => [`${name}-PLUS`, name]), "PLAIN"];
    let servers: { readonly cyrus: WhoServer; readonly ours: WhoServer };
    const ports = { cyrus: new Map<string, number>(), ours: new Map<string, number>() };
    const sockets = { cyrus: "", ours: "" };
    beforeAll(async () => {
      const users = await Promise.all(named.map((mechanism) => scramKeys(alice.password, { mechanism })));
      const auths = {
        cyrus: saslServer({ providers: [await cyrusServer({ mechanisms: all })], limits: { delayMs: 0 } }),
        ours: saslServer({
          users: (user) => (user === alice.user ? users : null),
          mechanisms: all,
          limits: { delayMs: 0 },
        }),
      };
      servers = { cyrus: whoServer(), ours: whoServer() };
      const pki = await pkiFiles(settings.PKI_SERVER, "server");
      for (const side of ["cyrus", "ours"] as const) {
        for (const version of ["1.2", "1.3"]) {
          const tls = { ...pki, priority: `NORMAL:-VERS-ALL:+VERS-TLS${version}` };
          ports[side].set(version, await servers[side].listenTcp(auths[side], { tls }));
        }
        sockets[side] = join(testbedDirectory(), `${side}-sock`);
        await servers[side].listenUnix(sockets[side], auths[side]);
      }
    });
    afterAll(async () => {
      await servers.cyrus[Symbol.asyncDispose]();
      await servers.ours[Symbol.asyncDispose]();
    });

    const sides = [
      ["our client, Cyrus's server", "cyrus"],
      ["Cyrus's client, our server", "ours"],
    ] as const;

    describe.each(sides)("%s", (_, side) => {
      const authFor = (mechanism: string): ClientAuth => ({
        ...alice,
        mechanism,
        ...(side === "ours" && { providers }),
      });

      it.each(all.filter((name) => !name.endsWith("-PLUS")))("%s over a UNIX socket", async (mechanism) => {
        const client = await open({ path: sockets[side] }, authFor(mechanism));
        expect(await client.program(Remote).connectGetHostname()).toEqual({ hostname: "alice - 0" });
        await client.close();
        const wrong = { ...authFor(mechanism), password: "wrong" };
        expect(await codeOf(open({ path: sockets[side] }, wrong))).toBe(45);
      });

      it.each(all.flatMap((mechanism) => ["1.2", "1.3"].map((version) => [mechanism, version] as const)))(
        "%s over TLS %s",
        async (mechanism, version) => {
          const address = { host: "localhost", port: ports[side].get(version) ?? 0 };
          const client = await open(address, authFor(mechanism), settings.PKI_CLIENT);
          const { hostname } = await client.program(Remote).connectGetHostname();
          expect(hostname).toMatch(/^alice /);
          await client.close();
          const wrong = { ...authFor(mechanism), password: "wrong" };
          expect(await codeOf(open(address, wrong, settings.PKI_CLIENT))).toBe(45);
        },
      );
    });
  });
});
