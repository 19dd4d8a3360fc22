import type { CFunction } from "../foreign.ts";

/** A call of C, to be begun. */
export type Invoke = (done: Done) => void;

export type Done = (error: Error | null, code: number) => void;

/** On a thread, or, where that is not safe, here and now. */
export function invoking<A extends readonly unknown[]>(
  call: CFunction<A, number>,
  where: "thread" | "here",
  args: A,
): Invoke {
  return where === "here" ? (done) => done(null, call(...args)) : (done) => call.async(...args, done);
}

/**
 * The peer's bytes as C takes them, to be wiped by {@link wiping}. Never a view of no bytes, for that one's address is
 * null, and no data means something else than data of no bytes.
 */
export function forC(input: Uint8Array | null): Uint8Array | null {
  if (input === null) return null;
  const bytes = new Uint8Array(input.length + 1);
  bytes.set(input);
  return bytes;
}

/** Wipes what a call was given when it has returned; until then the bytes are held here, and are C's. */
export function wiping(bytes: Uint8Array | null, invoke: Invoke): Invoke {
  return (done) =>
    invoke((error, code) => {
      bytes?.fill(0);
      done(error, code);
    });
}
