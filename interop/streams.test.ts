import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { Libvirt, type TransferProgress, type Volume } from "@virnet/libvirt";
import type { RpcStream } from "virnet";
import { beforeAll, expect, it } from "vitest";
import { describeWithNamespace, describeWithPeers } from "./helpers/peers.ts";
import { runProgram } from "./helpers/program.ts";
import { optionalSetting, type Settings, testbed, testbedDirectory } from "./helpers/testbed.ts";

const GIB = 2 ** 30;

/** Volumes of the real libvirtd: where their files are, we look at them from behind as well. */
describeWithPeers(["libvirtd", "virsh"], "our client transfers volumes of a real libvirtd", () => {
  let uri: string;

  beforeAll(async () => {
    await testbed("libvirtd");
    uri = (await optionalSetting("LIBVIRTD_STORAGE_URI")) ?? "";
  });

  it("2 GiB there and back, with equal content", async () => {
    await using hypervisor = await Libvirt.open(uri);
    const { source, back, up, down } = await thereAndBack(hypervisor, false);
    expect([up.data, down.data]).toEqual([2 * GIB, 2 * GIB]);
    expect(await sha256(back)).toBe(await sha256(source));
    expect(hypervisor.client.streams).toBe(0);
  }, 120_000);

  it("2 GiB of holes and some data there and back, with equal content and equal blocks on the disk", async () => {
    await using hypervisor = await Libvirt.open(uri);
    const { source, back, up, down, volume } = await thereAndBack(hypervisor, true);
    expect([up.bytes, down.bytes]).toEqual([2 * GIB, 2 * GIB]);
    expect(up.data).toBeLessThan(0.1 * GIB);
    expect(await sha256(back)).toBe(await sha256(source));
    await runProgram("sync", []); // what is still to be placed on the disk is not counted before
    const blocks = await allocated(source);
    expect(await allocated(back)).toBe(blocks);
    expect((await volume.info()).allocation).toBe(BigInt(blocks));
  }, 120_000);

  it("ranges, read and written where they belong", async () => {
    await using hypervisor = await Libvirt.open(uri);
    const volume = await newVolume(hypervisor, "ranges", 1_000_000);
    await volume.upload([Buffer.alloc(1_000_000, "a")]);
    await volume.upload([Buffer.from("0123456789")], { offset: 500_000, length: 10 });
    expect(await read(volume, 499_998, 14)).toBe("aa0123456789aa");
    expect(await read(volume, 0, 3)).toBe("aaa");
    await volume.delete();
  });

  it("a volume that is full says so, to a writer in the middle of its work", async () => {
    await using hypervisor = await Libvirt.open(uri);
    const volume = await newVolume(hypervisor, "full", 4096);
    const tooMuch = volume.upload([Buffer.alloc(300_000), Buffer.alloc(300_000)], { length: 1000 });
    await expect(tooMuch).rejects.toMatchObject({ name: "RpcError", code: 38, int1: 28 });
    expect(hypervisor.client.streams).toBe(0);
    expect(await hypervisor.libvirtVersion()).not.toBe("");
    await volume.delete();
  });

  it("an upload whose source fails, a download whose sink fails, and two aborts leave nothing behind", async () => {
    await using hypervisor = await Libvirt.open(uri);
    const volume = await newVolume(hypervisor, "failures", 10_000_000);
    await expect(volume.upload(brokenSource())).rejects.toThrow("the source broke");
    await volume.upload([Buffer.alloc(10_000_000, "x")]);
    const broken = volume.download(() => Promise.reject(new Error("the sink broke")));
    await expect(broken).rejects.toThrow("the sink broke");
    const abort = new AbortController();
    const aborted = volume.download(async () => abort.abort(new Error("enough")), { signal: abort.signal });
    await expect(aborted).rejects.toThrow("enough");
    const stream = await volume.openDownload();
    await stream.abort();
    await hypervisor.libvirtVersion();
    expect(hypervisor.client.streams).toBe(0);
    await volume.delete();
  });

  it("many streams at once, and calls between them", async () => {
    await using hypervisor = await Libvirt.open(uri);
    const volumes: Volume[] = [];
    for (let i = 0; i < 20; i++) volumes.push(await newVolume(hypervisor, `many-${i}`, 500_000));
    await Promise.all(volumes.map((volume, i) => volume.upload([Buffer.alloc(500_000, i)])));
    const seen = volumes.map(async (volume, i) => {
      let size = 0;
      await volume.download(async (bytes) => {
        if (bytes.every((byte) => byte === i)) size += bytes.length;
        await hypervisor.libvirtVersion();
      });
      return size;
    });
    expect(await Promise.all(seen)).toEqual(volumes.map(() => 500_000));
    for (const volume of volumes) await volume.delete();
  });
});

describeWithPeers(["libvirtd", "virsh"], "our client takes a picture of the test driver's domain", () => {
  let settings: Settings<"libvirtd">;

  beforeAll(async () => {
    settings = await testbed("libvirtd");
  });

  it("which is a PNG", async () => {
    await using hypervisor = await Libvirt.open(settings.LIBVIRTD_UNIX_URI);
    const { type, image } = await (await hypervisor.domainByName("test")).screenshot();
    expect(type).toBe("image/png");
    expect(Buffer.from(image.subarray(1, 4)).toString()).toBe("PNG");
    expect(Buffer.from(image.subarray(-8, -4)).toString()).toBe("IEND");
  });
});

