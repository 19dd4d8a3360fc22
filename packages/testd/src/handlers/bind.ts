import { setTimeout as sleep } from "node:timers/promises";
import { Remote, type RemoteProcedures } from "@virnet/libvirt/remote";
import type { Procedure } from "virnet/codegenv1";
import type { Call, Handlers } from "virnet/server";
import type { Daemon } from "../daemon.ts";
import { Code, failure } from "../failure.ts";
import type { Session } from "../session.ts";
import { apiDomain, apiName } from "./api-name.ts";
import type { SessionHandlers } from "./session-handlers.ts";

/** Procedures that a client may call before it has opened a connection. */
const BEFORE_OPEN: ReadonlySet<string> = new Set(["connectOpen", "connectClose", "connectSupportsFeature"]);

/** Permissions that a read-only connection has. */
const LOOKING = /^(none|read|getattr|search_.*)$/;

/** Procedures that libvirt lets a read-only connection call although its access rules ask for more. */
const ALLOWED: ReadonlySet<string> = new Set(["connectBaselineCpu", "connectBaselineHypervisorCpu"]);

/** Procedures that libvirt keeps from a read-only connection although its access rules ask for no more than looking. */
const DENIED: ReadonlySet<string> = new Set([
  "domainGetFsinfo",
  "domainGetLaunchSecurityInfo",
  "domainGetTime",
  "domainSetSchedulerParameters",
  "nodeDeviceGetAutostart",
  "nodeGetSevInfo",
]);

/** Calls that make room go on when memory is full. */
const TAKES_AWAY = /Undefine|Destroy|Delete|Remove|Rollback|Shutdown/;

/**
 * Procedures that virsh runs in a thread, and whose end it awaits in another. An end that comes before it has begun to
 * wait is lost on it, and it waits for ever (so it does with its own, local test driver). These take their time, then.
 */
const WATCHED: ReadonlySet<string> = new Set([
  "domainCoreDump",
  "domainCoreDumpWithFormat",
  "domainManagedSave",
  "domainSave",
  "domainSaveFlags",
]);
const WATCHED_MS = 100;

type AnyProcedure = Procedure<unknown, unknown, "read" | "write" | null>;
type LooseHandler = (args: unknown, session: Session, call: Call) => unknown;

/**
 * Turns handlers that work on a session into what the server calls: looks the session up, refuses calls before the
 * connection is open and writes on a read-only one. What no handler is for answers that the driver has no such function.
 */
export function bindHandlers(daemon: Daemon, handlers: SessionHandlers): Handlers<RemoteProcedures> {
  const procedures: Readonly<Record<string, AnyProcedure>> = { ...Remote.procedures };
  // By name only: which arguments go with which handler, `SessionHandlers` has checked.
  const loose = handlers as Readonly<Record<string, LooseHandler | undefined>>;
  const bound = Object.entries(procedures).map(([name, procedure]) => [
    name,
    bind(daemon, name, procedure, loose[name]),
  ]);
  // Each entry was made from the procedure of its own name, which `Object.entries` can't tell the compiler.
  return Object.fromEntries(bound) as Handlers<RemoteProcedures>;
}

function bind(daemon: Daemon, name: string, procedure: AnyProcedure, handler: LooseHandler | undefined) {
  const api = apiName(procedure.name);
  if (BEFORE_OPEN.has(name) && handler !== undefined) {
    return (args: unknown, call: Call): unknown => handler(args, daemon.session(call.client), call);
  }
  const writes = isWrite(name, procedure);
  const adds = writes && !TAKES_AWAY.test(name);
  const answer = (args: unknown, call: Call): unknown => {
    const session = daemon.session(call.client);
    // Reading it refuses calls that come too early.
    void session.hypervisor;
    if (writes && session.readOnly) {
      throw failure(Code.OPERATION_DENIED, apiDomain(api), `read only access prevents ${api}`);
    }
    if (adds) session.admit();
    if (handler === undefined) throw failure(Code.NO_SUPPORT, apiDomain(api), api);
    return handler(args, session, call);
  };
  return WATCHED.has(name) ? inTime(answer) : answer;
}

function inTime(answer: (args: unknown, call: Call) => unknown) {
  return async (args: unknown, call: Call): Promise<unknown> => {
    await sleep(WATCHED_MS);
    return answer(args, call);
  };
}

/** Rules with a third part hold for some flags only, and don't make the whole procedure a write. */
function isWrite(name: string, { acl = [] }: AnyProcedure): boolean {
  if (ALLOWED.has(name)) return false;
  if (DENIED.has(name)) return true;
  const always = acl.map((rule) => rule.split(":")).filter((parts) => parts.length <= 2);
  return always.some((parts) => !LOOKING.test(parts[1] ?? "none"));
}
