import { type ProgramOptions, type ProgramResult, runProgram } from "./program.ts";

/** Runs the real virsh on one connection: `virsh(uri, "list", "--all")`. */
export function virsh(uri: string, ...args: readonly string[]): Promise<ProgramResult> {
  return runProgram("virsh", ["-c", uri, ...args]);
}

/** {@link virsh} with an environment (Kerberos), a time limit or input of its own. */
export function virshWith(options: ProgramOptions, uri: string, ...args: readonly string[]): Promise<ProgramResult> {
  return runProgram("virsh", ["-c", uri, ...args], options);
}

/** Runs the real virt-admin on an admin socket's URI. */
export function virtAdmin(uri: string, ...args: readonly string[]): Promise<ProgramResult> {
  return runProgram("virt-admin", ["-c", uri, ...args]);
}
