import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Libvirt } from "@virnet/libvirt";
import { expect, it, onTestFinished } from "vitest";
import { spawnDaemon, testdPath } from "./helpers/daemon.ts";
import { describeWithPeers } from "./helpers/peers.ts";
import { virsh } from "./helpers/virsh.ts";

const LIMIT = 200;

describeWithPeers(["virsh"], "a daemon that runs out of descriptors", () => {
  it.each([
    ["UNIX", []],
    ["UNIX, which passes descriptors", ["--native"]],
    ["TCP", []],
  ])("serves the clients that it has, says so, and goes on when some have left: %s", async (transport, options) => {
    const folder = await mkdtemp(join(tmpdir(), "exhausted-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const path = join(folder, "s");
    const where = transport === "TCP" ? ["--listen", "127.0.0.1:0"] : ["--socket", path];
    const command = [process.execPath, testdPath, ...where, "--json", ...options].join(" ");
    await using testd = await spawnDaemon("sh", ["-c", `ulimit -n ${LIMIT}; exec ${command}`]);
    const { uris, listening } = testd.ready as { uris: string[]; listening: { port?: number }[] };
    const [uri = ""] = uris;
    const target = transport === "TCP" ? { port: listening[0]?.port ?? 0, host: "127.0.0.1" } : { path };

    await using early = await Libvirt.open(uri);
    const open = new Set<net.Socket>();
    for (let n = 0; n < 2 * LIMIT; n++) {
      const socket = net.connect(target).resume();
      socket.on("error", () => {}).on("close", () => open.delete(socket));
      await once(socket, "connect");
      open.add(socket);
    }
    expect(await early.hostname()).not.toBe("");
    await expect.poll(() => open.size, { timeout: 10_000 }).toBeLessThan(LIMIT);
    expect((await readdir(`/proc/${testd.pid}/fd`)).length).toBeLessThan(LIMIT);
    expect(await isServed(uri)).toBe(false);
    const complaints = testd.stderr().match(/clients are turned away: this process may have 200 descriptors/g) ?? [];
    expect(complaints.length).toBeGreaterThan(0);
    expect(complaints.length).toBeLessThan(4);

    for (const socket of open) socket.destroy();
    await expect.poll(() => isServed(uri), { timeout: 10_000 }).toBe(true);
    expect(await early.hostname()).not.toBe("");
  });
});

/** One that is turned away fails, or dies of SIGPIPE: that depends on who is faster. */
async function isServed(uri: string): Promise<boolean> {
  const { status } = await virsh(uri, "list").catch(() => ({ status: null }));
  return status === 0;
}
