import { execFile } from "node:child_process";

export interface ProgramOptions {
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds until the program is killed and the call rejects; 20 s unless told. */
  readonly timeout?: number;
  /** What it reads from its standard input, which is empty unless told. */
  readonly input?: string;
}

export interface ProgramResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
}

/**
 * Runs a program to its end. A status other than 0 is a result; being killed, timing out or not being there rejects.
 * Our event loop goes on meanwhile, so the program may talk to a server in this process.
 */
export function runProgram(
  file: string,
  args: readonly string[],
  { env = {}, timeout = 20_000, input = "" }: ProgramOptions = {},
): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const settings = { env: { ...process.env, LC_ALL: "C.UTF-8", ...env }, timeout, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(file, args, settings, (error, stdout, stderr) => {
      if (child.exitCode !== null) resolve({ stdout, stderr, status: child.exitCode });
      else reject(new Error(failure(file, args, child.killed, stderr), { cause: error }));
    });
    child.stdin?.on("error", () => {}); // a program need not read its input
    child.stdin?.end(input);
  });
}

function failure(file: string, args: readonly string[], killed: boolean, stderr: string): string {
  const command = [file, ...args].join(" ");
  return `${command}: ${killed ? "took too long and was killed" : "could not be run"}\n${stderr}`.trimEnd();
}
