import { HEADER_BYTES } from "./message.ts";

/** What one connection accepts and sends. All in bytes unless said otherwise. */
export interface ProtocolLimits {
  /**
   * The largest length word, counting itself. libvirt's is 33554436 (32 MiB and the word, F004); it was 256 KiB, 4 MiB
   * and 16 MiB in earlier releases, so a peer may want less.
   */
  readonly frame: number;
}

/** The most descriptors that a message may have (F035). */
export const MAX_DESCRIPTORS = 32;

export const defaultLimits: ProtocolLimits = { frame: 33_554_436 };

/** `limits` with the defaults filled in. Throws `RangeError` for one that no message could meet. */
export function withDefaults(limits: Partial<ProtocolLimits> | undefined): ProtocolLimits {
  const all = { ...defaultLimits, ...limits };
  if (!(all.frame >= HEADER_BYTES && all.frame <= 0xffff_ffff)) {
    throw new RangeError(`frame limit is ${all.frame}, expected ${HEADER_BYTES} to 4294967295`);
  }
  return all;
}
