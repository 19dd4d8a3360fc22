import { execFile } from "node:child_process";
import { mkdtemp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isInstalled } from "./installed.ts";

/** A real libvirtd with the test driver, brought up by the interop tests' test bed. */
export interface Libvirtd extends AsyncDisposable {
  readonly path: string;
  /** Microseconds of CPU it has used so far. */
  cpu(): Promise<number>;
}

/** Undefined where it is not installed. */
export async function startLibvirtd(): Promise<Libvirtd | undefined> {
  if (!(await isInstalled("libvirtd"))) return undefined;
  // The test bed wants a short path, for its sockets' sake.
  const env = { ...process.env, TESTBED_DIR: await mkdtemp("/tmp/bench-") };
  const { stdout } = await execute(script("up"), ["libvirtd"], { env, timeout: 60_000 });
  const settings = new Map(stdout.split("\n").map((line): [string, string] => splitAt(line, "=")));
  const pid = settings.get("LIBVIRTD_PID") ?? "";
  return {
    path: settings.get("LIBVIRTD_SOCK") ?? "",
    cpu: () => cpuOf(pid),
    [Symbol.asyncDispose]: async () => {
      await execute(script("down"), ["--wipe"], { env, timeout: 60_000 });
    },
  };
}

const execute = promisify(execFile);

function script(name: string): string {
  return join(fileURLToPath(new URL("../../../interop/testbed/", import.meta.url)), name);
}

function splitAt(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Fields 14 and 15 of its stat, in hundredths of a second. */
async function cpuOf(pid: string): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "latin1");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}
