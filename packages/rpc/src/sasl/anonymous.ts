import { nothing } from "../util/nothing.ts";
import { type Dialogue, dialogue, monologue } from "./dialogue.ts";
import type { SaslClientMechanism, SaslServerMechanism } from "./mechanism.ts";
import { SaslError } from "./sasl-error.ts";
import { textOf } from "./text.ts";

/** The name of everybody who came in without one. */
export const ANONYMOUS_USER = "anonymous";
/** RFC 4505 §2. */
const TRACE_CHARACTERS = 255;

/** Comes in without a name, and leaves no trace (RFC 4505). */
export const anonymousClient: SaslClientMechanism = {
  name: "ANONYMOUS",
  fits: ({ anonymous }) => anonymous,
  start: () => monologue(async () => ({ user: ANONYMOUS_USER, output: new Uint8Array() }), nothing),
};

/** Lets in everybody. */
export const anonymousServer: SaslServerMechanism = {
  name: "ANONYMOUS",
  fits: ({ anonymous }) => anonymous,
  start: () => dialogue((input) => serverScript(input), nothing),
};

async function* serverScript(input: Uint8Array | null): Dialogue {
  const trace = textOf(input ?? (yield null) ?? new Uint8Array());
  if (trace.length > TRACE_CHARACTERS) throw new SaslError("an ANONYMOUS trace is too long");
  return { user: ANONYMOUS_USER, output: null };
}
