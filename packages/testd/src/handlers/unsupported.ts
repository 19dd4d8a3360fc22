import type { Program } from "virnet";
import type { Call, Handlers } from "virnet/server";
import type { Daemon } from "../daemon.ts";
import { Code, From, failure } from "../failure.ts";
import { apiName } from "./api-name.ts";

/** Handlers of a program that belongs to another driver: each says so, once the connection is open. */
export function unsupportedHandlers<P extends object>(daemon: Daemon, program: Program<P>): Handlers<P> {
  const refusals = namesOf(program).map(([key, name]) => [key, refusal(daemon, driverApiName(name))]);
  // Each refusal answers the procedure of its own name, by never returning.
  return Object.fromEntries(refusals) as Handlers<P>;
}

/** A program's procedures: their names in TypeScript, and in the `.x` file. */
function namesOf(program: Program<object>): [key: string, name: string][] {
  const procedures = Object.entries<{ readonly name: string }>({ ...program.procedures });
  return procedures.map(([key, { name }]) => [key, name]);
}

function refusal(daemon: Daemon, api: string): (args: unknown, call: Call) => never {
  return (_, { client }) => {
    // Reading it refuses calls that come too early.
    void daemon.session(client).hypervisor;
    throw failure(Code.NO_SUPPORT, From.NONE, api);
  };
}

/** `QEMU_PROC_DOMAIN_ATTACH` → `virDomainQemuAttach`: a driver's own API has its name behind the object's. */
function driverApiName(procedure: string): string {
  return apiName(procedure.replace(/^([A-Z]+)_PROC_(CONNECT_)?DOMAIN_/, "REMOTE_PROC_$2DOMAIN_$1_"));
}
