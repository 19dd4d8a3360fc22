import { beforeAll, expect, it } from "vitest";
import { type Daemon, spawnDaemon } from "./helpers/daemon.ts";
import { describeWithPeers } from "./helpers/peers.ts";
import { type LibvirtdInstance, libvirtdWith, type Settings, testbed } from "./helpers/testbed.ts";
import { virsh, virtAdmin } from "./helpers/virsh.ts";

describeWithPeers(["libvirtd", "virsh", "virt-admin"], "the test bed", () => {
  let settings: Settings<"libvirtd">;

  beforeAll(async () => {
    settings = await testbed("libvirtd");
  });

  it("lists the domain test over a unix socket", async () => {
    const { stdout, status } = await virsh(settings.LIBVIRTD_UNIX_URI, "list", "--all", "--name");
    expect({ names: stdout.trim(), status }).toEqual({ names: "test", status: 0 });
  });

  it("lists the domain test over TCP", async () => {
    const { stdout, status } = await virsh(settings.LIBVIRTD_TCP_URI, "list", "--all", "--name");
    expect({ names: stdout.trim(), status }).toEqual({ names: "test", status: 0 });
  });

  it("gives a failing command's status and message", async () => {
    const { stderr, status } = await virsh(settings.LIBVIRTD_UNIX_URI, "dominfo", "nosuch");
    expect(status).toBe(1);
    expect(stderr).toContain("failed to get domain 'nosuch'");
  });

  it("answers virt-admin on the admin socket", async () => {
    const { stdout } = await virtAdmin(settings.LIBVIRTD_ADMIN_URI, "srv-list");
    expect(stdout).toMatch(/\blibvirtd\b/);
  });
});

describeWithPeers(["libvirtd", "virsh", "virt-admin"], "a libvirtd with settings of its own", () => {
  let instance: LibvirtdInstance;

  beforeAll(async () => {
    instance = await libvirtdWith("few-workers", ["max_workers = 3", "min_workers = 2"]);
  });

  it("has them", async () => {
    const { stdout } = await virtAdmin(instance.adminUri, "srv-threadpool-info", "libvirtd");
    expect(stdout).toMatch(/maxWorkers\s*: 3\b/);
  });

  it("listens where it says", async () => {
    const { status } = await virsh(instance.tcpUri, "list");
    expect(status).toBe(0);
  });
});

describeWithPeers([], "spawnDaemon", () => {
  const script = 'console.log(JSON.stringify({ port: 7 })); console.error("up"); setInterval(() => {}, 1000)';
  let daemon: Daemon;

  beforeAll(async () => {
    daemon = await spawnDaemon(process.execPath, ["-e", script]);
    return () => daemon[Symbol.asyncDispose]();
  });

  it("waits for the readiness line", () => {
    expect(daemon.ready).toEqual({ port: 7 });
  });

  it("ends the process", async () => {
    await daemon[Symbol.asyncDispose]();
    expect(await daemon.exited).toBe("SIGTERM");
  });

  it("says what the daemon said when it fails to start", async () => {
    const failing = spawnDaemon(process.execPath, ["-e", 'console.error("no such port"); process.exit(3)']);
    await expect(failing).rejects.toThrow(/did not become ready\nno such port/);
  });
});
