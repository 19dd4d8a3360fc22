import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { Libvirt } from "@virnet/libvirt";
import { cyrusClient } from "@virnet/native/cyrus";
import { isInstalled } from "../calls/installed.ts";
import { raceVolumes, type VolumePlace, type VolumeRate, volumeXml } from "../volume-race.ts";

export type Mechanism = "DIGEST-MD5" | "GSSAPI";

/** How fast a volume of a file went through the mechanism's security layer, over TCP. */
export interface SaslVolumeResult extends VolumeRate {
  readonly mechanism: Mechanism;
  readonly server: "libvirtd" | "testd";
}

export interface SaslVolumePlan {
  /** Of a volume whose transfers are timed. */
  readonly bytes: number;
  readonly rounds: number;
  /** Of a volume that goes up and down once, with its hashes compared. */
  readonly compared: number;
}

export interface SaslVolumes {
  readonly rates: readonly SaslVolumeResult[];
  /** Mechanisms and servers through which `compared` bytes came back as they went. */
  readonly intact: readonly string[];
}

interface Place extends VolumePlace {
  readonly mechanism: Mechanism;
  readonly server: SaslVolumeResult["server"];
}

const execute = promisify(execFile);

/** With the real libvirtd and the stand-in, with virsh and our client; `null` where a real peer is not installed. */
export async function measureSaslVolumes(
  plan: SaslVolumePlan,
  testdBin: string,
  testbed: string,
): Promise<SaslVolumes | null> {
  for (const peer of ["libvirtd", "virsh", "krb5kdc", "saslpasswd2"]) if (!(await isInstalled(peer))) return null;
  const folder = await mkdtemp("/tmp/bench-");
  const up = (...args: string[]): Promise<unknown> =>
    execute(join(testbed, "up"), args, { env: { ...process.env, TESTBED_DIR: folder }, timeout: 80_000 });
  try {
    await up("kdc", "libvirtd-sasl"); // makes users, tickets and keys
    // For virsh, for the daemons, and for our client in this process.
    Object.assign(process.env, await kerberosAndSasl(folder));
    await up("--set", 'auth_tcp = "sasl"', "libvirtd");
    const port = (await settingsOf(folder)).get("LIBVIRTD_TCP_PORT");
    const authfile = join(folder, "libvirtd-sasl/auth-alice.conf");
    const uriAt = (scheme: string, at: string | undefined, path: string, mechanism: Mechanism): string =>
      `${scheme}+tcp://localhost:${at}/${path}?auth=sasl.${mechanism}&authfile=${authfile}`;
    const places = (["DIGEST-MD5", "GSSAPI"] as const).map(
      (mechanism): Place => ({
        mechanism,
        server: "libvirtd",
        uri: uriAt("storage", port, "system", mechanism),
        pool: "testbed",
      }),
    );
    const real = await measureAll(places, folder, plan);
    const testd = execFile(process.execPath, [testdBin, ...testdArgs]);
    try {
      const announced = await new Promise<string>((resolve) => testd.stdout?.once("data", resolve));
      const at = /test\+tcp:\/\/localhost:(\d+)/.exec(announced)?.[1];
      const standIns = places.map(
        ({ mechanism }): Place => ({
          mechanism,
          server: "testd",
          uri: uriAt("test", at, "default", mechanism),
          pool: "default-pool",
        }),
      );
      const ours = await measureAll(standIns, folder, plan);
      return { rates: [...real.rates, ...ours.rates], intact: [...real.intact, ...ours.intact] };
    } finally {
      testd.kill();
    }
  } finally {
    await execute(join(testbed, "down"), ["--wipe"], { env: { ...process.env, TESTBED_DIR: folder }, timeout: 60_000 });
    await rm(folder, { recursive: true, force: true });
  }
}

const testdArgs = ["--listen", "localhost:0", "--sasl", "DIGEST-MD5,GSSAPI"];

async function kerberosAndSasl(folder: string): Promise<Record<string, string | undefined>> {
  const settings = await settingsOf(folder);
  return {
    KRB5_CONFIG: settings.get("KRB5_CONFIG"),
    KRB5CCNAME: settings.get("KRB5CCNAME"),
    KRB5_KTNAME: settings.get("KDC_SERVICE_KEYTAB"),
    KRB5RCACHEDIR: folder,
    SASL_CONF_PATH: join(folder, "libvirtd-sasl/sasl2"),
  };
}

async function settingsOf(folder: string): Promise<Map<string, string>> {
  const lines = (await readFile(join(folder, "env"), "utf8")).trim().split("\n");
  return new Map(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

async function measureAll(places: readonly Place[], folder: string, plan: SaslVolumePlan): Promise<SaslVolumes> {
  const rates: SaslVolumeResult[] = [];
  const intact: string[] = [];
  for (const place of places) {
    const { mechanism, server } = place;
    const measured = await raceVolumes(place, plan, { auth: { providers: [await cyrusClient()] } });
    rates.push(...measured.map((rate) => ({ ...rate, mechanism, server })));
    if (await comesBack(place, folder, plan.compared)) intact.push(`${place.mechanism}, ${place.server}`);
  }
  return { rates, intact };
}

/** Up and down through our client: is it the same? Its bytes differ from place to place. */
async function comesBack({ uri, pool }: Place, folder: string, bytes: number): Promise<boolean> {
  const from = join(folder, "from");
  const to = join(folder, "to");
  await pipeline(noise(bytes), createWriteStream(from));
  await using hypervisor = await Libvirt.open(uri, { auth: { providers: [await cyrusClient()] } });
  const volume = await (await hypervisor.pool(pool)).createVolume(volumeXml(bytes));
  await volume.upload(from);
  await volume.download(to);
  await volume.delete();
  return (await hashOf(from)) === (await hashOf(to));
}

function* noise(bytes: number): Generator<Uint8Array> {
  const block = createHash("sha512").update("virnet").digest();
  const chunk = Buffer.alloc(1_048_576);
  for (let at = 0, n = 0; at < bytes; at += chunk.length, n++) {
    for (let i = 0; i < chunk.length; i += block.length) chunk.set(block, i);
    for (let i = 0; i < chunk.length; i += 4)
      chunk.writeUInt32LE((chunk.readUInt32LE(i) ^ (n * 2_654_435_761)) >>> 0, i);
    yield Buffer.from(chunk.subarray(0, Math.min(chunk.length, bytes - at)));
  }
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}
