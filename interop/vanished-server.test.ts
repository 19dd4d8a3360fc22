import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Libvirt } from "@virnet/libvirt";
import { expect, it } from "vitest";
import { spawnTestd } from "./helpers/daemon.ts";
import { describeWithPeers } from "./helpers/peers.ts";
import { testbedDirectory } from "./helpers/testbed.ts";

const MIB = 2 ** 20;
const definition = "<volume><name>v</name><capacity unit='GiB'>64</capacity></volume>";

describeWithPeers([], "a server that is killed in the middle of transfers", () => {
  it("ends each of them with an error that says so, and no descriptor is left", async () => {
    const socket = join(testbedDirectory(), "vanished.sock");
    const before = sockets(); // the daemon's output comes through two more, which go with it
    // What a killed daemon leaves behind goes with the test bed.
    const daemon = await spawnTestd(["--socket", socket], { env: { TMPDIR: testbedDirectory() } });
    const hypervisor = await Libvirt.open(`test+unix:///default?socket=${socket}`);
    const pool = await hypervisor.pool("default-pool");
    const volume = await pool.createVolume(definition);
    await volume.upload([Buffer.alloc(MIB, "x")]);
    let moved = 0;
    const onProgress = ({ bytes }: { bytes: number }): void => {
      moved = bytes;
    };
    const transfers = Promise.allSettled([
      volume.upload(endless(), { onProgress }),
      volume.upload(endless(), { offset: 2 ** 32 }),
      volume.download(() => sleep(5)),
    ]);
    await expect.poll(() => moved).toBeGreaterThan(16 * MIB);
    daemon.kill("SIGKILL");
    for (const outcome of await transfers) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { name: "ConnectionError", reason: "eof" } });
    }
    expect(await hypervisor.closed).toMatchObject({ reason: "eof" });
    expect(hypervisor.client.streams).toBe(0);
    await daemon[Symbol.asyncDispose]();
    await expect.poll(sockets).toBe(before);
  });
});

async function* endless(): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.alloc(MIB, "y");
  for (;;) yield bytes;
}

/** How many of this process's descriptors are sockets; files and pipes belong to the test runner. */
function sockets(): number {
  return readdirSync("/proc/self/fd").filter(isSocket).length;
}

function isSocket(fd: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:");
  } catch {
    return false; // the one that read the folder
  }
}
