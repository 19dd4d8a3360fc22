import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { testbedDirectory } from "./testbed.ts";

/** A daemon of ours in a process of its own. */
export interface Daemon extends AsyncDisposable {
  readonly pid: number;
  /** The first line of its standard output, parsed: where it listens, and what else it says with `--json`. */
  readonly ready: unknown;
  /** All that it has written to its standard error so far. */
  readonly stderr: () => string;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Resolves to the exit status, or the name of the signal that ended it. */
  readonly exited: Promise<number | string>;
}

export interface DaemonOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds until the readiness line must have come; 20 s unless told. */
  readonly timeout?: number;
}

/**
 * Starts a daemon and waits for the JSON line that says it is ready. Disposing it sends SIGTERM, and SIGKILL five
 * seconds later; the test bed ends it should we die before.
 */
export async function spawnDaemon(
  command: string,
  args: readonly string[],
  { env = {}, timeout = 20_000 }: DaemonOptions = {},
): Promise<Daemon> {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const exited = exitOf(child);
  const errors: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text));
  try {
    const line = await firstLine(child, exited, timeout);
    const pid = pidOf(child);
    const pidFile = await register(pid);
    return {
      pid,
      ready: JSON.parse(line),
      stderr: () => errors.join(""),
      kill: (signal) => child.kill(signal),
      exited,
      [Symbol.asyncDispose]: async () => {
        await end(child, exited);
        await rm(pidFile, { force: true });
      },
    };
  } catch (error) {
    child.kill("SIGKILL");
    throw new Error(`${command} ${args.join(" ")} did not become ready\n${errors.join("")}`, { cause: error });
  }
}

/** Starts the stand-in libvirtd of packages/testd, as built. */
export function spawnTestd(args: readonly string[], options?: DaemonOptions): Promise<Daemon> {
  return spawnDaemon(process.execPath, [testdPath, ...args, "--json"], options);
}

export const testdPath: string = join(import.meta.dirname, "../../packages/testd/dist/bin.js");

async function exitOf(child: ChildProcess): Promise<number | string> {
  try {
    await once(child, "exit");
  } catch (error) {
    return String(error); // it could not be started
  }
  return child.exitCode ?? child.signalCode ?? "unknown";
}

async function firstLine(
  child: ChildProcess & { readonly stdout: NodeJS.ReadableStream },
  exited: Promise<number | string>,
  timeout: number,
): Promise<string> {
  const lines = createInterface({ input: child.stdout }); // goes on reading, so that the daemon may go on writing
  const line: Promise<unknown[]> = once(lines, "line", { signal: AbortSignal.timeout(timeout) });
  const gone = exited.then((status) => Promise.reject(new Error(`it ended: ${status}`)));
  const [first] = await Promise.race([line, gone]);
  return String(first);
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error("no process");
  return child.pid;
}

/** Puts the process among those that interop/testbed/down ends: its id and start time. */
async function register(pid: number): Promise<string> {
  const folder = join(testbedDirectory(), "pids");
  const file = join(folder, `daemon-${pid}`);
  await mkdir(folder, { recursive: true });
  await writeFile(file, `${pid} ${await startTime(pid)}\n`);
  return file;
}

/** Field 22 of /proc/PID/stat; the second is the program's name, in parentheses, and may hold spaces. */
async function startTime(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => ""); // only Linux has it
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

async function end(child: ChildProcess, exited: Promise<number | string>): Promise<void> {
  child.kill("SIGTERM");
  const impatience = setTimeout(() => child.kill("SIGKILL"), 5000);
  await exited;
  clearTimeout(impatience);
}
