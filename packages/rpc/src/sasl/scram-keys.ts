import { timingSafeEqual } from "node:crypto";
import { prepared } from "./prepared.ts";
import {
  checkedIterations,
  ITERATIONS,
  isScramName,
  keyBytes,
  keysFrom,
  randomSalt,
  type ScramKeyOptions,
  type ScramKeys,
  saltedPassword,
} from "./scram-hash.ts";

/**
 * Keys for a password, to be kept in its place. Rejects with `SaslError` for a password that is empty or has characters
 * that SASLprep forbids, with `RangeError` for too few or too many iterations.
 */
export async function scramKeys(password: string, options: ScramKeyOptions = {}): Promise<ScramKeys> {
  const { mechanism = "SCRAM-SHA-256", iterations = ITERATIONS, salt = randomSalt() } = options;
  if (salt.length === 0) throw new RangeError("the salt is empty");
  checkedIterations(iterations);
  const salted = await saltedPassword(mechanism, await prepared(password, "password"), salt, iterations);
  const { clientKey, storedKey, serverKey } = keysFrom(mechanism, salted);
  clientKey.fill(0);
  salted.fill(0);
  return { mechanism, iterations, salt: plain(salt), storedKey: plain(storedKey), serverKey: plain(serverKey) };
}

/** Is `password`, prepared already, the one these keys were made of? Takes as long for any password. */
export async function isPasswordOf(password: string, keys: ScramKeys): Promise<boolean> {
  const { mechanism, salt, iterations } = keys;
  const salted = await saltedPassword(mechanism, password, salt, iterations);
  const { clientKey, storedKey } = keysFrom(mechanism, salted);
  clientKey.fill(0);
  salted.fill(0);
  return timingSafeEqual(storedKey, keys.storedKey);
}

/** No `Buffer`, which is what Node's functions give. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

const FORM =
  /^(?<mechanism>SCRAM-SHA-\d+)\$(?<iterations>\d{1,9}):(?<salt>[^$:]+)\$(?<stored>[^$:]+):(?<server>[^$:]+)$/;

/** `SCRAM-SHA-256$4096:SALT$STOREDKEY:SERVERKEY`, as RFC 5803 and PostgreSQL write it. */
export function formatKeys({ mechanism, iterations, salt, storedKey, serverKey }: ScramKeys): string {
  return `${mechanism}$${iterations}:${base64(salt)}$${base64(storedKey)}:${base64(serverKey)}`;
}

/** Reads {@link formatKeys}. Throws `TypeError` that says what is wrong, without the keys. */
export function parseKeys(text: string): ScramKeys {
  const { mechanism = "", iterations = "", salt = "", stored = "", server = "" } = FORM.exec(text)?.groups ?? {};
  if (!isScramName(mechanism)) throw new TypeError("expected SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY");
  const size = keyBytes(mechanism);
  return {
    mechanism,
    iterations: checkedIterations(Number(iterations)),
    salt: fromBase64(salt, "the salt"),
    storedKey: ofSize(fromBase64(stored, "the stored key"), size, "the stored key"),
    serverKey: ofSize(fromBase64(server, "the server key"), size, "the server key"),
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function fromBase64(text: string, what: string): Uint8Array {
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text) throw new TypeError(`${what} is not base64`);
  return new Uint8Array(bytes);
}

function ofSize(bytes: Uint8Array, size: number, what: string): Uint8Array {
  if (bytes.length !== size) throw new TypeError(`${what} has ${bytes.length} bytes, expected ${size}`);
  return bytes;
}
