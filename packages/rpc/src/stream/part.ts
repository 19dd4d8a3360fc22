import { VirNetStreamHole } from "../protocol/gen/net.ts";
import { encodeXdr } from "../xdr/type.ts";

/** A stretch of zeros that was not sent (F044). */
export interface Hole {
  /** Bytes. */
  readonly hole: bigint;
}

/** What a sparse stream is made of. */
export type Part = Uint8Array | Hole;

/** The most that libvirt's programs put into one packet, in bytes (F039). Larger packets are taken all the same. */
export const CHUNK_BYTES = 262_120;

const MAX_HOLE = (1n << 63n) - 1n;

/** The payload of a hole's packet. Throws `RangeError` for a length that can't be one. */
export function encodeHole(length: bigint): Uint8Array {
  if (length < 0n || length > MAX_HOLE) throw new RangeError(`a hole of ${length} bytes, expected 0 to ${MAX_HOLE}`);
  return encodeXdr(VirNetStreamHole, { length, flags: 0 });
}

/** The zeros of a hole in pieces, for those who want bytes (F051). */
export function* zerosOf({ hole }: Hole): Generator<Uint8Array<ArrayBuffer>, void> {
  for (let left = hole; left > 0n; left -= BigInt(CHUNK_BYTES)) {
    yield new Uint8Array(left < CHUNK_BYTES ? Number(left) : CHUNK_BYTES);
  }
}
