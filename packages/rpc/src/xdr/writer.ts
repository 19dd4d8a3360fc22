import { XdrError } from "./error.ts";
import { padded, writeWord } from "./words.ts";

const utf8 = new TextEncoder();

/** Below this many characters a loop over char codes beats the call into the native encoder. */
const SHORT_STRING = 128;

/**
 * Writes XDR (RFC 4506) into a byte array that grows by doubling, up to `limit` bytes. Several messages may follow one
 * another in one writer: that is how the send queue builds the one write of a turn.
 *
 * A value that its type can't hold is the caller's mistake: `TypeError` (not a number, not a string) or `RangeError`
 * (too large, too long). Bytes beyond `limit` are an {@link XdrError}.
 */
export class XdrWriter {
  bytes: Uint8Array;
  /** Index into `bytes` of the next byte. */
  position = 0;
  #limit: number;
  /** Where the bytes begin that `#limit` is for. */
  #base = 0;
  #doubles: DataView | undefined;

  constructor(size = 1024, limit = 0x4000_0000) {
    this.bytes = new Uint8Array(size);
    this.#limit = limit;
  }

  /** From here on at most `size` bytes fit, whatever was the limit before. */
  bound(size: number): void {
    this.#base = this.position;
    this.#limit = this.position + size;
  }

  /** What has been written so far, as a view. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.position);
  }

  int(value: number): void {
    if (value !== (value | 0)) throw outOfRange("int", value);
    this.#word(value);
  }

  uint(value: number): void {
    if (value !== value >>> 0) throw outOfRange("unsigned int", value);
    this.#word(value);
  }

  bool(value: boolean): void {
    this.#word(value ? 1 : 0);
  }

  hyper(value: bigint): void {
    if (typeof value !== "bigint") throw outOfRange("hyper", value, "bigint");
    const near = Number(value);
    if (Number.isSafeInteger(near)) this.#safeLong(near);
    else if (BigInt.asIntN(64, value) === value) this.#long(value);
    else throw outOfRange("hyper", value, "bigint");
  }

  uhyper(value: bigint): void {
    if (typeof value !== "bigint") throw outOfRange("unsigned hyper", value, "bigint");
    const near = Number(value);
    if (near >= 0 && Number.isSafeInteger(near)) this.#safeLong(near);
    else if (BigInt.asUintN(64, value) === value) this.#long(value);
    else throw outOfRange("unsigned hyper", value, "bigint");
  }

  float(value: number): void {
    if (typeof value !== "number") throw outOfRange("float", value);
    this.#view(4).setFloat32(this.position - 4, value);
  }

  double(value: number): void {
    if (typeof value !== "number") throw outOfRange("double", value);
    this.#view(8).setFloat64(this.position - 8, value);
  }

  /** A C `char`: one word, sign-extended (libvirt-rpc §1.10). Takes -128..255. */
  char(value: number): void {
    if (value < -128 || value > 255 || value !== (value | 0)) throw outOfRange("char", value);
    this.#word((value << 24) >> 24);
  }

  uchar(value: number): void {
    if (value !== (value & 0xff)) throw outOfRange("unsigned char", value);
    this.#word(value);
  }

  short(value: number): void {
    if (value !== (value << 16) >> 16) throw outOfRange("short", value);
    this.#word(value);
  }

  ushort(value: number): void {
    if (value !== (value & 0xffff)) throw outOfRange("unsigned short", value);
    this.#word(value);
  }

  /** The mark before an optional value. */
  optional(present: boolean): void {
    this.#word(present ? 1 : 0);
  }

