/*
 * Big-endian 32-bit words in a byte array. The caller has checked the bounds; the casts tell the type checker so, and
 * keep an `undefined` test out of the hottest lines of the house.
 */

/** The signed word at `at`. */
export function readInt32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}

/** The unsigned word at `at`. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) >>> 0;
}

/** Writes the low 32 bits of `value` at `at`. */
export function writeWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** `size` rounded up to the next multiple of four, as RFC 4506 §3 pads; right for lengths of 2^31 and more, too. */
export function padded(size: number): number {
  return size + (-size & 3);
}
