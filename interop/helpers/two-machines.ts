import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { runProgram } from "./program.ts";

/** One of two machines: its network is its own. */
export interface Machine {
  /** The command that runs another command there. */
  readonly enter: readonly [string, ...string[]];
}

export interface TwoMachines extends AsyncDisposable {
  readonly near: Machine;
  readonly far: Machine;
}

/** Seconds until the network is gone, should nobody dispose it. */
const LIFE_S = 300;

/**
 * Two network namespaces joined by two cables: `near0`, `near1` with 10.77.N.1 and fd77:N::1 there, `far0`, `far1` with
 * the same ending in 2 here, and link-local addresses on all.
 */
export async function twoMachines(): Promise<TwoMachines> {
  const holders = [hold(), hold()];
  await Promise.all(holders.map((holder) => once(holder, "spawn")));
  const [near, far] = holders.map(machineOf);
  if (near === undefined || far === undefined) throw new Error("two were made");
  await pause(100); // unshare is done by then
  for (const number of [0, 1]) await plug(near, far, number);
  await pause(2500); // until link-local addresses are known to be nobody else's
  return { near, far, [Symbol.asyncDispose]: () => release(holders) };
}

function hold(): ChildProcess {
  return spawn("unshare", ["-n", "sleep", String(LIFE_S)], { stdio: "ignore" });
}

function machineOf({ pid }: ChildProcess): Machine {
  return { enter: ["nsenter", "-t", String(pid), "-n"] };
}

async function plug(near: Machine, far: Machine, number: number): Promise<void> {
  await ip(
    near,
    "link",
    "add",
    `near${number}`,
    "type",
    "veth",
    "peer",
    "name",
    `far${number}`,
    "netns",
    far.enter[2] ?? "",
  );
  for (const [machine, name, last] of [
    [near, `near${number}`, 1],
    [far, `far${number}`, 2],
  ] as const) {
    await ip(machine, "address", "add", `10.77.${number}.${last}/24`, "dev", name);
    await ip(machine, "address", "add", `fd77:${number}::${last}/64`, "dev", name, "nodad");
    await ip(machine, "link", "set", name, "up");
    await ip(machine, "link", "set", "lo", "up");
  }
}

async function ip({ enter: [command, ...rest] }: Machine, ...args: readonly string[]): Promise<void> {
  const { status, stderr } = await runProgram(command, [...rest, "ip", ...args]);
  if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr}`);
}

async function release(holders: readonly ChildProcess[]): Promise<void> {
  for (const holder of holders) {
    const gone = once(holder, "exit");
    holder.kill("SIGKILL");
    await gone;
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
