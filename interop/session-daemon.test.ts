import { chown, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { describeWithPeers } from "./helpers/peers.ts";
import { runProgram } from "./helpers/program.ts";
import { repositoryPath } from "./helpers/scripts.ts";

/** Any user but root will do. */
const USER = 65_534;

const script = `
const { Libvirt } = await import(process.argv[1]);
const both = await Promise.all([1, 2].map(() => Libvirt.open("test+unix:///default")));
for (const hypervisor of both) {
  console.log(hypervisor.uri, (await hypervisor.domains()).map(({ name }) => name).join());
  await hypervisor.close();
}
`;

describeWithPeers(["libvirtd"], "the session of a user", () => {
  it("has its libvirtd started, once, by two clients that find none", async () => {
    const home = await mkdtemp(join(tmpdir(), "virnet-session-"));
    await chown(home, USER, USER);
    const env = { HOME: home, XDG_RUNTIME_DIR: join(home, "run"), XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home };
    const library = repositoryPath("packages/libvirt/dist/index.js");
    const as = ["--reuid", String(USER), "--regid", String(USER), "--clear-groups"];
    const node = [process.execPath, "--input-type=module", "-e", script, library];
    const { stdout, stderr } = await runProgram("setpriv", [...as, ...node], { env, timeout: 25_000 });
    const pid = Number(await readFile(join(home, "run/libvirt/libvirtd.pid"), "utf8").catch(() => "0"));
    if (pid > 0) process.kill(pid, "SIGKILL");
    await rm(home, { recursive: true });
    expect(stderr).toBe("");
    expect(stdout).toBe("test:///default test\ntest:///default test\n");
  });
});
