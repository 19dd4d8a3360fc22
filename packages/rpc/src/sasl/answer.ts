import type { CredentialKind, SaslClientContext } from "./mechanism.ts";
import { SaslError } from "./sasl-error.ts";

/** What the user has for a mechanism that can't do without it. Rejects with {@link SaslError} when that is nothing. */
export async function answer(
  context: SaslClientContext,
  kind: CredentialKind,
  mechanism: string,
  signal: AbortSignal,
): Promise<string> {
  const given = await context.ask({ kind, mechanism, prompt: null, fallback: null }, signal);
  if (given === null) throw new SaslError(`${mechanism} needs ${names[kind]}, and none was given`);
  return given;
}

const names: Readonly<Record<CredentialKind, string>> = {
  authname: "a user name",
  username: "a user name to act as",
  passphrase: "a password",
  realm: "a realm",
  echoprompt: "an answer",
  noechoprompt: "an answer",
};
