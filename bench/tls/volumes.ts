import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { Libvirt } from "@virnet/libvirt";
import { isInstalled } from "../calls/installed.ts";

export type VolumeClient = "virsh" | "virnet";

/** How fast a volume of a file went over TLS. */
export interface TlsVolumeResult {
  readonly client: VolumeClient;
  readonly server: "libvirtd" | "testd";
  readonly direction: "up" | "down";
  /** Megabytes (10^6) per second, the median of the rounds. */
  readonly rate: number;
}

export interface TlsVolumePlan {
  readonly bytes: number;
  readonly rounds: number;
}

interface Place {
  readonly server: TlsVolumeResult["server"];
  readonly uri: string;
  readonly pool: string;
}

const execute = promisify(execFile);

/** With the real libvirtd and the stand-in, with virsh and our client; nothing where libvirt is not installed. */
export async function measureTlsVolumes(
  plan: TlsVolumePlan,
  testdBin: string,
  testbed: string,
): Promise<TlsVolumeResult[]> {
  if (!(await isInstalled("libvirtd")) || !(await isInstalled("virsh"))) return [];
  const folder = await mkdtemp("/tmp/bench-");
  const env = { ...process.env, TESTBED_DIR: folder };
  const up = (...args: string[]): Promise<unknown> => execute(join(testbed, "up"), args, { env, timeout: 60_000 });
  const pki = join(folder, "pki");
  try {
    await up("libvirtd-tls"); // makes the certificates
    const port = await freePort();
    await up(...settings(pki, port).flatMap((line) => ["--set", line]), "libvirtd");
    const uri = `storage+tls://localhost:${port}/system?pkipath=${join(pki, "client")}`;
    const real = await measureAt({ server: "libvirtd", uri, pool: "testbed" }, folder, plan);
    return [...real, ...(await measureTestd(testdBin, folder, plan))];
  } finally {
    await execute(join(testbed, "down"), ["--wipe"], { env, timeout: 60_000 });
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureTestd(bin: string, folder: string, plan: TlsVolumePlan): Promise<TlsVolumeResult[]> {
  const pki = join(folder, "pki");
  const testd = execFile(process.execPath, [bin, "--tls", "localhost:0", "--pki", join(pki, "server")]);
  try {
    const announced = await new Promise<string>((resolve) => testd.stdout?.once("data", resolve));
    const uri = `${/test\+tls:[^']*/.exec(announced)?.[0]}?pkipath=${join(pki, "client")}`;
    return await measureAt({ server: "testd", uri, pool: "default-pool" }, folder, plan);
  } finally {
    testd.kill();
  }
}

/** The test bed's libvirtd with drivers has no TLS of its own accord. */
function settings(pki: string, port: number): string[] {
  return [
    "listen_tls = 1",
    `tls_port = "${port}"`,
    'auth_tls = "none"',
    `ca_file = "${join(pki, "ca/cacert.pem")}"`,
    `cert_file = "${join(pki, "server/servercert.pem")}"`,
    `key_file = "${join(pki, "server/serverkey.pem")}"`,
  ];
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // of a TCP server
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function measureAt(
  { server, uri, pool }: Place,
  folder: string,
  plan: TlsVolumePlan,
): Promise<TlsVolumeResult[]> {
  const from = join(folder, "from");
  const to = join(folder, "to");
  await writeFile(from, Buffer.alloc(plan.bytes, "virnet"));
  // Held open throughout, for the stand-in forgets everything once nobody is connected.
  await using hypervisor = await Libvirt.open(uri);
  const xml = `<volume><name>v</name><capacity>${plan.bytes}</capacity><allocation>0</allocation></volume>`;
  const volume = await (await hypervisor.pool(pool)).createVolume(xml);
  const virsh = (verb: string, file: string): Promise<unknown> =>
    execute("virsh", ["-c", uri, `vol-${verb} v ${file} --pool ${pool}`], { timeout: 120_000 });
  const ways: readonly (readonly [VolumeClient, TlsVolumeResult["direction"], () => Promise<unknown>])[] = [
    ["virsh", "up", () => virsh("upload", from)],
    ["virnet", "up", () => volume.upload(from)],
    ["virsh", "down", () => virsh("download", to)],
    ["virnet", "down", () => volume.download(to)],
  ];
  const times = new Map(ways.map((way) => [way, [] as number[]]));
  for (let round = 0; round < plan.rounds; round++) {
    for (const [way, taken] of times) {
      const begun = performance.now();
      await way[2]();
      taken.push(performance.now() - begun);
    }
  }
  await volume.delete();
  return [...times].map(([[client, direction], taken]) => {
    const milliseconds = taken.toSorted((a, b) => a - b)[taken.length >> 1] ?? Number.NaN;
    return { client, server, direction, rate: plan.bytes / 1000 / milliseconds };
  });
}
