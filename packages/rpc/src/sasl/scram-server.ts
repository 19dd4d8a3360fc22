import { randomBytes, timingSafeEqual } from "node:crypto";
import { joined } from "../util/joined.ts";
import { nothing } from "../util/nothing.ts";
import { type Dialogue, dialogue } from "./dialogue.ts";
import type { KeyFinder } from "./key-store.ts";
import type { ChannelBindingType, SaslServerContext, SaslServerMechanism } from "./mechanism.ts";
import { prepared } from "./prepared.ts";
import { SaslError } from "./sasl-error.ts";
import { hash, hmac, keyBytes, type ScramName } from "./scram-hash.ts";
import { type ClientFirst, parseClientFinal, parseClientFirst, serverFinal, serverFirst } from "./scram-message.ts";
import { atRealm, textOf, utf8 } from "./text.ts";
import { xor } from "./xor.ts";

export interface ScramServerOptions {
  /** Binds the authentication to the TLS connection: the mechanism with `-PLUS`. */
  readonly plus?: boolean;
  /** Does the server offer the `-PLUS` form too? Then a client that says it does not was lied to. */
  readonly plusOffered?: boolean;
  /** For tests with recorded sessions: the server's part of the nonce. */
  readonly nonce?: () => string;
}

const bindingTypes: readonly ChannelBindingType[] = ["tls-exporter", "tls-unique"];

/**
 * SCRAM for a server (RFC 5802, RFC 7677). Users who do not exist get through to the proof like everybody, and fail there.
 * A user acts as nobody else.
 */
export function scramServer(
  mechanism: ScramName,
  users: KeyFinder,
  { plus = false, plusOffered = plus, nonce = freshNonce }: ScramServerOptions = {},
): SaslServerMechanism {
  return {
    name: plus ? `${mechanism}-PLUS` : mechanism,
    fits: (context) => !plus || canBind(context),
    start: (context) =>
      dialogue(
        (input, signal) => script({ mechanism, users, plus, plusOffered, nonce }, context, input, signal),
        nothing,
      ),
  };
}

interface Parts extends Required<ScramServerOptions> {
  readonly mechanism: ScramName;
  readonly users: KeyFinder;
}

async function* script(
  parts: Parts,
  context: SaslServerContext,
  input: Uint8Array | null,
  signal: () => AbortSignal,
): Dialogue {
  const { mechanism, users } = parts;
  // libvirt takes an empty first message for none (observed: reply with nil 1).
  const opening = input === null || input.length === 0 ? yield null : input;
  const first = parseClientFirst(textOf(opening ?? new Uint8Array()));
  checkFlag(parts, context, first);
  const user = await prepared(first.user, "user name");
  const name = atRealm(user, context.realm);
  if (first.authzid !== "" && ![user, name].includes(await prepared(first.authzid, "user name to act as"))) {
    throw new SaslError(`${name} may not act as ${first.authzid}`);
  }
  const { keys, isReal } = await users.find(mechanism, name, signal());
  const nonce = first.nonce + parts.nonce();
  const challenge = serverFirst({ nonce, salt: keys.salt, iterations: keys.iterations });

  const last = parseClientFinal(textOf((yield utf8(challenge)) ?? new Uint8Array()));
  if (last.nonce !== nonce) throw new SaslError("the client says another nonce");
  if (!sameBytes(last.binding, bindingInput(context, first))) throw new SaslError("the channel binding differs");
  const signed = `${first.bare},${challenge},${last.withoutProof}`;
  if (last.proof.length !== keyBytes(mechanism)) throw new SaslError("the proof has the wrong length");
  const clientKey = xor(last.proof, hmac(mechanism, keys.storedKey, signed));
  const knowsPassword = timingSafeEqual(hash(mechanism, clientKey), keys.storedKey);
  clientKey.fill(0);
  const signature = hmac(mechanism, keys.serverKey, signed);
  if (!knowsPassword || !isReal) throw new SaslError(`${name}: ${isReal ? "wrong password" : "no such user"}`);
  return { user: name, output: utf8(serverFinal(signature)) };
}

function checkFlag({ plus, plusOffered }: Parts, context: SaslServerContext, { binding }: ClientFirst): void {
  if (typeof binding === "object") {
    if (!plus) throw new SaslError("the client binds to the channel without a -PLUS mechanism");
    return;
  }
  if (plus) throw new SaslError("the client does not bind to the channel, though the mechanism has -PLUS");
  if (binding === "y" && plusOffered && canBind(context)) {
    throw new SaslError("the client was told that we do not offer -PLUS: somebody changes what passes");
  }
}

/** What the client must have taken for the channel's binding: its own header, and the value (RFC 5802 §6). */
function bindingInput(context: SaslServerContext, { gs2, binding }: ClientFirst): Uint8Array {
  if (typeof binding === "string") return utf8(gs2);
  const type = bindingTypes.find((known) => known === binding.type);
  const value = type === undefined ? null : context.channelBinding(type);
  if (value === null) throw new SaslError(`the client binds to ${binding.type}, which this connection does not have`);
  return joined(utf8(gs2), value);
}

function canBind(context: SaslServerContext): boolean {
  return bindingTypes.some((type) => context.channelBinding(type) !== null);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function freshNonce(): string {
  return randomBytes(24).toString("base64");
}
