import { type ChildProcess, spawn } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Libvirt, type StoragePool } from "@virnet/libvirt";
import { startTestd } from "@virnet/testd";
import { beforeAll, expect, it } from "vitest";
import { type Daemon, spawnDaemon, spawnTestd } from "./helpers/daemon.ts";
import { describeWithPeers } from "./helpers/peers.ts";
import { runProgram } from "./helpers/program.ts";
import { type LibvirtdInstance, libvirtdWith, optionalSetting, testbed, testbedDirectory } from "./helpers/testbed.ts";
import { virsh, virtAdmin } from "./helpers/virsh.ts";

/*
 * Each side is stopped in turn, with SIGSTOP: its sockets stay open and it says no more, as when a cable is pulled. The
 * waits are for what must happen, not for a time; the limits of the tests are far above the seconds that it takes.
 */

/** Opens a URI, says so in a line of JSON, and at the end of the connection why it ended. */
const idleClient = `
  import { Libvirt } from "@virnet/libvirt";
  const hypervisor = await Libvirt.open(process.argv[1]);
  console.log("{}");
  const { reason } = await hypervisor.closed;
  console.error("closed: " + reason);
`;

function spawnIdleClient(uri: string): Promise<Daemon> {
  return spawnDaemon(process.execPath, ["--input-type=module", "--eval", idleClient, uri]);
}

describeWithPeers(["libvirtd", "virsh", "virt-admin"], "keepalive with a real libvirtd", () => {
  let libvirtd: LibvirtdInstance;

  beforeAll(async () => {
    libvirtd = await libvirtdWith("keepalive", ["keepalive_interval = 1", "keepalive_count = 2"]);
  });

  it("which is stopped: our client ends with reason keepalive, and so does every wait", async () => {
    const frozen = await libvirtdWith("frozen", []);
    await using hypervisor = await Libvirt.open(frozen.tcpUri, { keepalive: { interval: 250, count: 2 } });
    const events = hypervisor.events({ kinds: ["domain-lifecycle"] });
    await events.ready;
    process.kill(frozen.pid, "SIGSTOP");
    try {
      await expect(hypervisor.hostname()).rejects.toMatchObject({ name: "ConnectionError", reason: "keepalive" });
      await expect(events.next()).rejects.toMatchObject({ reason: "keepalive" });
      expect(await hypervisor.closed).toMatchObject({ reason: "keepalive" });
    } finally {
      process.kill(frozen.pid, "SIGCONT");
    }
  });

  it("which asks: our client answers, and stays", async () => {
    await using hypervisor = await Libvirt.open(libvirtd.unixUri, { keepalive: false });
    await sleep(4500);
    expect(await hypervisor.hostname()).not.toBe("");
  });

  it("drops our client when that is stopped", async () => {
    await using client = await spawnIdleClient(libvirtd.tcpUri);
    expect(await clientsOf(libvirtd)).toBe(1);
    client.kill("SIGSTOP");
    try {
      await expect.poll(() => clientsOf(libvirtd), { timeout: 20_000 }).toBe(0);
    } finally {
      client.kill("SIGCONT");
    }
    await client.exited;
    expect(client.stderr()).toBe("closed: eof\n");
  });

  it("keeps our client that was busy for longer than it may be silent", async () => {
    await using hypervisor = await Libvirt.open((await testbed("libvirtd")).LIBVIRTD_UNIX_URI, {
      keepalive: { interval: 100, count: 2 },
    });
    for (const end = Date.now() + 1000; Date.now() < end; );
    expect(await hypervisor.hostname()).not.toBe("");
  });

  it("keeps our client while it holds a download paused for longer than either side may be silent", async () => {
    await testbed("libvirtd");
    const uri = (await optionalSetting("LIBVIRTD_STORAGE_URI")) ?? "";
    await using hypervisor = await Libvirt.open(uri, { keepalive: { interval: 250, count: 2 } });
    // The test bed's main libvirtd has the default: five questions, five seconds each.
    await pausedDownload(hypervisor, await hypervisor.pool("testbed"), 33_000);
  }, 90_000);
});

