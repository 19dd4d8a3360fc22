/* Streams: megabytes per second and what they cost, beside raw sockets, gRPC, and virsh with libvirtd; and the targets. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { medianRatio } from "./calls/stats.ts";
import { benchOptions } from "./options.ts";
import { type BulkResult, measureBulk } from "./streams/bulk.ts";
import { measureSlowReaders, type SlowReaderResult } from "./streams/slow-reader.ts";
import { measureVolumes, type VolumeResult } from "./streams/volumes.ts";

const GIB = 2 ** 30;
const options = benchOptions();
const folder = await mkdtemp(join(tmpdir(), "bench-"));
try {
  const bulk = await measureBulk(folder, options.quick ? GIB / 2 : 2 * GIB, options.quick ? 3 : 5);
  const slow = await measureSlowReaders(folder, options.long ? 1030 : options.quick ? 5 : 60);
  const plan = options.quick
    ? { dense: GIB / 4, sparse: 10 * GIB, rounds: 3 }
    : { dense: GIB, sparse: 10 * GIB, rounds: 5 };
  const testd = fileURLToPath(new URL("../../packages/testd/dist/bin.js", import.meta.url));
  const testbed = fileURLToPath(new URL("../../interop/testbed/", import.meta.url));
  const volumes = await measureVolumes(plan, testd, testbed);
  const targets = verdicts(bulk, volumes);
  if (options.json) console.log(JSON.stringify({ bulk, slow, volumes, targets }));
  else print(bulk, slow, volumes, targets);
} finally {
  await rm(folder, { recursive: true, force: true });
}

interface Verdict {
  readonly what: string;
  readonly ratio: number;
  readonly wanted: number;
  readonly reached: boolean;
}

function verdicts(bulk: readonly BulkResult[], volumes: readonly VolumeResult[]): Verdict[] {
  const found: Verdict[] = [];
  const judge = (what: string, ratio: number, wanted: number): void => {
    found.push({ what, ratio, wanted, reached: wanted > 0 ? ratio >= wanted : ratio <= -wanted });
  };
  const of = (what: string, over: string, direction: string): BulkResult | undefined =>
    bulk.find((one) => one.what === what && one.over === over && one.direction === direction);
  const toRaw = (...which: Parameters<typeof of>): number => of(...which)?.toRaw ?? Number.NaN;
  const volume = (client: string, server: string, what: string): VolumeResult | undefined =>
    volumes.find((one) => one.client === client && one.server === server && one.what === what);
  const times = (...which: Parameters<typeof volume>): readonly number[] => volume(...which)?.times ?? [];
  for (const over of ["UNIX", "TCP"]) {
    for (const direction of ["up", "down"]) {
      judge(`ours to raw node, ${over} ${direction}`, toRaw("virnet", over, direction), 0.8);
    }
    const grpc = toRaw("grpc", over, "down");
    judge(`ours to gRPC, ${over} down (raw node: ${(1 / grpc).toFixed(2)})`, toRaw("virnet", over, "down") / grpc, 10);
  }
  for (const [what, direction] of [
    ["upload", "up"],
    ["download", "down"],
  ] as const) {
    const virsh = volume("virsh", "libvirtd", what)?.rate ?? Number.NaN;
    judge(`ours to virsh with libvirtd, UNIX ${direction}`, (of("virnet", "UNIX", direction)?.rate ?? 0) / virsh, 5);
  }
  for (const what of ["upload", "download"]) {
    const yardstick = times("virsh", "libvirtd", what);
    judge(
      `our client to virsh, with libvirtd, ${what}`,
      medianRatio(yardstick, times("virnet", "libvirtd", what)),
      1.2,
    );
    judge(`virsh with testd to virsh with libvirtd, ${what}`, medianRatio(yardstick, times("virsh", "testd", what)), 1);
  }
  for (const server of ["libvirtd", "testd"]) {
    const [alone, sparse] = [volume("virnet", server, "its data alone"), volume("virnet", server, "sparse upload")];
    const ratio = (sparse?.milliseconds ?? Number.NaN) / (alone?.milliseconds ?? Number.NaN);
    judge(`10 GiB with 1 % data to its data, ${server} (time)`, ratio, -1.5);
  }
  return found;
}

function print(
  bulk: readonly BulkResult[],
  slow: readonly SlowReaderResult[],
  volumes: readonly VolumeResult[],
  targets: readonly Verdict[],
): void {
  for (const { what, over, direction, rate, clientCpu, serverCpu } of bulk) {
    const cpu = `CPU per GB ${clientCpu.toFixed(2)} s + ${serverCpu.toFixed(2)} s`;
    console.log(
      `  ${what.padEnd(8)} ${over.padEnd(4)} ${direction.padEnd(4)} ${rate.toFixed(0).padStart(6)} MB/s   ${cpu}`,
    );
  }
  for (const { over, direction, median, worst, alone, clientGrowth, serverGrowth } of slow) {
    const calls = `calls ${median.toFixed(2)} ms, 99th ${worst.toFixed(2)} ms (alone ${alone.toFixed(2)} ms)`;
    const memory = `memory +${clientGrowth.toFixed(1)} and +${serverGrowth.toFixed(1)} MiB`;
    console.log(`  beside a reader of 1 MiB/s, ${over.padEnd(4)} ${direction.padEnd(4)} ${calls}, ${memory}`);
  }
  for (const { client, server, what, milliseconds, rate } of volumes) {
    const way = `${client} with ${server}, ${what}`;
    console.log(`  ${way.padEnd(40)} ${rate.toFixed(0).padStart(6)} MB/s ${milliseconds.toFixed(0).padStart(7)} ms`);
  }
  for (const { what, ratio, wanted, reached } of targets) {
    const goal = wanted > 0 ? `at least ${wanted}` : `at most ${-wanted}`;
    console.log(`  ${reached ? "reached" : "MISSED "} ${ratio.toFixed(2).padStart(6)} x  (${goal})  ${what}`);
  }
}
