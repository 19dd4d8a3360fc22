import type { Descriptors } from "../connection/descriptors.ts";
import type { AnyProcedure, Program } from "../program/program.ts";
import { sleep } from "../util/sleep.ts";

/** One call on its way out, as interceptors see it. */
export interface ClientCall {
  readonly program: Program<object>;
  readonly procedure: AnyProcedure;
  readonly args: unknown;
  readonly signal: AbortSignal | undefined;
  /** Of a call that opens a stream: may holes come and go? */
  readonly sparse?: boolean;
  readonly descriptors?: readonly number[] | undefined;
  readonly onDescriptors?: ((descriptors: Descriptors) => void) | undefined;
}

/** Sends a call and gives its result; that of a call that opens a stream is a `StreamResult`. */
export type SendCall = (call: ClientCall) => Promise<unknown>;

/**
 * Stands around every call of a client: it may look, change the call, answer itself, or send it more than once. The first
 * of a list is the outermost.
 */
export type ClientInterceptor = (next: SendCall) => SendCall;

/** An interceptor that rejects, with a `TimeoutError`, what takes longer than `ms` milliseconds. */
export function deadline(ms: number): ClientInterceptor {
  return (next) => (call) => {
    const limit = AbortSignal.timeout(ms);
    return next({ ...call, signal: call.signal === undefined ? limit : AbortSignal.any([call.signal, limit]) });
  };
}

export interface RetryOptions {
  /** May this call, which failed so, be sent again? Say yes only for what may run twice. */
  readonly when: (error: unknown, call: ClientCall) => boolean;
  /** Times a call is sent at the most; 3 unless given. */
  readonly attempts?: number;
  /** Milliseconds before the second attempt, doubled before each further one; 100 unless given. */
  readonly delay?: number;
}

/** An interceptor that sends again what failed and may run twice. The last failure is the caller's. */
export function retry({ when, attempts = 3, delay = 100 }: RetryOptions): ClientInterceptor {
  return (next) => async (call) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await next(call);
      } catch (error) {
        if (attempt >= attempts || call.signal?.aborted === true || !when(error, call)) throw error;
      }
      await sleep(delay * 2 ** (attempt - 1), call.signal);
    }
  };
}
