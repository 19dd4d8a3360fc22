import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Libvirt, type StoragePool, type Volume } from "@virnet/libvirt";
import { beforeAll, expect, it } from "vitest";
import { type Daemon, spawnDaemon, testdPath } from "./helpers/daemon.ts";
import { describeWithNamespace } from "./helpers/peers.ts";
import { testbedDirectory } from "./helpers/testbed.ts";
import { virsh } from "./helpers/virsh.ts";

const MIB = 2 ** 20;

/** The stand-in keeps volumes on a disk of eight mebibytes that only it can see. */
describeWithNamespace(["virsh"], "a disk that is really full", () => {
  let daemon: Daemon;
  let uri: string;
  let hypervisor: Libvirt;
  let pool: StoragePool;

  beforeAll(async () => {
    const [folder, socket] = [join(testbedDirectory(), "small-disk"), join(testbedDirectory(), "full-disk.sock")];
    await mkdir(folder);
    const script = `mount -t tmpfs -o size=8m tmpfs ${folder} && exec "$@"`;
    const command = ["-m", "sh", "-c", script, "sh", process.execPath, testdPath, "--socket", socket, "--json"];
    daemon = await spawnDaemon("unshare", command, { env: { TMPDIR: folder } });
    uri = `test+unix:///default?socket=${socket}`;
    hypervisor = await Libvirt.open(uri);
    pool = await hypervisor.pool("default-pool");
    return async () => {
      await hypervisor.close();
      await daemon[Symbol.asyncDispose]();
    };
  });

  it("is told to virsh", async () => {
    const source = join(testbedDirectory(), "too-much");
    await writeFile(source, Buffer.alloc(20 * MIB, "x"));
    const volume = await newVolume("by-virsh");
    const { stderr, status } = await virsh(uri, `vol-upload by-virsh ${source} --pool default-pool`);
    expect(status).toBe(1);
    expect(stderr).toContain("No space left on device");
    await volume.delete();
  });

  it("is told to our client, which goes on, and leaves nothing open", async () => {
    const open = await openFiles();
    const volume = await newVolume("ours");
    for (let i = 0; i < 3; i++) {
      const upload = volume.upload(Array<Uint8Array>(20).fill(Buffer.alloc(MIB, "x")));
      await expect(upload).rejects.toMatchObject({ name: "RpcError", code: 38, int1: 28 });
    }
    expect(hypervisor.client.streams).toBe(0);
    await expect.poll(openFiles).toBe(open);
    expect(Number((await volume.info()).allocation)).toBeLessThanOrEqual(8 * MIB);
    await volume.delete();
    const small = await newVolume("small");
    await small.upload([Buffer.alloc(6 * MIB, "y")]); // there is room again
    expect((await small.info()).allocation).toBe(BigInt(6 * MIB));
    await small.delete();
    expect(daemon.stderr()).toBe("");
  });

  function newVolume(name: string): Promise<Volume> {
    return pool.createVolume(
      `<volume><name>${name}</name><capacity unit='MiB'>64</capacity><allocation>0</allocation></volume>`,
    );
  }

  async function openFiles(): Promise<number> {
    return (await readdir(`/proc/${daemon.pid}/fd`)).length;
  }
});
