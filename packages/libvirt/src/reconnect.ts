import { type AnyProcedure, type ReconnectOptions, readsOnly } from "virnet";

/** How a `Libvirt` goes on when its connection goes. */
export interface LibvirtReconnectOptions extends ReconnectOptions {
  /**
   * Goes on trying when the very first attempt fails. Unless told so that one decides, and `open` rejects with what it
   * failed with, as it does without reconnecting.
   */
  readonly fromStart?: boolean;
  /**
   * May a procedure run twice? Unless given: those whose `@acl` lines in libvirt's protocol want no more than to read, but
   * for those that open the connection and register callbacks, for they mean the connection on which they are called,
   * and for one that sets what others only read, whatever its line says.
   */
  readonly isSafe?: (procedure: AnyProcedure) => boolean;
}

/** See `isSafe`. */
export function isSafe(procedure: AnyProcedure): boolean {
  return readsOnly(procedure) && !/_CONNECT_OPEN$|REGISTER|_SET_/.test(procedure.name);
}
