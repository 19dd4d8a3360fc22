import { notifyByProgram } from "../transport/notify-program.ts";
import type { UnixNative } from "../transport/unix-native.ts";

export interface NotifierOptions {
  /** NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; the process's own unless given. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Sends from this process, as `NotifyAccess=main` wants it. Without it the program `systemd-notify` sends: `NotifyAccess=all`. */
  readonly unix?: Pick<UnixNative, "sendDatagram"> | undefined;
  /** A message could not be sent, and the service goes on. `console.error` unless given. */
  readonly onError?: (error: unknown) => void;
}

/** Word to the service manager (sd_notify(3)), sent in order. Nothing rejects: a service runs without being heard, too. */
export interface Notifier {
  /** The service is up, or has reloaded; `status` is for people. */
  ready(status?: string): Promise<void>;
  /** What the service does, for people. */
  status(text: string): Promise<void>;
  /** Settings are being read again; `ready` ends that. */
  reloading(): Promise<void>;
  /** The service is about to end. */
  stopping(): Promise<void>;
  /**
   * Gives signs of life as often as the unit's `WatchdogSec=` wants them, as long as `isWell` says so; resolves to `false` or
   * rejects, and one is left out. Does nothing without a watchdog. What is returned ends it.
   */
  startWatchdog(isWell?: () => boolean | Promise<boolean>): () => void;
}

/** `null` when no service manager wants to hear anything. Throws `TypeError` for variables that make no sense. */
export function systemdNotifier({
  env = process.env,
  unix,
  onError = logError,
}: NotifierOptions = {}): Notifier | null {
  const { NOTIFY_SOCKET: socket } = env;
  if (socket === undefined || socket === "") return null;
  if (!/^[/@]./.test(socket))
    throw new TypeError(`NOTIFY_SOCKET is ${JSON.stringify(socket)}, expected /PATH or @NAME`);
  const interval = watchdogMs(env);
  const send = async (message: string): Promise<void> => {
    if (unix === undefined) await notifyByProgram(socket, message);
    else unix.sendDatagram(socket, new TextEncoder().encode(message));
  };
  let last: Promise<void> = Promise.resolve();
  const tell = (...lines: string[]): Promise<void> => {
    last = last.then(() => send(lines.join("\n"))).catch(onError);
    return last;
  };
  return {
    ready: (text) => tell("READY=1", ...(text === undefined ? [] : [statusLine(text)])),
    status: (text) => tell(statusLine(text)),
    reloading: () => tell("RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    stopping: () => tell("STOPPING=1"),
    startWatchdog: (isWell = yes) => {
      if (interval === undefined) return () => {};
      const sign = async (): Promise<void> => {
        if (await isWell()) await tell("WATCHDOG=1");
      };
      const timer = setInterval(() => void sign().catch(onError), interval);
      timer.unref();
      return () => clearInterval(timer);
    },
  };
}

/** Half of what the unit allows. */
function watchdogMs(env: Readonly<Record<string, string | undefined>>): number | undefined {
  const { WATCHDOG_USEC: usec, WATCHDOG_PID: pid } = env;
  if (usec === undefined || (pid !== undefined && pid !== String(process.pid))) return undefined;
  if (!/^[1-9]\d{0,14}$/.test(usec))
    throw new TypeError(`WATCHDOG_USEC is ${JSON.stringify(usec)}, expected a number of microseconds`);
  return Math.min(Number(usec) / 2000, LONGEST_TIMER_MS);
}

const LONGEST_TIMER_MS = 2_147_483_647;

function statusLine(text: string): string {
  return `STATUS=${text.replaceAll(/[\r\n]+/g, " ")}`;
}

function yes(): boolean {
  return true;
}

function logError(error: unknown): void {
  console.error("systemd could not be told:", error instanceof Error ? error.message : error);
}
