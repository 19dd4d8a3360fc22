import { execFile } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Libvirt, type OpenOptions } from "@virnet/libvirt";
import { median } from "./calls/stats.ts";
import { memoryFolder } from "./memory-folder.ts";

export type VolumeClient = "virsh" | "virnet";

/** How fast a volume of a file went from a client to a server, or back. */
export interface VolumeRate {
  readonly client: VolumeClient;
  readonly direction: "up" | "down";
  /** Megabytes (10^6) per second, the median of the rounds. */
  readonly rate: number;
}

/** A storage pool of a server. */
export interface VolumePlace {
  readonly uri: string;
  readonly pool: string;
}

const execute = promisify(execFile);

export interface VolumePlan {
  readonly bytes: number;
  readonly rounds: number;
}

/** virsh and our client, each up and down, take turns with one volume of a file. */
export async function raceVolumes(place: VolumePlace, plan: VolumePlan, options?: OpenOptions): Promise<VolumeRate[]> {
  const folder = await memoryFolder();
  try {
    return await raceIn(folder, place, plan, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function raceIn(
  folder: string,
  { uri, pool }: VolumePlace,
  { bytes, rounds }: VolumePlan,
  options?: OpenOptions,
): Promise<VolumeRate[]> {
  const from = join(folder, "from");
  const to = join(folder, "to");
  await writeFile(from, Buffer.alloc(bytes, "virnet"));
  // Held open throughout, for the stand-in forgets everything once nobody is connected.
  await using hypervisor = await Libvirt.open(uri, options);
  const volume = await (await hypervisor.pool(pool)).createVolume(volumeXml(bytes));
  const virsh = (verb: string, file: string): Promise<unknown> =>
    execute("virsh", ["-c", uri, `vol-${verb} v ${file} --pool ${pool}`], { timeout: 120_000 });
  const ways: readonly (readonly [VolumeClient, VolumeRate["direction"], () => Promise<unknown>])[] = [
    ["virsh", "up", () => virsh("upload", from)],
    ["virnet", "up", () => volume.upload(from)],
    ["virsh", "down", () => virsh("download", to)],
    ["virnet", "down", () => volume.download(to)],
  ];
  const times = new Map(ways.map((way) => [way, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [way, taken] of times) {
      const begun = performance.now();
      await way[2]();
      taken.push(performance.now() - begun);
    }
  }
  await volume.delete();
  return [...times].map(([[client, direction], taken]) => ({ client, direction, rate: bytes / 1000 / median(taken) }));
}

/** A volume called `v`. */
export function volumeXml(bytes: number): string {
  return `<volume><name>v</name><capacity>${bytes}</capacity><allocation>0</allocation></volume>`;
}
