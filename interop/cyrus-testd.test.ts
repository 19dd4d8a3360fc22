import { createHash, randomFillSync } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Libvirt } from "@virnet/libvirt";
import { cyrusClient } from "@virnet/native/cyrus";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SaslConfig, saslConfig } from "../packages/native/test/helpers/sasl-config.ts";
import { type Daemon, spawnTestd } from "./helpers/daemon.ts";
import { describeWithPeers } from "./helpers/peers.ts";
import type { ProgramResult } from "./helpers/program.ts";
import { type Settings, testbed } from "./helpers/testbed.ts";
import { virshWith } from "./helpers/virsh.ts";

/** Many frames of a layer, and a last one that is not full. */
const volumeBytes = 16 * 1_048_576 + 12_345;

describeWithPeers(["libvirtd", "virsh", "saslpasswd2", "krb5kdc"], "testd with Cyrus mechanisms", () => {
  let settings: Settings<"libvirtd-sasl" | "kdc">;
  let config: SaslConfig;
  let testd: Daemon;
  let folder: string;
  let uri: string;

  beforeAll(async () => {
    settings = await testbed("libvirtd-sasl", "kdc");
    folder = await mkdtemp(join(tmpdir(), "virnet-layer-"));
    config = await saslConfig({ alice: "alice-secret", mallory: "mallory-secret" });
    const { KRB5_CONFIG, KRB5CCNAME, KDC_SERVICE_KEYTAB } = settings;
    Object.assign(process.env, { KRB5_CONFIG, KRB5CCNAME });
    testd = await spawnTestd(
      ["--listen", "localhost:0", "--sasl", "GSSAPI,DIGEST-MD5,SCRAM-SHA-256", "--sasl-config", config.path].concat(
        ["alice", "user"].flatMap((name) => ["--allowed-user", name]),
      ),
      { env: { KRB5_KTNAME: KDC_SERVICE_KEYTAB, KRB5RCACHEDIR: folder } },
    );
    [uri = ""] = (testd.ready as { readonly uris: readonly string[] }).uris; // its readiness line
  });
  afterAll(async () => {
    await testd[Symbol.asyncDispose]();
    await config[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const uriFor = (mechanism: string, authfile: string = settings.SASL_AUTHFILE): string =>
    `${uri}?auth=sasl.${mechanism}&authfile=${authfile}`;
  const virsh = (place: string, ...args: readonly string[]): Promise<ProgramResult> => virshWith({}, place, ...args);

  describe.each(["DIGEST-MD5", "GSSAPI"])("%s over TCP", (mechanism) => {
    it("lets virsh in", async () => {
      const { stdout } = await virsh(uriFor(mechanism), "list", "--all", "--name");
      expect(stdout.trim()).toBe("test");
    });

    it("brings a volume back as it went, with virsh and with our client", { timeout: 120_000 }, async () => {
      await using hypervisor = await Libvirt.open(uriFor(mechanism), { auth: { providers: [await cyrusClient()] } });
      expect(hypervisor.client.security).toMatchObject({ encrypted: true, cipher: mechanism });
      const sent = join(folder, "sent");
      const came = join(folder, "came");
      await writeFile(sent, randomFillSync(new Uint8Array(volumeBytes)));
      const xml = `<volume><name>v</name><capacity>${volumeBytes}</capacity><allocation>0</allocation></volume>`;
      const volume = await (await hypervisor.pool("default-pool")).createVolume(xml);

      await volume.upload(sent);
      await volume.download(came);
      expect(await hashOf(came)).toBe(await hashOf(sent));

      await writeFile(sent, randomFillSync(new Uint8Array(volumeBytes)));
      expect(await virsh(uriFor(mechanism), "vol-upload", "v", sent, "--pool", "default-pool")).toMatchObject({
        status: 0,
      });
      await virsh(uriFor(mechanism), "vol-download", "v", came, "--pool", "default-pool");
      expect(await hashOf(came)).toBe(await hashOf(sent));
      await volume.delete();
    });
  });

  it("lets nobody else in, and says the same to all", async () => {
    const refusal = "error: authentication failed: authentication failed";
    expect((await virsh(uriFor("DIGEST-MD5", settings.SASL_WRONG_AUTHFILE), "list")).stderr).toContain(refusal);
    expect((await virsh(uriFor("DIGEST-MD5", settings.SASL_UNLISTED_AUTHFILE), "list")).stderr).toContain(refusal);
    const env = { KRB5CCNAME: settings.KDC_UNLISTED_CCACHE };
    expect((await virshWith({ env }, uriFor("GSSAPI"), "list")).stderr).toContain(refusal);
    expect(testd.stderr()).toContain("mallory");
    expect(testd.stderr()).not.toMatch(/alice-secret|mallory-secret|wrong-secret/);
  });

  it("offers nothing without a layer on TCP", async () => {
    const { stderr } = await virsh(uriFor("SCRAM-SHA-256"), "list");
    expect(stderr).toContain("SASL mechanism SCRAM-SHA-256 not supported by server");
  });
});

async function hashOf(file: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
}
