import { abortable } from "../util/signals.ts";
import type { SaslExchange, SaslStep } from "./mechanism.ts";
import { SaslError } from "./sasl-error.ts";

/** What a mechanism's script ends with: who it is, and what it still has to say. */
export interface Outcome {
  readonly user: string;
  readonly output: Uint8Array | null;
}

/** A mechanism as a text read downwards: each `yield` says something and waits for what the peer says to it. */
export type Dialogue = AsyncGenerator<Uint8Array | null, Outcome, Uint8Array | null>;

/** What is needed of a {@link Dialogue}. */
type Script = Pick<Dialogue, "next">;

/** The exchange of a client that has one thing to say. */
export function monologue(say: (signal: AbortSignal) => Promise<Outcome>, wipe: () => void): SaslExchange {
  const script = (signal: () => AbortSignal): Script => ({
    next: async () => ({ done: true, value: await say(signal()) }),
  });
  return dialogue((_, signal) => script(signal), wipe);
}

/**
 * An exchange from a script. The `signal` that the script is given is the one of whichever step runs. `wipe` overwrites
 * the secrets that the script has kept.
 */
export function dialogue(
  begin: (input: Uint8Array | null, signal: () => AbortSignal) => Script,
  wipe: () => void,
): SaslExchange {
  let script: Script | undefined;
  let isBusy = false;
  let isOver = false;
  let isClosed = false;
  let current: AbortSignal;
  const advance = async (input: Uint8Array | null): Promise<SaslStep> => {
    const running = (script ??= begin(input, () => current));
    try {
      const { done, value } = await running.next(input);
      return done === true ? { done, ...value, layer: null, ssf: 0 } : { done: false, output: value };
    } finally {
      // What came to be behind `close`, which did not wait for this.
      if (isClosed) wipe();
    }
  };
  return {
    async step(input, signal) {
      if (isBusy || isOver || isClosed) throw new SaslError("a message out of turn");
      isBusy = true;
      isOver = true;
      current = signal;
      signal.throwIfAborted();
      const step = await abortable(advance(input), signal);
      isBusy = false;
      isOver = step.done;
      return step;
    },
    close() {
      isClosed = true;
      wipe();
    },
  };
}
