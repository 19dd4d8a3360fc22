import { SaslError } from "./sasl-error.ts";
import { MAX_ITERATIONS, MIN_ITERATIONS } from "./scram-hash.ts";

/*
 * SCRAM's four messages (RFC 5802 §7): attributes of one letter, separated by commas. What is parsed here comes from a
 * peer; everything else is refused with a SaslError.
 */

/** What a client says of channel binding: `n` I can't, `y` I could but you don't offer it, else the type I use. */
export type BindingFlag = "n" | "y" | { readonly type: string };

export interface ClientFirst {
  readonly binding: BindingFlag;
  /** Who to act as; empty for oneself. */
  readonly authzid: string;
  /** As the client wrote it, not yet prepared. */
  readonly user: string;
  readonly nonce: string;
  /** The part before `bare`, which the client says again in its last message. */
  readonly gs2: string;
  readonly bare: string;
}

export interface ServerFirst {
  readonly nonce: string;
  readonly salt: Uint8Array;
  readonly iterations: number;
}

export interface ClientFinal {
  readonly binding: Uint8Array;
  readonly nonce: string;
  readonly proof: Uint8Array;
  /** All before the proof. */
  readonly withoutProof: string;
}

/** Nobody has names or nonces of this length, but for those who want us to work on them. */
const LONGEST = 1024;
/** Printable ASCII without the comma. */
const NONCE = /^[!-+\--~]+$/;

export function clientFirst(gs2: string, user: string, nonce: string): string {
  return `${gs2}n=${escaped(user)},r=${nonce}`;
}

export function parseClientFirst(message: string): ClientFirst {
  const gs2 = /^(?:(?<flag>[ny])|p=(?<type>[A-Za-z0-9.-]{1,64})),(?:a=(?<authzid>[^,]*))?,/.exec(message);
  if (gs2?.groups === undefined) throw new SaslError("the client's first SCRAM message has no GS2 header");
  const bare = message.slice(gs2[0].length);
  const { flag, type = "", authzid } = gs2.groups;
  const [user = "", nonce = ""] = attributes(bare, ["n", "r"]);
  return {
    binding: flag === "n" || flag === "y" ? flag : { type },
    authzid: authzid === undefined ? "" : unescaped(authzid),
    user: unescaped(user),
    nonce: checkedNonce(nonce),
    gs2: gs2[0],
    bare,
  };
}

export function serverFirst({ nonce, salt, iterations }: ServerFirst): string {
  return `r=${nonce},s=${base64(salt)},i=${iterations}`;
}

export function parseServerFirst(message: string): ServerFirst {
  const [nonce = "", salt = "", count = ""] = attributes(message, ["r", "s", "i"]);
  const iterations = /^[1-9]\d{0,9}$/.test(count) ? Number(count) : 0;
  if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
    const told = JSON.stringify(count.slice(0, 20));
    throw new SaslError(`the server wants ${told} iterations, expected ${MIN_ITERATIONS} to ${MAX_ITERATIONS}`);
  }
  return { nonce: checkedNonce(nonce), salt: fromBase64(salt), iterations };
}

export function clientFinal(withoutProof: string, proof: Uint8Array): string {
  return `${withoutProof},p=${base64(proof)}`;
}

export function clientFinalWithoutProof(binding: Uint8Array, nonce: string): string {
  return `c=${base64(binding)},r=${nonce}`;
}

export function parseClientFinal(message: string): ClientFinal {
  const at = message.lastIndexOf(",p=");
  if (at < 0) throw new SaslError("the client's last SCRAM message has no proof");
  const withoutProof = message.slice(0, at);
  const [binding = "", nonce = ""] = attributes(withoutProof, ["c", "r"]);
  return {
    binding: fromBase64(binding),
    nonce: checkedNonce(nonce),
    proof: fromBase64(message.slice(at + 3)),
    withoutProof,
  };
}

export function serverFinal(signature: Uint8Array): string {
  return `v=${base64(signature)}`;
}

export function parseServerFinal(message: string): Uint8Array {
  if (message.startsWith("e=")) throw new SaslError(`the server refused: ${JSON.stringify(message.slice(2, 66))}`);
  const [signature = ""] = attributes(message, ["v"]);
  return fromBase64(signature);
}

/** The values of these attributes, which must come first and in this order; extensions may follow, but none that matters. */
function attributes(message: string, names: readonly string[]): string[] {
  if (message.length > 8 * LONGEST) throw new SaslError("a SCRAM message is too long");
  const parts = message.split(",");
  if (parts.slice(names.length).some((part) => !/^[A-Za-ln-z]=/.test(part))) {
    throw new SaslError("a SCRAM message has a part that is no optional extension");
  }
  return names.map((name, i) => {
    const part = parts[i] ?? "";
    if (!part.startsWith(`${name}=`)) throw new SaslError(`a SCRAM message lacks its attribute ${name}`);
    return part.slice(2);
  });
}

function checkedNonce(nonce: string): string {
  if (nonce.length > LONGEST || !NONCE.test(nonce)) throw new SaslError("a SCRAM nonce is not printable ASCII");
  return nonce;
}

function escaped(name: string): string {
  return name.replaceAll("=", "=3D").replaceAll(",", "=2C");
}

function unescaped(name: string): string {
  if (name.length > LONGEST) throw new SaslError("a user name is too long");
  if (/=(?!2C|3D)/.test(name)) throw new SaslError("a user name has a bare =");
  return name.replaceAll("=2C", ",").replaceAll("=3D", "=");
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function fromBase64(text: string): Uint8Array {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length === 0 || bytes.toString("base64") !== text) throw new SaslError("a SCRAM attribute is not base64");
  return bytes;
}