describeWithNamespace(["libvirtd", "virsh", "qemu-system-x86_64"], "our client at a real guest's console", () => {
  let settings: Settings<"guest">;

  beforeAll(async () => {
    settings = await testbed("guest");
  });

  it("types, and reads it back", async () => {
    await using hypervisor = await Libvirt.open(settings.GUEST_URI);
    const guest = await hypervisor.domainByName(settings.GUEST_NAME);
    await using console = await guest.console({ force: true, signal: AbortSignal.timeout(20_000) });
    const heard = listen(console, "typed by virnet");
    await console.write(Buffer.from("typed by virnet"));
    expect(await heard).toContain("typed by virnet");
    expect((await guest.screenshot()).image.length).toBeGreaterThan(100);
  });

  /** The guest is a boot sector, which has no driver for the other end: what is written waits in qemu. */
  it("opens its channel, which one has at a time, by force also another", async () => {
    await using hypervisor = await Libvirt.open(settings.GUEST_URI);
    const guest = await hypervisor.domainByName(settings.GUEST_NAME);
    const signal = AbortSignal.timeout(20_000);
    const channel = await guest.openChannel({ name: "org.testbed.0", signal });
    await channel.write(Buffer.from("into the guest"));
    await expect(guest.openChannel({ signal })).rejects.toMatchObject({
      code: 9,
      message: expect.stringMatching(/active/i),
    });
    const other = await guest.openChannel({ force: true, signal });
    await other.write(Buffer.from("by somebody else"));
    await expect(guest.openChannel({ name: "no.such.port", signal })).rejects.toMatchObject({ name: "RpcError" });
    await Promise.all([channel.abort(), other.abort()]);
    await expect.poll(() => hypervisor.client.streams).toBe(0);
    const third = await guest.openChannel({ signal });
    await third.abort();
  });
});

interface Journey {
  readonly source: string;
  readonly back: string;
  readonly up: TransferProgress;
  readonly down: TransferProgress;
  readonly volume: Volume;
}

async function thereAndBack(hypervisor: Libvirt, sparse: boolean): Promise<Journey> {
  const form = sparse ? "sparse" : "dense";
  const source = await bigFile(`source-${form}`, sparse);
  const volume = await newVolume(hypervisor, `big-${form}`, 2 * GIB);
  const reports: number[] = [];
  const up = await volume.upload(source, { sparse, onProgress: ({ bytes }) => reports.push(bytes) });
  const back = join(testbedDirectory(), `back-${form}`);
  const down = await volume.download(back, { sparse });
  expect(reports.at(-1)).toBe(2 * GIB);
  expect(reports).toEqual(reports.toSorted((a, b) => a - b));
  return { source, back, up, down, volume };
}

/** 2 GiB: of data that does not repeat, or with 16 patches of data far apart. */
async function bigFile(name: string, sparse: boolean): Promise<string> {
  const path = join(testbedDirectory(), name);
  const file = await open(path, "w");
  await (sparse ? writePatches(file) : writeDense(file));
  await file.truncate(2 * GIB);
  await file.close();
  return path;
}

async function writeDense(file: FileHandle): Promise<void> {
  const block = Buffer.alloc(16 * 2 ** 20);
  for (let at = 0; at < block.length; at += 4) block.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at);
  for (let written = 0; written < 2 * GIB; written += block.length) {
    block.writeDoubleLE(written, 0);
    await file.write(block);
  }
}

async function writePatches(file: FileHandle): Promise<void> {
  for (let i = 0; i < 16; i++) await file.write(Buffer.alloc(300_000 & ~4095, i + 1), 0, undefined, (i * GIB) / 8);
}

async function newVolume(hypervisor: Libvirt, name: string, capacity: number): Promise<Volume> {
  const pool = await hypervisor.pool("testbed");
  return pool.createVolume(
    `<volume><name>${name}</name><capacity>${capacity}</capacity><allocation>0</allocation></volume>`,
  );
}

async function read(volume: Volume, offset: number, length: number): Promise<string> {
  let text = "";
  await volume.download(
    async (bytes) => {
      text += Buffer.from(bytes).toString();
    },
    { offset, length },
  );
  return text;
}

async function listen(stream: RpcStream, wanted: string): Promise<string> {
  let text = "";
  for await (const chunk of stream) {
    text += Buffer.from(chunk).toString();
    if (text.includes(wanted)) break;
  }
  return text;
}

function* brokenSource(): Generator<Uint8Array> {
  yield Buffer.alloc(300_000);
  throw new Error("the source broke");
}

async function allocated(path: string): Promise<number> {
  return (await stat(path)).blocks * 512;
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  createReadStream(path, { highWaterMark: 2 ** 20 }).pipe(hash);
  await once(hash, "readable");
  return (hash.read() as Buffer).toString("hex");
}
