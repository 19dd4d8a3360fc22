import { randomBytes, timingSafeEqual } from "node:crypto";
import { joined } from "../util/joined.ts";
import { answer } from "./answer.ts";
import { type Dialogue, dialogue } from "./dialogue.ts";
import type { ChannelBindingType, SaslClientContext, SaslClientMechanism } from "./mechanism.ts";
import { prepared } from "./prepared.ts";
import { SaslError } from "./sasl-error.ts";
import { hmac, keysFrom, type ScramName, saltedPassword } from "./scram-hash.ts";
import {
  clientFinal,
  clientFinalWithoutProof,
  clientFirst,
  parseServerFinal,
  parseServerFirst,
} from "./scram-message.ts";
import { textOf, utf8 } from "./text.ts";
import { xor } from "./xor.ts";

export interface ScramClientOptions {
  /** Binds the authentication to the TLS connection: the mechanism with `-PLUS`. */
  readonly plus?: boolean;
  /** For tests with recorded sessions. */
  readonly nonce?: () => string;
}

/** SCRAM for a client (RFC 5802, RFC 7677): proves to know the password without saying it, and checks that the server does. */
export function scramClient(
  mechanism: ScramName,
  { plus = false, nonce = freshNonce }: ScramClientOptions = {},
): SaslClientMechanism {
  return {
    name: plus ? `${mechanism}-PLUS` : mechanism,
    fits: (context) => !plus || bindingOf(context) !== undefined,
    start(context) {
      const secrets: Uint8Array[] = [];
      const wipe = (): void => {
        for (const secret of secrets) secret.fill(0);
      };
      return dialogue((_, signal) => script({ mechanism, plus, nonce, secrets }, context, signal), wipe);
    },
  };
}

interface Parts {
  readonly mechanism: ScramName;
  readonly plus: boolean;
  readonly nonce: () => string;
  readonly secrets: Uint8Array[];
}

async function* script(parts: Parts, context: SaslClientContext, signal: () => AbortSignal): Dialogue {
  const { mechanism, plus, secrets } = parts;
  const asking = plus ? `${mechanism}-PLUS` : mechanism;
  const user = await prepared(await answer(context, "authname", asking, signal()), "user name");
  const gs2 = header(parts, context);
  const ownNonce = parts.nonce();
  const first = clientFirst(gs2, user, ownNonce);

  const reply = textOf((yield utf8(first)) ?? new Uint8Array());
  const { nonce, salt, iterations } = parseServerFirst(reply);
  if (!nonce.startsWith(ownNonce) || nonce === ownNonce) throw new SaslError("the server's nonce does not extend ours");

  const password = await prepared(await answer(context, "passphrase", asking, signal()), "password");
  const salted = await saltedPassword(mechanism, password, salt, iterations);
  const { clientKey, storedKey, serverKey } = keysFrom(mechanism, salted);
  secrets.push(salted, clientKey, storedKey, serverKey);
  const withoutProof = clientFinalWithoutProof(bindingInput(plus, gs2, context), nonce);
  const signed = `${first.slice(gs2.length)},${reply},${withoutProof}`;
  const proof = xor(clientKey, hmac(mechanism, storedKey, signed));

  const final = textOf((yield utf8(clientFinal(withoutProof, proof))) ?? new Uint8Array());
  const signature = parseServerFinal(final);
  const expected = hmac(mechanism, serverKey, signed);
  if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
    throw new SaslError("the server does not know the password: it may not be the server that it says it is");
  }
  return { user, output: null };
}

/** `y` tells a server whose offer of a `-PLUS` form was struck out on the way that we would have taken it (RFC 5802 §6). */
function header({ mechanism, plus }: Parts, context: SaslClientContext): string {
  const binding = bindingOf(context);
  if (plus) return `p=${binding?.type ?? ""},,`;
  return binding !== undefined && !context.offered.includes(`${mechanism}-PLUS`) ? "y,," : "n,,";
}

function bindingInput(plus: boolean, gs2: string, context: SaslClientContext): Uint8Array {
  const value = plus ? bindingOf(context)?.value : new Uint8Array();
  if (value === undefined) throw new SaslError("the connection has no channel binding any more");
  return joined(utf8(gs2), value);
}

/** Of TLS 1.2 peers know `tls-unique`, which 1.3 does not have (RFC 9266 §3). */
function bindingOf(context: SaslClientContext): { type: ChannelBindingType; value: Uint8Array } | undefined {
  for (const type of ["tls-unique", "tls-exporter"] as const) {
    const value = context.channelBinding(type);
    if (value !== null) return { type, value };
  }
  return undefined;
}

function freshNonce(): string {
  return randomBytes(24).toString("base64");
}
