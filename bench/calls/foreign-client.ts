import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** One round of a client that is not ours. */
export interface ForeignRound {
  readonly callsPerSecond: number;
  /** Microseconds per call. */
  readonly clientCpu: number;
}

/** A client of libvirt's protocol, as a program. */
export interface ForeignClient {
  readonly name: string;
  /** What calls at the same time over its one connection. */
  readonly callers: "threads" | "goroutines";
  /** Lets that many call the server at `path`. */
  readonly play: (path: string, callers: number, milliseconds: number) => Promise<ForeignRound>;
}

/** Or why it can't take part. */
export type Found = ForeignClient | { readonly absent: string };

export const execute: typeof execFile.__promisify__ = promisify(execFile);

/** Runs a program that prints how many calls it made, and in how much wall and CPU time, both in microseconds. */
export async function roundOf(
  program: string,
  where: string,
  callers: number,
  milliseconds: number,
): Promise<ForeignRound> {
  const args = [where, String(callers), String(milliseconds)];
  const { stdout } = await execute(program, args, { timeout: milliseconds + 20_000 });
  const [calls = 0, wall = 0, cpu = 0] = stdout.split(" ").map(Number);
  return { callsPerSecond: (calls * 1e6) / wall, clientCpu: cpu / calls };
}
