import { ConnectionError } from "../util/connection-error.ts";
import { onAbort } from "../util/signals.ts";
import { type BrowseOptions, browse } from "./browse.ts";
import { type FoundService, lowerAscii } from "./service.ts";

/** Milliseconds to look for a service, for those who set no deadline. */
const FIND_MS = 10_000;

/**
 * The service of that name, as soon as it is found with an address. Rejects with {@link ConnectionError} when it isn't
 * within ten seconds, or with the reason of `signal` when one is given: that is the deadline then.
 */
export async function findService(name: string, type: string, options: BrowseOptions = {}): Promise<FoundService> {
  options.signal?.throwIfAborted();
  const deadline = new AbortController();
  const off = onAbort(options.signal, (reason) => deadline.abort(reason));
  const timer =
    options.signal === undefined ? setTimeout(() => deadline.abort(notFound(name, type)), FIND_MS) : undefined;
  try {
    for await (const { kind, service } of browse(type, { ...options, signal: deadline.signal })) {
      const isIt = lowerAscii(service.name) === lowerAscii(name) && service.addresses.length > 0;
      if (kind !== "down" && isIt) return service;
    }
    throw notFound(name, type);
  } finally {
    clearTimeout(timer);
    off();
  }
}

function notFound(name: string, type: string): ConnectionError {
  return new ConnectionError(`nobody advertises "${name}" as ${type}`, "error");
}
