import type { createClient as CreateClient, MessageBus } from "dbus-native";
import type { UnixIdentity } from "../transport/unix-native.ts";
import { optionalPackage } from "../util/optional-package.ts";
import { abortable } from "../util/signals.ts";
import type { PolkitVerdict } from "./polkit.ts";

const SERVICE = "org.freedesktop.PolicyKit1";
const ALLOW_USER_INTERACTION = 1;
/** A person may have to type a password. */
const ANSWER_MS = 300_000;
const CONNECT_MS = 5000;

/** Asks the system's daemon, whose user may ask a person. Rejects with `Error` when the daemon does not answer. */
export async function askPolkit(
  { pid, uid, processStart }: UnixIdentity,
  action: string,
  signal: AbortSignal,
): Promise<PolkitVerdict> {
  const { createClient } = await optionalPackage("dbus-native", "polkit", loadDbus);
  const busAddress = process.env["DBUS_SYSTEM_BUS_ADDRESS"] ?? "unix:path=/run/dbus/system_bus_socket";
  const bus = createClient({ busAddress, timeout: ANSWER_MS });
  try {
    await abortable(connected(bus), signal);
    const subject = [
      "unix-process",
      [
        ["pid", ["u", pid]],
        ["start-time", ["t", processStart ?? 0n]],
        ["uid", ["i", uid]],
      ],
    ];
    const answer = call(bus, [subject, action, [], ALLOW_USER_INTERACTION, ""]);
    return verdictOf(await abortable(answer, signal));
  } finally {
    void bus.close();
  }
}

async function loadDbus(): Promise<{ createClient: typeof CreateClient }> {
  const module = await import("dbus-native");
  return module.default ?? module; // it is CommonJS
}

function connected(bus: MessageBus): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause?: Error): void =>
      settle(() => reject(new Error("the system bus does not answer", { cause })));
    const timer = setTimeout(failed, CONNECT_MS);
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      finish();
    };
    bus.connection.on("error", failed);
    bus.connection.on("close", failed);
    bus.connection.on("connect", () => settle(resolve));
  });
}

function call(bus: MessageBus, body: unknown[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const message = {
      destination: SERVICE,
      path: "/org/freedesktop/PolicyKit1/Authority",
      interface: `${SERVICE}.Authority`,
      member: "CheckAuthorization",
      signature: "(sa{sv})sa{ss}us",
      body,
    };
    bus.invoke(message, { timeout: ANSWER_MS }, (error, result: unknown) =>
      error === null || error === undefined ? resolve(result) : reject(new Error(String(error), { cause: error })),
    );
  });
}

/** `(bba{ss})`: authorized, a challenge, and details. */
function verdictOf(result: unknown): PolkitVerdict {
  const [isAuthorized, isChallenge, details] = Array.isArray(result) ? (result as unknown[]) : [];
  if (isAuthorized === true) return "yes";
  if (hasDetail(details, "polkit.dismissed")) return "dismissed";
  return isChallenge === true ? "unanswered" : "denied";
}

function hasDetail(details: unknown, name: string): boolean {
  if (!Array.isArray(details)) return false;
  return details.some((entry) => Array.isArray(entry) && entry[0] === name && entry[1] !== "");
}
