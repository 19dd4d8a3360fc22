/**
 * Why a connection ended (libvirt's close reasons, F151, and one more):
 * - `eof`: the peer closed it;
 * - `error`: the transport failed;
 * - `protocol`: the peer sent what the protocol forbids, and we closed it;
 * - `overflow`: the peer did not read what we had for it, and we closed it;
 * - `keepalive`: the peer gave no sign of life in time;
 * - `closed`: this side closed it on purpose.
 */
export type CloseReason = "eof" | "error" | "protocol" | "overflow" | "keepalive" | "closed";

/** The connection is gone, or could not be made. Every wait on it ends with one of these. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  readonly reason: CloseReason;

  constructor(message: string, reason: CloseReason, options?: { cause?: unknown }) {
    super(message, options);
    this.reason = reason;
  }
}
