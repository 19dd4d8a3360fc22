/**
 * What a mechanism has agreed on for the bytes after authentication: they travel in frames of its own, signed or
 * encrypted (F117, F118). Both methods are synchronous, as they are on the path of every byte. Both ends begin with it
 * right behind the reply that says "complete", and keep it until the connection ends.
 */
export interface SecurityLayer {
  /** Strength in bits: 1 means signed only. Never 0, for that is no layer. */
  readonly ssf: number;
  /** Bytes of plain text that one `wrap` takes at most, by what the peer said it can receive. At least 1. */
  readonly maxPlain: number;
  /** One frame for the peer, ready to leave. The caller owns the result, and cuts longer texts itself. */
  wrap(plain: Uint8Array): Uint8Array;
  /**
   * Takes bytes as they come, any part of a frame or several frames at once; gives the plain text of those that are
   * complete now, empty when there is none. `chunk` is lent until this returns, what is given until the next call. Keeps
   * at most one frame of the negotiated size. Throws `SaslError` for a frame that is damaged or too large; the layer
   * is not used again then, except to be closed.
   */
  unwrap(chunk: Uint8Array): Uint8Array;
  /** The connection has ended: frees what the layer holds, and wipes keys. Called once. */
  close(): void;
}
