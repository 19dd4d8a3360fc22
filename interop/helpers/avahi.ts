import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { runProgram } from "./program.ts";

/** A resolved line of `avahi-browse -rpt`. */
export interface AvahiEntry {
  readonly interface: string;
  readonly family: string;
  readonly name: string;
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly txt: string;
}

/** All entries of the type that the test bed's Avahi knows; `bus` is its DBUS_SYSTEM_BUS_ADDRESS. */
export async function avahiBrowse(bus: string, type: string): Promise<AvahiEntry[]> {
  const { stdout } = await runProgram("avahi-browse", ["-rpt", type], { env: { DBUS_SYSTEM_BUS_ADDRESS: bus } });
  return stdout.split("\n").flatMap((line) => (line.startsWith("=") ? [entryOf(line)] : []));
}

/** Publishes with Avahi's own tool until it is disposed. */
export async function avahiPublish(bus: string, ...args: readonly string[]): Promise<AsyncDisposable> {
  const child = spawn("avahi-publish", ["-s", ...args], {
    env: { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: bus, LC_ALL: "C.UTF-8" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  await established(child);
  return {
    async [Symbol.asyncDispose]() {
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
    },
  };
}

async function established(child: ChildProcess): Promise<void> {
  let said = "";
  const signal = AbortSignal.timeout(10_000);
  while (!said.includes("Established")) {
    if (child.stderr === null) throw new Error("avahi-publish has no standard error");
    const event: unknown[] = await once(child.stderr, "data", { signal });
    said += String(event[0]);
  }
}

function entryOf(line: string): AvahiEntry {
  const [, on = "", family = "", name = "", , , host = "", address = "", port = "", txt = ""] = line.split(";");
  return { interface: on, family, name: unescape(name), host, address, port: Number(port), txt };
}

/** `\032` is a blank: three decimal digits for each byte that might be misread. */
function unescape(text: string): string {
  const bytes = text.replaceAll(/\\([0-9]{3})|\\(.)/g, (_, number: string | undefined, plain: string | undefined) =>
    number === undefined ? String(plain) : String.fromCharCode(Number(number)),
  );
  return new TextDecoder().decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
}
