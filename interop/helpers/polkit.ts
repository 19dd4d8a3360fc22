import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProgram } from "./program.ts";

/** A system bus of its own with the real polkit daemon on it. */
export interface Polkit extends AsyncDisposable {
  readonly busAddress: string;
}

const policy = `<?xml version="1.0" encoding="UTF-8"?>
<policyconfig>
  <action id="org.libvirt.unix.manage">
    <description>Manage</description><message>Manage</message>
    <defaults><allow_any>auth_admin</allow_any><allow_inactive>auth_admin</allow_inactive><allow_active>auth_admin</allow_active></defaults>
  </action>
</policyconfig>
`;

/** By uid, so that each answer of polkit has its user. */
const rules = `polkit.addRule(function (action, subject) {
  if (action.id !== "org.libvirt.unix.manage") return;
  if (subject.user === "games") return polkit.Result.YES;
  if (subject.user === "mail") return polkit.Result.NO;
});
`;

const DAEMON = "/usr/lib/polkit-1/polkitd";

/** Starts both. The daemon sees only the actions and rules that are written here, in a mount namespace of its own. */
export async function startPolkit(): Promise<Polkit> {
  // The daemon has a user of its own, who may not enter the test bed's directory.
  const folder = await mkdtemp(join(tmpdir(), "polkit-"));
  const [actions, ruleFolder, socket] = ["actions", "rules", "bus"].map((name) => join(folder, name));
  await runProgram("chmod", ["755", folder]);
  for (const path of [actions, ruleFolder]) await mkdir(path ?? "");
  await writeFile(join(actions ?? "", "org.libvirt.unix.policy"), policy);
  await writeFile(join(ruleFolder ?? "", "10-test.rules"), rules);
  const busAddress = `unix:path=${socket}`;
  const config = join(folder, "dbus.conf");
  await writeFile(config, busConfig(busAddress));
  const children = [spawn("dbus-daemon", ["--nofork", "--nopidfile", `--config-file=${config}`], { stdio: "ignore" })];
  const env = { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: busAddress };
  const answers = async (): Promise<boolean> =>
    (await runProgram("pkaction", ["--action-id", "org.libvirt.unix.manage"], { env })).status === 0;
  await waitFor(async () => (await runProgram("test", ["-S", socket ?? ""])).status === 0);
  const mounts = `mount --bind ${actions} /usr/share/polkit-1/actions && mount --bind ${ruleFolder} /etc/polkit-1/rules.d`;
  children.push(spawn("unshare", ["-m", "sh", "-c", `${mounts} && exec ${DAEMON}`], { env, stdio: "ignore" }));
  await waitFor(answers);
  return {
    busAddress,
    async [Symbol.asyncDispose]() {
      for (const child of children.toReversed()) await end(child);
      await rm(folder, { recursive: true });
    },
  };
}

function busConfig(address: string): string {
  return `<busconfig>
  <type>custom</type>
  <listen>${address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>
`;
}

async function waitFor(done: () => Promise<boolean>): Promise<void> {
  for (const until = Date.now() + 15_000; !(await done()); ) {
    if (Date.now() > until) throw new Error("polkit did not come up");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}
