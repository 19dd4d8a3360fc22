import type { SaslServerProvider } from "virnet/sasl";
import { type LoginArgs, UsageError } from "./command-line.ts";

/**
 * The machine's Cyrus SASL, for the mechanisms of a login that are not built in, and for those whose users are to be found in
 * Cyrus's own stores, as no file of users is given. Throws `UsageError` where it is needed and not there.
 */
export async function cyrusFor({ mechanisms, users, config }: LoginArgs): Promise<SaslServerProvider[]> {
  const names = mechanisms.filter((name) => !(isBuiltin(name) && (users !== null || !needsUsers(name))));
  if (names.length === 0) return [];
  try {
    const { cyrusServer } = await import("@virnet/native/cyrus");
    return [await cyrusServer({ mechanisms: names, ...(config !== null && { configPath: config }) })];
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const or = names.some(needsUsers) ? ", or --users" : "";
    throw new UsageError(`--sasl ${names.join(",")} needs @virnet/native and Cyrus SASL${or}: ${why}`, { cause });
  }
}

function isBuiltin(name: string): boolean {
  return needsUsers(name) || name === "EXTERNAL" || name === "ANONYMOUS";
}

function needsUsers(name: string): boolean {
  return name === "PLAIN" || /^SCRAM-SHA-(1|256|512)(-PLUS)?$/.test(name);
}
