import { nothing } from "../util/nothing.ts";
import { answer } from "./answer.ts";
import { type Dialogue, dialogue, monologue } from "./dialogue.ts";
import type { KeyFinder } from "./key-store.ts";
import type { SaslClientMechanism, SaslServerContext, SaslServerMechanism } from "./mechanism.ts";
import { prepared } from "./prepared.ts";
import { SaslError } from "./sasl-error.ts";
import { isPasswordOf } from "./scram-keys.ts";
import { atRealm, textOf, utf8 } from "./text.ts";

/** Says the password as it is (RFC 4616): only for connections that nobody can listen to. */
export const plainClient: SaslClientMechanism = {
  name: "PLAIN",
  fits: ({ plaintext }) => plaintext,
  start(context) {
    let message: Uint8Array | undefined;
    return monologue(
      async (signal) => {
        const user = await prepared(await answer(context, "authname", "PLAIN", signal), "user name");
        const password = await prepared(await answer(context, "passphrase", "PLAIN", signal), "password");
        message = utf8(`\0${user}\0${password}`);
        return { user, output: message };
      },
      () => message?.fill(0),
    );
  },
};

/** Checks a password against the keys that SCRAM would use. A user acts as nobody else. */
export function plainServer(users: KeyFinder): SaslServerMechanism {
  return {
    name: "PLAIN",
    fits: ({ plaintext }) => plaintext,
    start: (context) => dialogue((input, signal) => serverScript(users, context, input, signal), nothing),
  };
}

/** A name, a name, and a password, each at most 1024 characters. */
const MESSAGE = /^(?<authzid>[^\0]{0,1024})\0(?<user>[^\0]{1,1024})\0(?<password>[^\0]{1,1024})$/;

async function* serverScript(
  users: KeyFinder,
  context: SaslServerContext,
  input: Uint8Array | null,
  signal: () => AbortSignal,
): Dialogue {
  const message = input ?? (yield null) ?? new Uint8Array();
  const { authzid, user, password } = MESSAGE.exec(textOf(message))?.groups ?? {};
  if (authzid === undefined || user === undefined || password === undefined) {
    throw new SaslError("a PLAIN message is not two names and a password");
  }
  const name = atRealm(await prepared(user, "user name"), context.realm);
  if (authzid !== "" && ![user, name].includes(authzid)) throw new SaslError(`${name} may not act as ${authzid}`);
  const { keys, isReal } = await users.find(null, name, signal());
  // As much work for a user who does not exist.
  const isRight = await isPasswordOf(await prepared(password, "password"), keys);
  if (!isRight || !isReal) throw new SaslError(`${name}: ${isReal ? "wrong password" : "no such user"}`);
  return { user: name, output: null };
}
