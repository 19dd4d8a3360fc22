import { onAbort } from "./signals.ts";

/** Resolves after `ms` milliseconds; rejects with the signal's reason if that comes first. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      off();
      resolve();
    }, ms);
    const off = onAbort(signal, (reason) => {
      clearTimeout(timer);
      reject(reason);
    });
  });
}
