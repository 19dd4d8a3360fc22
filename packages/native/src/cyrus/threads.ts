import { Turns } from "./turns.ts";

/**
 * Which calls of one provider may run at once. They run on the threads of libuv's pool, which files and DNS need too, so
 * one thread is always left to these, and one more is out of reach of Kerberos: a KDC that does not answer holds a
 * thread for half a minute. UNIX's usual four are `UV_THREADPOOL_SIZE`.
 */
export class Threads {
  readonly #all: Turns;
  readonly #kerberos: Turns;
  readonly #digest: Turns = new Turns(1);

  constructor(poolSize: number = poolSizeOf(process.env["UV_THREADPOOL_SIZE"])) {
    const all = Math.max(1, poolSize - 1);
    this.#all = new Turns(all);
    this.#kerberos = new Turns(Math.max(1, all - 1));
  }

  /** Takes a thread for a call of this mechanism; the result gives it back. Rejects with the signal's reason. */
  async take(mechanism: string, signal: AbortSignal): Promise<() => void> {
    const own = this.#turnsOf(mechanism);
    await own?.begin(signal);
    try {
      await this.#all.begin(signal);
    } catch (error) {
      own?.end();
      throw error;
    }
    return () => {
      this.#all.end();
      own?.end();
    };
  }

  /** DIGEST-MD5 keeps a cache that all connections share, without a lock of its own unless a program gives it one. */
  #turnsOf(mechanism: string): Turns | null {
    if (isKerberos(mechanism)) return this.#kerberos;
    return mechanism === "DIGEST-MD5" ? this.#digest : null;
  }
}

/** As libuv reads it: four where nothing is said, one where that is no number. */
function poolSizeOf(setting: string | undefined): number {
  if (setting === undefined) return 4;
  const size = Number.parseInt(setting, 10);
  return size >= 1 ? size : 1;
}

/** GSSAPI, GSS-SPNEGO, GS2-KRB5 */
function isKerberos(mechanism: string): boolean {
  return /^(GSS|GS2-)/.test(mechanism);
}
