import { execFile } from "node:child_process";
import { mkdtemp, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Libvirt, type Volume } from "@virnet/libvirt";
import { isInstalled } from "../calls/installed.ts";
import { median } from "../calls/stats.ts";
import { memoryFolder } from "../memory-folder.ts";

/** How fast a client moved a volume to or from a server. */
export interface VolumeResult {
  readonly client: "virsh" | "virnet";
  readonly server: "libvirtd" | "testd";
  readonly what: "upload" | "download" | "download to nowhere" | "sparse upload" | "sparse download" | "its data alone";
  /** Milliseconds: the median of the rounds. */
  readonly milliseconds: number;
  /** Megabytes (10^6) of data per second. */
  readonly rate: number;
  /** Of each round, in milliseconds. */
  readonly times: readonly number[];
}

export interface VolumePlan {
  readonly dense: number;
  readonly sparse: number;
  readonly rounds: number;
}

interface Bed {
  readonly folder: string;
  /** Where downloads go. */
  readonly targets: string;
  readonly uris: readonly (readonly [VolumeResult["server"], string, string])[];
  readonly plan: VolumePlan;
}

const execute = promisify(execFile);
const MIB = 2 ** 20;

/** Volumes of files: with the real libvirtd and with the stand-in, with virsh and with our client. */
export async function measureVolumes(plan: VolumePlan, testdBin: string, testbed: string): Promise<VolumeResult[]> {
  if (!(await isInstalled("libvirtd")) || !(await isInstalled("virsh"))) return [];
  const folder = await mkdtemp("/tmp/bench-");
  const targets = await memoryFolder();
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
    return await measureAll({ folder, targets, uris, plan });
  } finally {
    testd.kill();
    await execute(join(testbed, "down"), ["--wipe"], { env, timeout: 60_000 });
    for (const made of [folder, targets]) await rm(made, { recursive: true, force: true });
  }
}

async function measureAll(bed: Bed): Promise<VolumeResult[]> {
  const { plan, folder } = bed;
  const onePercent = Math.floor(plan.sparse / 100 / MIB) * MIB;
  const dense = await makeFile(join(folder, "dense"), plan.dense, plan.dense);
  const holey = await makeFile(join(folder, "holey"), plan.sparse, onePercent);
  const data = await makeFile(join(folder, "data"), onePercent, onePercent);
  const target = join(bed.targets, "back");
  await using opened = new Opened();
  const runs: Run[] = [];
  for (const [server, uri, poolName] of bed.uris) {
    // Held open throughout, for the stand-in forgets everything once nobody is connected.
    const pool = await (await opened.hypervisor(uri)).pool(poolName);
    const volumeOf = (name: string, size: number): Promise<Volume> =>
      pool.createVolume(`<volume><name>${name}</name><capacity>${size}</capacity><allocation>0</allocation></volume>`);
    const [volume, alone, sparse] = [
      await volumeOf("dense", plan.dense),
      await volumeOf("alone", onePercent),
      await volumeOf("sparse", plan.sparse),
    ];
    const add = (what: VolumeResult["what"], bytes: number, byClient: Run["clients"]): void => {
      runs.push({ server, what, bytes, clients: byClient });
    };
    const virsh = (verb: string, name: string, file: string, flags = ""): Promise<unknown> =>
      execute("virsh", ["-c", uri, `vol-${verb} ${name} ${file} --pool ${poolName} ${flags}`], { timeout: 120_000 });
    add("upload", plan.dense, {
      virsh: () => virsh("upload", "dense", dense),
      virnet: () => volume.upload(dense),
    });
    add("download", plan.dense, {
      virsh: () => virsh("download", "dense", target),
      virnet: () => volume.download(target),
    });
    add("download to nowhere", plan.dense, {
      virsh: () => virsh("download", "dense", "/dev/null"),
      virnet: async () => (await volume.openDownload()).drain(nothing),
    });
    add("its data alone", onePercent, { virnet: () => alone.upload(data) });
    add("sparse upload", onePercent, {
      virsh: () => virsh("upload", "sparse", holey, "--sparse"),
      virnet: () => sparse.upload(holey, { sparse: true }),
    });
    add("sparse download", onePercent, {
      virsh: () => virsh("download", "sparse", target, "--sparse"),
      virnet: () => sparse.download(target, { sparse: true }),
    });
  }
  return await race(runs, plan.rounds);
}

/** What clients do with one volume of a server. */
interface Run {
  readonly server: VolumeResult["server"];
  readonly what: VolumeResult["what"];
  readonly bytes: number;
  readonly clients: { readonly [client in VolumeResult["client"]]?: () => Promise<unknown> };
}

/** Servers and clients take turns, so that what else the machine does hits all; the first round is not counted. */
async function race(runs: readonly Run[], rounds: number): Promise<VolumeResult[]> {
  const results: VolumeResult[] = [];
  for (const what of new Set(runs.map((run) => run.what))) {
    const racers = runs
      .filter((run) => run.what === what)
      .flatMap(({ clients, ...run }) =>
        (["virsh", "virnet"] as const).flatMap((client) => {
          const work = clients[client];
          return work === undefined ? [] : [{ ...run, client, work, times: [] as number[] }];
        }),
      );
    for (let round = 0; round <= rounds; round++) {
      for (const { work, times } of racers) {
        const begun = performance.now();
        await work();
        if (round > 0) times.push(performance.now() - begun);
      }
    }
    for (const { client, server, bytes, times } of racers) {
      const milliseconds = median(times);
      results.push({ client, server, what, milliseconds, rate: bytes / 1e3 / milliseconds, times });
    }
  }
  return results;
}

/** Connections that are closed at the end. */
class Opened implements AsyncDisposable {
  readonly #all: Libvirt[] = [];

  async hypervisor(uri: string): Promise<Libvirt> {
    const opened = await Libvirt.open(uri);
    this.#all.push(opened);
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((opened) => opened.close()));
  }
}

function nothing(): void {}

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
