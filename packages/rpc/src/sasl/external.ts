import { nothing } from "../util/nothing.ts";
import { type Dialogue, dialogue, monologue } from "./dialogue.ts";
import type { SaslClientMechanism, SaslServerContext, SaslServerMechanism } from "./mechanism.ts";
import { SaslError } from "./sasl-error.ts";
import { textOf } from "./text.ts";

/** Says nothing: who we are has TLS shown already (RFC 4422, appendix A). */
export const externalClient: SaslClientMechanism = {
  name: "EXTERNAL",
  fits: ({ external }) => external !== null,
  start: () => monologue(async () => ({ user: "", output: new Uint8Array() }), nothing),
};

/** Lets in who has shown a certificate, by its distinguished name. */
export const externalServer: SaslServerMechanism = {
  name: "EXTERNAL",
  fits: ({ external }) => external !== null && external.identity !== null,
  start: (context) => dialogue((input) => serverScript(context, input), nothing),
};

async function* serverScript({ external }: SaslServerContext, input: Uint8Array | null): Dialogue {
  const wanted = textOf(input ?? (yield null) ?? new Uint8Array());
  const user = external?.identity ?? null;
  if (user === null) throw new SaslError("the client has shown no certificate");
  if (wanted !== "" && wanted !== user)
    throw new SaslError(`${user} may not act as ${JSON.stringify(wanted.slice(0, 64))}`);
  return { user, output: null };
}
