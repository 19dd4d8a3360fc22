import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isInstalled } from "./installed.ts";

/** One round of libvirt's own client. */
export interface CRound {
  readonly callsPerSecond: number;
  /** Microseconds per call. */
  readonly clientCpu: number;
}

/** Lets that many threads call over one connection to the server at `path`. */
export type PlayC = (path: string, threads: number, milliseconds: number) => Promise<CRound>;

/** Compiles the C client into `folder`; undefined where there is no compiler or no libvirt. */
export async function compileCClient(folder: string): Promise<PlayC | undefined> {
  if (!(await isInstalled("gcc"))) return undefined;
  const program = join(folder, "c-client");
  const source = fileURLToPath(new URL("../../calls/c-client.c", import.meta.url));
  await execute("gcc", ["-O2", "-pthread", "-o", program, source, "-ldl"]);
  if (!(await findsLibvirt(program))) return undefined;
  return async (path, threads, milliseconds) => {
    const uri = `test+unix:///default?socket=${path}`;
    const args = [uri, String(threads), String(milliseconds)];
    const { stdout } = await execute(program, args, { timeout: milliseconds + 20_000 });
    const [calls = 0, wall = 0, cpu = 0] = stdout.split(" ").map(Number);
    return { callsPerSecond: (calls * 1e6) / wall, clientCpu: cpu / calls };
  };
}

const execute = promisify(execFile);

/** It ends with status 1 when nobody answers, with 2 when it finds no library. */
async function findsLibvirt(program: string): Promise<boolean> {
  const failure: unknown = await execute(program, ["test+unix:///default?socket=/dev/null", "1", "1"]).catch(
    (error: unknown) => error,
  );
  return failure instanceof Error && "code" in failure && failure.code === 1;
}
