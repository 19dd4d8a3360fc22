import { type AuthLimits, authLimits } from "../sasl/server-auth.ts";
import type { UnixIdentity } from "../transport/unix-native.ts";
import type { PolkitServer } from "./auth-demand.ts";
import { polkitCancelled, polkitRefused, polkitUnanswered } from "./auth-errors.ts";

export interface PolkitOptions {
  /** What the client must be allowed to do: `org.libvirt.unix.manage` unless given, `org.libvirt.unix.monitor` to look only. */
  readonly action?: string;
  /** Instead of asking the daemon: `yes`, or why not. */
  readonly check?: CheckPolkit;
  readonly limits?: Partial<AuthLimits>;
  /** Told of each client that was turned away, and why. */
  readonly onRefused?: (refusal: Error) => void;
}

/** What polkit makes of a process: `dismissed` by the user who was asked, `unanswered` where nobody could be asked. */
export type PolkitVerdict = "yes" | "denied" | "dismissed" | "unanswered";

export type CheckPolkit = (process: UnixIdentity, action: string, signal: AbortSignal) => Promise<PolkitVerdict>;

/** Whoever is asked may have to look for a password. */
const DEADLINE_MS = 300_000;
const MANAGE = "org.libvirt.unix.manage";

/**
 * Authentication for UNIX sockets by polkit: `server.listen({ path }, { unix, auth: polkitServer() })`, with `unix` from
 * `@virnet/native/unix`, for who asks has to be known. root needs no question. Talks with the system's polkit daemon over D-Bus,
 * which takes the package `dbus-native`.
 */
export function polkitServer(options: PolkitOptions = {}): PolkitServer {
  const { action = MANAGE, check = checkByDaemon, onRefused } = options;
  return {
    kind: "polkit",
    limits: authLimits({ deadlineMs: DEADLINE_MS, ...options.limits }),
    onRefused,
    isExempt: async ({ identity }) => identity.unix?.uid === 0,
    async check({ identity }, signal) {
      const { unix } = identity;
      if (unix === null)
        throw polkitRefused("the service was given no unix, so polkit can't be asked about its clients");
      // A process id may belong to another process by now, unless its beginning is told too.
      if (unix.processStart === null) throw polkitRefused(`it is not known when process ${unix.pid} began`);
      const verdict = await check(unix, action, signal);
      if (verdict !== "yes") throw refusals[verdict](action);
    },
  };
}

const refusals = {
  denied: () => polkitRefused("access denied by policy"),
  dismissed: polkitCancelled,
  unanswered: polkitUnanswered,
} as const;

/** What talks with the daemon is loaded when a client is there to be asked about. */
async function checkByDaemon(process: UnixIdentity, action: string, signal: AbortSignal): Promise<PolkitVerdict> {
  const { askPolkit } = await import("./polkit-daemon.ts");
  return askPolkit(process, action, signal);
}
