import { XdrError } from "./error.ts";
import { locateDecodeFault, locateEncodeFault } from "./fault-path.ts";
import { XdrReader } from "./reader.ts";
import { XdrWriter } from "./writer.ts";

/** How one type is written and read. Generated types share their name with their codec. */
export interface XdrType<T> {
  /** Throws `TypeError` or `RangeError` for a value that the type can't hold. */
  encode(writer: XdrWriter, value: T): void;
  /** Throws {@link XdrError} for bytes that are not this type. Leaves bytes that follow it unread. */
  decode(reader: XdrReader): T;
}

/** No bytes at all: a procedure without arguments or result (F015). */
export const XdrVoid: XdrType<void> = {
  encode() {},
  decode() {},
};

/** The bytes of `value`, in a fresh array. `name` opens the path that an error names. */
export function encodeXdr<T>(type: XdrType<T>, value: T, name = ""): Uint8Array {
  const writer = new XdrWriter();
  encodeInto(writer, type, value, name);
  return writer.bytes.slice(0, writer.position);
}

/** Encodes into `writer`; a failure leaves its position where it was and names the field below `name`. */
export function encodeInto<T>(writer: XdrWriter, type: XdrType<T>, value: T, name: string): void {
  const start = writer.position;
  try {
    type.encode(writer, value);
  } catch (error) {
    writer.position = start;
    throw locateEncodeFault(error, type, value, name);
  }
}

/** The value in `bytes`. Bytes left over are ignored, as libvirt does (F014); an error names the field below `name`. */
export function decodeXdr<T>(type: XdrType<T>, bytes: Uint8Array, name = "", start = 0, end: number = bytes.length): T {
  try {
    return type.decode(new XdrReader(bytes, start, end));
  } catch (error) {
    throw error instanceof XdrError ? locateDecodeFault(error, type, bytes.subarray(start, end), name) : error;
  }
}
