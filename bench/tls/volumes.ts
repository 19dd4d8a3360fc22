import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Libvirt } from "@virnet/libvirt";
import type { TlsPlace } from "./peers.ts";

export type VolumeClient = "virsh" | "virnet";

/** How fast a volume of a file went over TLS. */
export interface TlsVolumeResult {
  readonly client: VolumeClient;
  readonly server: TlsPlace["server"];
  readonly direction: "up" | "down";
  /** Megabytes (10^6) per second, the median of the rounds. */
  readonly rate: number;
}

export interface TlsVolumePlan {
  readonly bytes: number;
  readonly rounds: number;
}

const execute = promisify(execFile);

/** With virsh and our client, each with one server after the other. */
export async function measureTlsVolumes(
  places: readonly TlsPlace[],
  folder: string,
  plan: TlsVolumePlan,
): Promise<TlsVolumeResult[]> {
  const results: TlsVolumeResult[] = [];
  for (const place of places) results.push(...(await measureAt(place, folder, plan)));
  return results;
}

async function measureAt(
  { server, uri, pool }: TlsPlace,
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