describeWithPeers(["virsh"], "keepalive with our stand-in", () => {
  const patience = ["--keepalive-interval", "1", "--keepalive-count", "2"];

  it("which is stopped: virsh says so", async () => {
    const socket = join(testbedDirectory(), "stopped.sock");
    await using testd = await spawnTestd(["--socket", socket]);
    const watcher = watch(`test+unix:///default?socket=${socket}`);
    await watcher.registered;
    testd.kill("SIGSTOP");
    try {
      expect(await watcher.exited).toBe(1);
      expect(watcher.said()).toContain("due to keepalive timeout");
    } finally {
      testd.kill("SIGCONT");
    }
  });

  it("which is stopped: our client ends with reason keepalive", async () => {
    const socket = join(testbedDirectory(), "stopped-too.sock");
    await using testd = await spawnTestd(["--socket", socket]);
    await using hypervisor = await Libvirt.open(`test+unix:///default?socket=${socket}`, {
      keepalive: { interval: 250, count: 2 },
    });
    testd.kill("SIGSTOP");
    try {
      expect(await hypervisor.closed).toMatchObject({ reason: "keepalive" });
    } finally {
      testd.kill("SIGCONT");
    }
  });

  it("drops a virsh that is stopped", async () => {
    await using testd = await startTestd({
      sockets: [join(testbedDirectory(), "drops.sock")],
      keepalive: { interval: 1000, count: 2 },
    });
    const watcher = watch(testd.uris[0] ?? "");
    await watcher.registered;
    const closed = nextClosed();
    watcher.child.kill("SIGSTOP");
    try {
      expect(await closed).toMatchObject({ reason: "keepalive" });
    } finally {
      watcher.child.kill("SIGCONT");
    }
    expect(await watcher.exited).toBe(1);
  });

  it("drops our client when that is stopped", async () => {
    await using testd = await startTestd({
      sockets: [join(testbedDirectory(), "drops-ours.sock")],
      keepalive: { interval: 250, count: 2 },
    });
    await using client = await spawnIdleClient(testd.uris[0] ?? "");
    const closed = nextClosed();
    client.kill("SIGSTOP");
    try {
      expect(await closed).toMatchObject({ reason: "keepalive" });
    } finally {
      client.kill("SIGCONT");
    }
    await client.exited;
    expect(client.stderr()).toBe("closed: eof\n");
  });

  it("keeps a virsh that is idle for longer than it may be silent, either side asking", async () => {
    const socket = join(testbedDirectory(), "idle.sock");
    await using _ = await spawnTestd(["--socket", socket, ...patience]);
    const uri = `test+unix:///default?socket=${socket}`;
    for (const asking of ["1", "0"]) {
      const result = await runProgram("virsh", [
        "-c",
        uri,
        "-k",
        asking,
        "-K",
        "1",
        "event",
        "--all",
        "--timeout",
        "5",
      ]);
      expect(result).toMatchObject({ stdout: "event loop timed out\nevents received: 0\n\n", stderr: "" });
    }
  });

  it("keeps a virsh that reads a download too slowly to be done in time", async () => {
    const socket = join(testbedDirectory(), "slow.sock");
    const pipe = join(testbedDirectory(), "slow.pipe");
    await using _ = await spawnTestd(["--socket", socket, ...patience], { env: { TMPDIR: testbedDirectory() } });
    const uri = `test+unix:///default?socket=${socket}`;
    await using hypervisor = await Libvirt.open(uri);
    const volume = await (await hypervisor.pool("default-pool")).createVolume(definition);
    await volume.upload([Buffer.alloc(64 * MIB, "x")]);
    await runProgram("mkfifo", [pipe]);
    const download = virsh(uri, "vol-download", "v", pipe, "--pool", "default-pool");
    let size = 0;
    for await (const chunk of createReadStream(pipe) as AsyncIterable<Buffer>) {
      if (size === 0) await sleep(5000);
      size += chunk.length;
    }
    expect(await download).toMatchObject({ status: 0, stderr: "" });
    expect(size).toBe(64 * MIB);
  });

  it("keeps our client while it holds a download paused for longer than either side may be silent", async () => {
    const socket = join(testbedDirectory(), "paused.sock");
    await using _ = await spawnTestd(["--socket", socket, ...patience], { env: { TMPDIR: testbedDirectory() } });
    await using hypervisor = await Libvirt.open(`test+unix:///default?socket=${socket}`, {
      keepalive: { interval: 250, count: 2 },
    });
    await pausedDownload(hypervisor, await hypervisor.pool("default-pool"), 5000);
  });
});

const MIB = 2 ** 20;
const definition = "<volume><name>v</name><capacity unit='MiB'>64</capacity><allocation>0</allocation></volume>";

/** A download whose reader does nothing for a while, with more than the sockets hold. */
async function pausedDownload(hypervisor: Libvirt, pool: StoragePool, ms: number): Promise<void> {
  const volume = await pool.createVolume(definition);
  await volume.upload([Buffer.alloc(64 * MIB, "x")]);
  let size = 0;
  await volume.download(async (chunk) => {
    if (size === 0) await sleep(ms);
    size += chunk.length;
  });
  expect(size).toBe(64 * MIB);
  expect(await hypervisor.libvirtVersion()).not.toBe("");
  await volume.delete();
}

/** A virsh that waits for events, and looks after its server: three questions, one second each. */
function watch(uri: string) {
  const args = ["-c", uri, "-k", "1", "-K", "3", "event", "--loop", "--all"];
  const child: ChildProcess = spawn("virsh", args, { stdio: ["ignore", "pipe", "pipe"] });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => said.push(String(chunk)));
  const exited = once(child, "exit").then(([status]) => status as number | null);
  return { child, exited, said: () => said.join(""), registered: registered(uri, said) };
}

/** What happens to the domain is seen by the watcher only once it has registered. */
async function registered(uri: string, said: readonly string[]): Promise<void> {
  await using hypervisor = await Libvirt.open(uri);
  const domain = await hypervisor.domainByName("test");
  while (!said.join("").includes("Suspended")) {
    await domain.suspend();
    await domain.resume();
    await sleep(100);
  }
}

/** Why the next client of a server in this process goes. */
function nextClosed(): Promise<unknown> {
  const name = "virnet:server:client:closed";
  return new Promise((resolve) => {
    const listener = (message: unknown): void => {
      unsubscribe(name, listener);
      resolve((message as { error: unknown }).error);
    };
    subscribe(name, listener);
  });
}

/** Clients of the daemon's main server, as its administrator sees them. */
async function clientsOf({ adminUri }: LibvirtdInstance): Promise<number> {
  const { stdout } = await virtAdmin(adminUri, "client-list", "libvirtd");
  return stdout.split("\n").filter((line) => /^ *\d+ /.test(line)).length;
}
