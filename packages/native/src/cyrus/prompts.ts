import { type AskCredential, type CredentialKind, type CredentialRequest, SaslError } from "virnet/sasl";
import type { Pointer } from "../foreign.ts";
import type { Interaction } from "./libsasl2.ts";
import { callbackIds } from "./numbers.ts";
import type { Session } from "./session.ts";
import { unlessAborted } from "./unless-aborted.ts";

/** What libsasl2 may ask us, by its number. */
const kinds: ReadonlyMap<number, CredentialKind> = new Map([
  [callbackIds.user, "username"],
  [callbackIds.authname, "authname"],
  [callbackIds.passphrase, "passphrase"],
  [callbackIds.echoprompt, "echoprompt"],
  [callbackIds.noechoprompt, "noechoprompt"],
  [callbackIds.realm, "realm"],
]);

/**
 * The list of callbacks that has libsasl2 return its questions rather than call back: each without a function. C never
 * calls us, so it may run on any thread.
 */
export function allCallbacks(): { id: number; function: null; context: null }[] {
  return [...kinds.keys(), callbackIds.end].map((id) => ({ id, function: null, context: null }));
}

/** Asks for all that the mechanism wants to know, and puts the answers where it looks for them. */
export async function answerPrompts(
  session: Session,
  mechanism: string,
  ask: AskCredential,
  signal: AbortSignal,
): Promise<void> {
  const { interaction } = session.sasl;
  let [at] = session.prompts;
  for (; at !== null; at += BigInt(interaction.size)) {
    const question = interaction.read(at);
    if (question.id === callbackIds.end) return;
    const answer = await answerTo(session, question, mechanism, ask, signal);
    session.throwIfClosed(); // which has freed the question
    const bytes = new TextEncoder().encode(answer);
    interaction.write(at, { ...question, result: session.arena.bytes(bytes), length: bytes.length });
    bytes.fill(0);
  }
}

async function answerTo(
  session: Session,
  question: Interaction,
  mechanism: string,
  ask: AskCredential,
  signal: AbortSignal,
): Promise<string> {
  const kind = kinds.get(question.id);
  if (kind === undefined) throw new SaslError(`${mechanism} asks for something unknown (${question.id})`);
  const request = requestOf(session, question, mechanism, kind);
  const given = await unlessAborted(ask(request, signal), signal);
  const answer = given ?? request.fallback ?? (isOptional(kind) ? "" : null);
  if (answer === null) throw new SaslError(`${mechanism} needs a ${kind}`);
  if (answer.includes("\0")) throw new SaslError(`a ${kind} can't have a zero in it`);
  return answer;
}

function requestOf(
  session: Session,
  { challenge, prompt, fallback }: Interaction,
  mechanism: string,
  kind: CredentialKind,
): CredentialRequest {
  const text = (at: Pointer | null): string | null => (at === null ? null : session.sasl.foreign.text(at));
  const parts = [text(challenge), text(prompt)].filter(Boolean);
  return { kind, mechanism, prompt: parts.length > 0 ? parts.join(": ") : null, fallback: text(fallback) };
}

/** Nobody else to act as, and a realm that the server will choose. */
function isOptional(kind: CredentialKind): boolean {
  return kind === "username" || kind === "realm";
}
