/**
 * Why a connection ended (libvirt's close reasons, F151, and two more):
 * - `eof`: the peer closed it;
 * - `error`: the transport failed;
 * - `protocol`: the peer sent what the protocol forbids, and we closed it;
 * - `overflow`: the peer did not read what we had for it, and we closed it;
 * - `keepalive`: the peer gave no sign of life in time;
 * - `refused`: one side does not accept the other's credentials;
 * - `closed`: this side closed it on purpose.
 */
export type CloseReason = "eof" | "error" | "protocol" | "overflow" | "keepalive" | "refused" | "closed";

/**
 * What became of a call that the connection's end cut short:
 * - `not-sent`: the system was not given all of it, so it has not run;
 * - `in-doubt`: it was, so it may have run.
 */
export type Delivery = "not-sent" | "in-doubt";

export interface ConnectionErrorOptions {
  readonly cause?: unknown;
  readonly delivery?: Delivery;
}

/** The connection is gone, or could not be made. Every wait on it ends with one of these. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  readonly reason: CloseReason;
  /** Where a call or a stream ended with this error; `null` where it is about the connection alone. */
  readonly delivery: Delivery | null;

  constructor(message: string, reason: CloseReason, { delivery, ...options }: ConnectionErrorOptions = {}) {
    super(message, options);
    this.reason = reason;
    this.delivery = delivery ?? null;
  }
}

/** `error`, as what a call ends with. */
export function undelivered(error: ConnectionError, delivery: Delivery): ConnectionError {
  const fate = delivery === "not-sent" ? "the call was not sent" : "the call may have run";
  return new ConnectionError(`${error.message}; ${fate}`, error.reason, { cause: error, delivery });
}

/** `error`, as what a stream ends with. */
export function streamLost(error: ConnectionError): ConnectionError {
  const message = `${error.message}; the stream went with the connection`;
  return new ConnectionError(message, error.reason, { cause: error, delivery: "in-doubt" });
}
