import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { mkdtemp, open, readFile, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Libvirt } from "@virnet/libvirt";
import { startTestd, type Testd } from "@virnet/testd";
import { beforeAll, expect, it, vi } from "vitest";
import { describeWithPeers } from "./helpers/peers.ts";
import { runProgram } from "./helpers/program.ts";
import { testbedDirectory } from "./helpers/testbed.ts";
import { virsh } from "./helpers/virsh.ts";

const MIB = 2 ** 20;

/** One virsh does all of a session, as the stand-in forgets everything once nobody is connected. */
describeWithPeers(["virsh"], "real virsh transfers volumes of our stand-in", () => {
  let testd: Testd;
  let uri: string;

  beforeAll(async () => {
    // A folder of this suite's own for temporary files: others' are none of its business.
    vi.stubEnv("TMPDIR", await mkdtemp(join(testbedDirectory(), "tmp-")));
    testd = await startTestd({ sockets: [join(testbedDirectory(), "streams.sock")] });
    uri = testd.uris[0] ?? "";
    return async () => {
      await testd.close();
      vi.unstubAllEnvs();
    };
  });

  it("up and down, with equal content", async () => {
    const source = await patternFile("dense", 20 * MIB + 17);
    const back = join(testbedDirectory(), "dense-back");
    const made = "vol-create-as default-pool v1 20971537B --allocation 0";
    const { stdout, stderr, status } = await virsh(
      uri,
      `${made}; vol-upload v1 ${source} --pool default-pool; vol-download v1 ${back} --pool default-pool`,
    );
    expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
    expect(stdout).toContain("Vol v1 created");
    expect(await sha256(back)).toBe(await sha256(source));
  });

  it("sparse, with holes that stay holes", async () => {
    const source = join(testbedDirectory(), "holes");
    const file = await open(source, "w");
    for (const at of [0, 30, 77]) await file.write(Buffer.alloc(100_000, at + 1), 0, undefined, at * MIB);
    await file.truncate(100 * MIB);
    await file.close();
    const back = join(testbedDirectory(), "holes-back");
    const { stderr, status } = await virsh(
      uri,
      `vol-create-as default-pool v2 100M --allocation 0; vol-upload v2 ${source} --pool default-pool --sparse; vol-download v2 ${back} --pool default-pool --sparse`,
    );
    expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
    expect(await sha256(back)).toBe(await sha256(source));
    expect((await stat(back)).blocks * 512).toBeLessThan(MIB);
  });

  it("ranges", async () => {
    const source = await patternFile("range", 1000);
    const back = join(testbedDirectory(), "range-back");
    const range = "--pool default-pool --offset 5000 --length 1000";
    const { stderr } = await virsh(
      uri,
      `vol-create-as default-pool v3 1M --allocation 0; vol-upload v3 ${source} ${range}; vol-download v3 ${back} ${range}`,
    );
    expect(stderr).toBe("");
    expect(await readFile(back)).toEqual(await readFile(source));
  });

  it("too much for a volume, which is told as libvirtd tells it", async () => {
    const source = await patternFile("much", 2 * MIB);
    const { stderr, status } = await virsh(
      uri,
      `vol-create-as default-pool v4 1M --allocation 0; vol-upload v4 ${source} --pool default-pool`,
    );
    expect(status).toBe(1);
    expect(stderr).toContain("No space left on device");
  });

  it("until Ctrl-C, which ends the stream and not the connection of others", async () => {
    await using hypervisor = await Libvirt.open(uri);
    const pool = await hypervisor.pool("default-pool");
    const capacity = 40 * 2 ** 30;
    await pool.createVolume(
      `<volume><name>huge</name><capacity>${capacity}</capacity><allocation>0</allocation></volume>`,
    );
    const victim = spawn("virsh", ["-c", uri, "vol-download huge /dev/null --pool default-pool"], { stdio: "ignore" });
    const gone = new Promise<unknown>((resolve) => victim.once("exit", (code, signal) => resolve(signal ?? code)));
    await new Promise((resolve) => setTimeout(resolve, 1000));
    victim.kill("SIGINT");
    expect(await gone).not.toBe(0);
    expect((await hypervisor.pools()).length).toBe(1);
  });

  it("a picture of a domain", async () => {
    const path = join(testbedDirectory(), "shot.png");
    const { stdout } = await virsh(uri, `screenshot test ${path}`);
    expect(stdout).toContain("with type of image/png");
    const image = await readFile(path);
    expect(image.subarray(1, 4).toString()).toBe("PNG");
    expect(image.length).toBeGreaterThan(1000);
  });

  it("at a console, with a terminal between", async () => {
    const typed = "printf 'echo hello\\rexiz\\bt\\r'; sleep 1";
    const command = `(sleep 1; ${typed}) | script -qec "virsh -c '${uri}' console test" /dev/null`;
    const shown = await execConsole(command);
    expect(shown).toContain("Connected to domain 'test'");
    expect(shown).toContain("test> echo hello\r\nhello\r\n");
    expect(shown).toContain("exiz\b \bt");
  });

  it("of which the allocation grows with what was written", async () => {
    await using hypervisor = await Libvirt.open(uri);
    const pool = await hypervisor.pool("default-pool");
    const definition = "<volume><name>grows</name><capacity unit='MiB'>9</capacity><allocation>0</allocation></volume>";
    const volume = await pool.createVolume(definition);
    expect((await volume.info()).allocation).toBe(0n);
    await volume.upload([Buffer.alloc(10_000, "x")], { offset: MIB });
    const { stdout } = await virsh(uri, "vol-info grows default-pool");
    expect(stdout).toMatch(/Allocation:\s+12.00 KiB/);
    await volume.upload([Buffer.alloc(10_000, "y")], { offset: MIB });
    expect((await volume.info()).allocation).toBe(12_288n);
  });

  it("and leaves no file behind", async () => {
    const hypervisor = await Libvirt.open(uri);
    const pool = await hypervisor.pool("default-pool");
    const volume = await pool.createVolume("<volume><name>left</name><capacity>4096</capacity></volume>");
    await volume.upload([Buffer.alloc(4096, "x")]);
    expect(folders()).toHaveLength(1);
    await testd.close();
    expect(folders()).toEqual([]);
  });
});

function folders(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith("virnet-testd-"));
}

/** What a terminal shows. Our event loop goes on, for the server is in this process. */
async function execConsole(command: string): Promise<string> {
  return (await runProgram("sh", ["-c", command], { timeout: 15_000 })).stdout;
}

async function patternFile(name: string, size: number): Promise<string> {
  const path = join(testbedDirectory(), `pattern-${name}`);
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i++) bytes[i] = Math.imul(i, 31) ^ (i >> 8);
  await writeFile(path, bytes);
  return path;
}

async function sha256(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}
