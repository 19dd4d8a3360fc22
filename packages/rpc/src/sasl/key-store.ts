import { createHmac, randomBytes } from "node:crypto";
import { ITERATIONS, keyBytes, SALT_BYTES, type ScramKeys, type ScramName } from "./scram-hash.ts";

/**
 * All keys of a user, one per mechanism that the user may log in with; `null` or none for a user that does not exist.
 * `user` is prepared, and has the server's realm where the server has one.
 */
export type FindKeys = (
  user: string,
  signal: AbortSignal,
) => readonly ScramKeys[] | null | Promise<readonly ScramKeys[] | null>;

/** What keys look like from outside: a server tells it to whoever says a user name. */
export type KeyShape = Pick<ScramKeys, "iterations"> & { readonly saltBytes: number };

/** Where a server finds its users. */
export interface KeyStore {
  readonly find: FindKeys;
  /** What the keys of real users look like, so that those of others can look so too; what `scramKeys` makes unless given. */
  readonly shape?: (mechanism: ScramName) => KeyShape;
}

export interface FoundKeys {
  readonly keys: ScramKeys;
  /** Is there such a user? If not the keys fit no password. */
  readonly isReal: boolean;
}

/** Looks users up, and makes keys up for those who do not exist, always the same ones (RFC 5802 §9). */
export class KeyFinder {
  readonly #store: KeyStore;
  readonly #secret = randomBytes(32);

  constructor(store: KeyStore | FindKeys) {
    this.#store = typeof store === "function" ? { find: store } : store;
  }

  /** The user's keys of one mechanism; of any when that is `null`. */
  async find(mechanism: ScramName | null, user: string, signal: AbortSignal): Promise<FoundKeys> {
    const found = (await this.#store.find(user, signal)) ?? [];
    const keys = mechanism === null ? found[0] : found.find((candidate) => candidate.mechanism === mechanism);
    if (keys !== undefined) return { keys, isReal: true };
    return { keys: this.#madeUp(mechanism ?? "SCRAM-SHA-256", user), isReal: false };
  }

  #madeUp(mechanism: ScramName, user: string): ScramKeys {
    const { iterations, saltBytes } = this.#store.shape?.(mechanism) ?? {
      iterations: ITERATIONS,
      saltBytes: SALT_BYTES,
    };
    const bytes = (what: string): Uint8Array =>
      createHmac("sha512", this.#secret).update(`${mechanism} ${what} ${user}`).digest();
    const key = bytes("key").subarray(0, keyBytes(mechanism));
    return { mechanism, iterations, salt: bytes("salt").subarray(0, saltBytes), storedKey: key, serverKey: key };
  }
}
