import { execFile } from "node:child_process";
import { mkdtemp, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Libvirt } from "@virnet/libvirt";
import { isInstalled } from "../calls/installed.ts";

/** How fast a client moved a volume to or from a server. */
export interface VolumeResult {
  readonly client: "virsh" | "virnet";
  readonly server: "libvirtd" | "testd";
  readonly what: "upload" | "download" | "sparse upload" | "sparse download" | "its data alone";
  /** Milliseconds: the median of the rounds. */
  readonly milliseconds: number;
  /** Megabytes (10^6) of data per second. */
  readonly rate: number;
}

export interface VolumePlan {
  readonly dense: number;
  readonly sparse: number;
  readonly rounds: number;
}

interface Bed {
  readonly folder: string;
  readonly uris: readonly (readonly [VolumeResult["server"], string, string])[];
  readonly plan: VolumePlan;
}

const execute = promisify(execFile);
const MIB = 2 ** 20;

/** Volumes of files: with the real libvirtd and with the stand-in, with virsh and with our client. */
export async function measureVolumes(plan: VolumePlan, testdBin: string, testbed: string): Promise<VolumeResult[]> {
  if (!(await isInstalled("libvirtd")) || !(await isInstalled("virsh"))) return [];
  const folder = await mkdtemp("/tmp/bench-");
  const env = { ...process.env, TESTBED_DIR: folder };
  const { stdout } = await execute(join(testbed, "up"), ["libvirtd"], { env, timeout: 60_000 });
  const storage = /^LIBVIRTD_STORAGE_URI=(.*)$/m.exec(stdout)?.[1] ?? "";
  const socket = join(folder, "testd.sock");
  const testd = execFile(process.execPath, [testdBin, "--socket", socket]);
  try {
    await new Promise((resolve) => testd.stdout?.once("data", resolve));
    const uris = [
      ["libvirtd", storage, "testbed"],
      ["testd", `test+unix:///default?socket=${socket}`, "default-pool"],
    ] as const;
    return await measureAll({ folder, uris, plan });
  } finally {
    testd.kill();
    await execute(join(testbed, "down"), ["--wipe"], { env, timeout: 60_000 });
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureAll(bed: Bed): Promise<VolumeResult[]> {
  const results: VolumeResult[] = [];
  const onePercent = Math.floor(bed.plan.sparse / 100 / MIB) * MIB;
  const dense = await makeFile(join(bed.folder, "dense"), bed.plan.dense, bed.plan.dense);
  const holey = await makeFile(join(bed.folder, "holey"), bed.plan.sparse, onePercent);
  const data = await makeFile(join(bed.folder, "data"), onePercent, onePercent);
  for (const [server, uri, poolName] of bed.uris) {
    // Held open throughout, for the stand-in forgets everything once nobody is connected.
    await using hypervisor = await Libvirt.open(uri);
    const pool = await hypervisor.pool(poolName);
    const target = join(bed.folder, "back");
    const volumeOf = async (size: number) => {
      const xml = `<volume><name>v</name><capacity>${size}</capacity><allocation>0</allocation></volume>`;
      return pool.createVolume(xml);
    };
    const volume = await volumeOf(bed.plan.dense);
    const note = async (
      client: VolumeResult["client"],
      what: VolumeResult["what"],
      bytes: number,
      run: () => Promise<unknown>,
    ): Promise<void> => {
      const milliseconds = await median(bed.plan.rounds, run);
      results.push({ client, server, what, milliseconds, rate: bytes / 1e3 / milliseconds });
    };
    const virsh = (verb: string, file: string, flags: string): Promise<unknown> =>
      execute("virsh", ["-c", uri, `vol-${verb} v ${file} --pool ${poolName} ${flags}`], { timeout: 120_000 });
    await note("virsh", "upload", bed.plan.dense, () => virsh("upload", dense, ""));
    await note("virnet", "upload", bed.plan.dense, () => volume.upload(dense));
    await note("virsh", "download", bed.plan.dense, () => virsh("download", target, ""));
    await note("virnet", "download", bed.plan.dense, () => volume.download(target));
    await volume.delete();
    const alone = await volumeOf(onePercent);
    await note("virnet", "its data alone", onePercent, () => alone.upload(data));
    await alone.delete();
    const sparse = await volumeOf(bed.plan.sparse);
    await note("virsh", "sparse upload", onePercent, () => virsh("upload", holey, "--sparse"));
    await note("virnet", "sparse upload", onePercent, () => sparse.upload(holey, { sparse: true }));
    await note("virsh", "sparse download", onePercent, () => virsh("download", target, "--sparse"));
    await note("virnet", "sparse download", onePercent, () => sparse.download(target, { sparse: true }));
    await sparse.delete();
  }
  return results;
}

async function median(rounds: number, run: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const begun = performance.now();
    await run();
    times.push(performance.now() - begun);
  }
  return times.toSorted((a, b) => a - b)[rounds >> 1] ?? Number.NaN;
}

/** A file of `size` bytes with `data` bytes of data in it, in pieces of a mebibyte evenly apart. */
async function makeFile(path: string, size: number, data: number): Promise<string> {
  const file = await open(path, "w");
  const piece = Buffer.alloc(MIB, "virnet");
  const pieces = Math.floor(data / MIB);
  for (let i = 0; i < pieces; i++) await file.write(piece, 0, MIB, Math.floor((i * size) / pieces / 4096) * 4096);
  await file.truncate(size);
  await file.sync();
  await file.close();
  return path;
}
