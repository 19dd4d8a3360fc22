import { nothing } from "./nothing.ts";
/** Runs `abort` once `signal` aborts, at once if it has; returns what takes the listener off again. */
export function onAbort(signal: AbortSignal | undefined, abort: (reason: unknown) => void): () => void {
  if (signal === undefined) return nothing;
  if (signal.aborted) {
    abort(signal.reason);
    return nothing;
  }
  const listener = (): void => abort(signal.reason);
  signal.addEventListener("abort", listener, { once: true });
  return () => signal.removeEventListener("abort", listener);
}

/** `promise`, or the reason of `signal` when that comes first. The promise itself goes on; its later failure is swallowed. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const off = onAbort(signal, reject);
    promise.then(resolve, reject).finally(off);
  });
}
