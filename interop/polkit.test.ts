import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Libvirt } from "@virnet/libvirt";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Daemon, spawnTestd } from "./helpers/daemon.ts";
import { describeWithNamespace } from "./helpers/peers.ts";
import { type Polkit, startPolkit } from "./helpers/polkit.ts";
import { type ProgramResult, runProgram } from "./helpers/program.ts";

describeWithNamespace(["libvirtd", "virsh", "pkaction"], "a server that asks the real polkit", () => {
  let polkit: Polkit;
  let daemon: Daemon;
  let folder: string;
  let uri: string;

  beforeAll(async () => {
    polkit = await startPolkit();
    folder = await mkdtemp(join(tmpdir(), "guarded-"));
    await runProgram("chmod", ["755", folder]);
    const args = ["--socket", join(folder, "sock"), "--socket-mode", "0666", "--native", "--polkit"];
    daemon = await spawnTestd(args, { env: { DBUS_SYSTEM_BUS_ADDRESS: polkit.busAddress } });
    uri = `test+unix:///default?socket=${join(folder, "sock")}`;
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await polkit[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const as = (user: string, ...command: readonly string[]): Promise<ProgramResult> =>
    runProgram("setpriv", [
      `--reuid=${user}`,
      `--regid=${user}`,
      "--clear-groups",
      "env",
      `HOME=${folder}`,
      ...command,
    ]);
  const virshAs = (user: string, more = ""): Promise<ProgramResult> =>
    as(user, "virsh", "-c", `${uri}${more}`, "list", "--name");

  it("lets in whom polkit lets", async () => {
    expect(await virshAs("games")).toMatchObject({ status: 0, stdout: expect.stringContaining("test") });
    expect((await virshAs("games", "&auth=polkit")).status).toBe(0);
  });

  it("turns away whom polkit turns away", async () => {
    const result = await virshAs("mail");
    expect(result).toMatchObject({ status: 1 });
    expect(result.stderr).toContain("authentication failed: access denied by policy");
    expect(daemon.stderr()).toContain("refused unix: authentication failed: access denied by policy");
  });

  it("says so where nobody can ask the user", async () => {
    const result = await virshAs("news");
    expect(result).toMatchObject({ status: 1 });
    expect(result.stderr).toContain("no polkit agent available to authenticate action 'org.libvirt.unix.manage'");
  });

  it("root needs no question", async () => {
    await using hypervisor = await Libvirt.open(uri);
    expect(await hypervisor.hostname()).not.toBe("");
    await expect(Libvirt.open(`${uri}&auth=polkit`)).rejects.toThrow("polkit is demanded, but the server wants no");
  });

  it("our own client asks as virsh does", async () => {
    const script = `
      import { Libvirt } from ${JSON.stringify(import.meta.resolve("@virnet/libvirt").replace(/src\/index\.ts$/, "dist/index.js"))};
      const hypervisor = await Libvirt.open(process.argv[1]).catch(({ code, domain }) => console.log(code, domain));
      if (hypervisor) console.log(await hypervisor.driver());
      await hypervisor?.close();`;
    const run = async (user: string): Promise<string> => {
      const { stdout, stderr } = await as(user, process.execPath, "--input-type=module", "-e", script, uri);
      return stdout.trim() || stderr;
    };
    expect(await run("games")).toBe("TEST");
    expect(await run("mail")).toBe("45 60");
    expect(await run("news")).toBe("94 60");
  });
});
