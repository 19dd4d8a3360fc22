import { createHash, createHmac, pbkdf2, randomBytes } from "node:crypto";
import { promisify } from "node:util";

/** A hash of SCRAM's family, by the mechanism's name. */
export type ScramName = "SCRAM-SHA-1" | "SCRAM-SHA-256" | "SCRAM-SHA-512";

/** What one user's password was made into: enough to check it, not to log in with it (RFC 5802 §3). */
export interface ScramKeys {
  readonly mechanism: ScramName;
  /** How often the hash was applied, {@link MIN_ITERATIONS} to {@link MAX_ITERATIONS}. */
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

export interface ScramKeyOptions {
  /** `SCRAM-SHA-256` unless given. */
  readonly mechanism?: ScramName;
  /** {@link ITERATIONS} unless given. */
  readonly iterations?: number;
  /** Random bytes unless given. */
  readonly salt?: Uint8Array;
}

/** RFC 5802 and RFC 7677 ask for no less. */
export const MIN_ITERATIONS = 4096;
/** Some seconds of a core: more is a peer that wants to keep us busy. */
export const MAX_ITERATIONS = 10_000_000;
/** New keys: about 20 ms of a core for who logs in. */
export const ITERATIONS = 32_768;
export const SALT_BYTES = 16;

const digests: Readonly<Record<ScramName, { readonly digest: string; readonly bytes: number }>> = {
  "SCRAM-SHA-1": { digest: "sha1", bytes: 20 },
  "SCRAM-SHA-256": { digest: "sha256", bytes: 32 },
  "SCRAM-SHA-512": { digest: "sha512", bytes: 64 },
};

const deriveKey = promisify(pbkdf2);

export function isScramName(name: string): name is ScramName {
  return Object.hasOwn(digests, name);
}

/** Bytes of a key of this mechanism. */
export function keyBytes(mechanism: ScramName): number {
  return digests[mechanism].bytes;
}

/** Takes as long as its iterations, on a thread of its own. `password` has been prepared. */
export function saltedPassword(
  mechanism: ScramName,
  password: string,
  salt: Uint8Array,
  iterations: number,
): Promise<Uint8Array> {
  const { digest, bytes } = digests[mechanism];
  return deriveKey(password, salt, iterations, bytes, digest);
}

export function hmac(mechanism: ScramName, key: Uint8Array, data: Uint8Array | string): Uint8Array {
  return createHmac(digests[mechanism].digest, key).update(data).digest();
}

export function hash(mechanism: ScramName, data: Uint8Array): Uint8Array {
  return createHash(digests[mechanism].digest).update(data).digest();
}

/** The keys that a salted password gives; `clientKey` logs in with, so it is for the client's eyes only. */
export function keysFrom(
  mechanism: ScramName,
  salted: Uint8Array,
): { readonly clientKey: Uint8Array; readonly storedKey: Uint8Array; readonly serverKey: Uint8Array } {
  const clientKey = hmac(mechanism, salted, "Client Key");
  return { clientKey, storedKey: hash(mechanism, clientKey), serverKey: hmac(mechanism, salted, "Server Key") };
}

export function randomSalt(): Uint8Array {
  return randomBytes(SALT_BYTES);
}

/** Throws `RangeError` for a count that is out of bounds. */
export function checkedIterations(iterations: number): number {
  if (Number.isInteger(iterations) && iterations >= MIN_ITERATIONS && iterations <= MAX_ITERATIONS) return iterations;
  throw new RangeError(`iterations is ${iterations}, expected ${MIN_ITERATIONS} to ${MAX_ITERATIONS}`);
}