  /** `string<max>`: at most `max` bytes of UTF-8, without NUL, at which a C peer would cut it. */
  string(value: string, max: number): void {
    if (typeof value !== "string") throw new TypeError(`${typeof value} is not a string`);
    const { length } = value;
    if (length > max) throw tooLong("string", length, max);
    if (length > SHORT_STRING || !this.#shortAscii(value)) this.#utf8(value, max);
  }

  /** `opaque<max>`. */
  opaque(value: Uint8Array, max: number): void {
    requireBytes(value);
    if (value.length > max) throw tooLong("opaque", value.length, max);
    const at = this.reserve(4 + padded(value.length));
    writeWord(this.bytes, at, value.length);
    this.#raw(value, at + 4);
  }

  /** `opaque[size]`. */
  fixedOpaque(value: Uint8Array, size: number): void {
    requireBytes(value);
    if (value.length !== size) throw new RangeError(`opaque of ${value.length} bytes, expected exactly ${size}`);
    const at = this.reserve(padded(size));
    this.#raw(value, at);
  }

  /** `char x<max>`: libvirt's four bytes per character, sign-extended (F010). */
  chars(value: Uint8Array, max: number): void {
    this.count(value.length, max);
    this.fixedChars(value, value.length);
  }

  /** `char x[size]`: libvirt's four bytes per character, sign-extended; short values are filled with zeros (F010). */
  fixedChars(value: Uint8Array, size: number): void {
    requireBytes(value);
    if (value.length > size) throw tooLong("char array", value.length, size);
    let at = this.reserve(size * 4);
    for (let i = 0; i < size; i++, at += 4) writeWord(this.bytes, at, ((value[i] ?? 0) << 24) >> 24);
  }

  /** The number of items before a counted array. */
  count(count: number, max: number): void {
    if (count > max) throw new RangeError(`array of ${count} items exceeds ${max}`);
    this.uint(count);
  }

  /** For generated fixed arrays: `count` must be exactly `size`. */
  fixedCount(count: number, size: number): void {
    if (count !== size) throw new RangeError(`array of ${count} items, expected exactly ${size}`);
  }

  /** For generated unions: the value's discriminant has no arm. */
  unknownCase(union: string, discriminant: unknown): never {
    throw new TypeError(`${union} has no case ${String(discriminant)}`);
  }

  /** Bytes as they are: no length, no padding (stream payloads). */
  raw(value: Uint8Array): void {
    const at = this.reserve(value.length);
    this.bytes.set(value, at);
  }

  /** Makes room for `size` bytes, moves past them and returns where they begin. Their content is undefined. */
  reserve(size: number): number {
    const at = this.position;
    const end = at + size;
    if (end > this.bytes.length) this.#grow(end);
    else if (end > this.#limit) throw this.#full(end);
    this.position = end;
    return at;
  }

  /** Reserves first: that may put another array in place of `bytes`. */
  #word(value: number): void {
    const at = this.reserve(4);
    writeWord(this.bytes, at, value);
  }

  #grow(end: number): void {
    if (end > this.#limit) throw this.#full(end);
    const grown = new Uint8Array(Math.max(end, Math.min(this.bytes.length * 2, this.#limit)));
    grown.set(this.bytes.subarray(0, this.position));
    this.bytes = grown;
    this.#doubles = undefined;
  }

  #full(end: number): XdrError {
    const [size, limit] = [end - this.#base, this.#limit - this.#base];
    return new XdrError(`${size} bytes exceed the limit of ${limit}`, { offset: this.position - this.#base });
  }

  /** The 64-bit words of an integer that a double holds exactly: several times faster than bigint arithmetic. */
  #safeLong(value: number): void {
    const at = this.reserve(8);
    writeWord(this.bytes, at, Math.floor(value / 0x1_0000_0000));
    writeWord(this.bytes, at + 4, value >>> 0);
  }

  #long(value: bigint): void {
    const at = this.reserve(8);
    writeWord(this.bytes, at, Number(value >> 32n) | 0);
    writeWord(this.bytes, at + 4, Number(value & 0xffff_ffffn));
  }

  #raw(value: Uint8Array, at: number): void {
    this.bytes.set(value, at);
    this.bytes.fill(0, at + value.length, this.position);
  }

  /** Writes a string of plain ASCII; leaves everything as it was and says false for any other. */
  #shortAscii(value: string): boolean {
    const { length } = value;
    const at = this.reserve(4 + padded(length));
    const { bytes } = this;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code >= 0x80 || code === 0) {
        this.position = at;
        return false;
      }
      bytes[at + 4 + i] = code;
    }
    writeWord(bytes, at, length);
    for (let i = at + 4 + length; i < this.position; i++) bytes[i] = 0;
    return true;
  }

  #utf8(value: string, max: number): void {
    if (value.includes("\0")) throw new RangeError("string holds a NUL character, at which the peer would cut it");
    const at = this.position;
    this.reserve(4 + padded(value.length));
    const { read, written } = utf8.encodeInto(value, this.bytes.subarray(at + 4, this.position));
    let length = written;
    if (read < value.length) {
      const rest = utf8.encode(value.slice(read));
      length += rest.length;
      if (length > max) throw tooLong("string", length, max);
      this.position = at + 4 + written;
      const restAt = this.reserve(padded(length) - written);
      this.bytes.set(rest, restAt);
    }
    if (length > max) throw tooLong("string", length, max);
    writeWord(this.bytes, at, length);
    this.bytes.fill(0, at + 4 + length, this.position);
  }

  #view(size: number): DataView {
    this.reserve(size);
    this.#doubles ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    return this.#doubles;
  }
}

function outOfRange(type: string, value: unknown, wanted: "number" | "bigint" = "number"): Error {
  if (typeof value !== wanted) return new TypeError(`${typeof value} is not a ${wanted} for ${type}`);
  return new RangeError(`${String(value)} is out of range for ${type}`);
}

function requireBytes(value: Uint8Array): void {
  if (!(value instanceof Uint8Array)) throw new TypeError(`${typeof value} is not a Uint8Array`);
}

function tooLong(type: string, length: number, max: number): RangeError {
  return new RangeError(`${type} of ${length} bytes exceeds ${max}`);
}
