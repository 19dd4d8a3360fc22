import { XdrError } from "./error.ts";
import { padded, readInt32, readUint32 } from "./words.ts";

/*
 * Strings are cut from one latin1 text of the payload, made once per window, because turning bytes into text costs
 * far more per call than per byte. Only a string with a byte >= 0x80 is decoded by itself.
 */
const TEXT_WINDOW = 65_536;

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Reads XDR (RFC 4506) from a byte range. Every length is checked against its limit and against what is left before
 * anything is allocated. As tolerant as libvirt and no more: any nonzero mark is "present", pad bytes are not looked
 * at, a string ends at its first NUL, bytes that are no UTF-8 become U+FFFD (F011, F013, libvirt-rpc §1.10).
 *
 * All methods throw {@link XdrError} when the bytes do not hold what was asked for.
 */
export class XdrReader {
  readonly bytes: Uint8Array;
  /** Index into `bytes` of the next byte. */
  position: number;
  readonly start: number;
  readonly end: number;
  #text = "";
  #textStart = 0;
  #doubles: DataView | undefined;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.start = start;
    this.position = start;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  int(): number {
    return readInt32(this.bytes, this.take(4, "int"));
  }

  uint(): number {
    return readUint32(this.bytes, this.take(4, "unsigned int"));
  }

  /** RFC 4506 §4.4; as libvirt's decoder, any nonzero word is true. */
  bool(): boolean {
    return readInt32(this.bytes, this.take(4, "bool")) !== 0;
  }

  hyper(): bigint {
    const at = this.take(8, "hyper");
    const high = readInt32(this.bytes, at);
    return joinWords(high, readUint32(this.bytes, at + 4));
  }

  uhyper(): bigint {
    const at = this.take(8, "unsigned hyper");
    const high = readUint32(this.bytes, at);
    return joinWords(high, readUint32(this.bytes, at + 4));
  }

  float(): number {
    return this.#view().getFloat32(this.take(4, "float"));
  }

  double(): number {
    return this.#view().getFloat64(this.take(8, "double"));
  }

  /** A C `char`: one word, of which the low byte counts, signed (libvirt-rpc §1.10). */
  char(): number {
    return (readInt32(this.bytes, this.take(4, "char")) << 24) >> 24;
  }

  uchar(): number {
    return readInt32(this.bytes, this.take(4, "unsigned char")) & 0xff;
  }

  short(): number {
    return (readInt32(this.bytes, this.take(4, "short")) << 16) >> 16;
  }

  ushort(): number {
    return readInt32(this.bytes, this.take(4, "unsigned short")) & 0xffff;
  }

  /** The mark before an optional value: is it there? */
  optional(): boolean {
    return readInt32(this.bytes, this.take(4, "optional mark")) !== 0;
  }

  /** `string<max>`: at most `max` bytes of UTF-8. */
  string(max: number): string {
    const length = this.#length(max, "string");
    const at = this.take(padded(length), "string");
    return this.#cut(at, length);
  }

  /** `opaque<max>`: a copy of at most `max` bytes. */
  opaque(max: number): Uint8Array {
    const length = this.#length(max, "opaque");
    const at = this.take(padded(length), "opaque");
    return copy(this.bytes, at, at + length);
  }

  /** `opaque[size]`: a copy of exactly `size` bytes. */
  fixedOpaque(size: number): Uint8Array {
    const at = this.take(padded(size), "opaque");
    return copy(this.bytes, at, at + size);
  }

  /** `char x<max>`: libvirt's four bytes per character, low byte of each (F010). */
  chars(max: number): Uint8Array {
    return this.fixedChars(this.count(max, 4));
  }

  /** `char x[size]`: libvirt's four bytes per character, low byte of each (F010). */
  fixedChars(size: number): Uint8Array {
    let at = this.take(size * 4, "char array");
    const chars = new Uint8Array(size);
    for (let i = 0; i < size; i++, at += 4) chars[i] = this.bytes[at + 3] as number;
    return chars;
  }

  /**
   * The number of items of a counted array. `itemSize` is the least an item takes in bytes, so that a count which
   * the remaining bytes can't hold is refused before the array is made (F012).
   */
  count(max: number, itemSize: number): number {
    const at = this.position;
    const count = this.uint();
    if (count > max) this.fault(`array of ${count} items exceeds ${max}`, at);
    if (count * itemSize > this.remaining) {
      this.fault(`array of ${count} items needs ${count * itemSize} bytes, ${this.remaining} left`, at);
    }
    return count;
  }

  /** For generated unions: the discriminant just read has no arm (F018). */
  unknownCase(union: string, discriminant: number | boolean): never {
    this.fault(`${union} has no case ${discriminant}`, this.position - 4);
  }

  /** Moves past `size` bytes and returns where they begin; `what` names them in the error. */
  protected take(size: number, what: string): number {
    const at = this.position;
    if (size > this.end - at) this.fault(`${what} needs ${size} bytes, ${this.end - at} left`, at);
    this.position = at + size;
    return at;
  }

  /** Throws, naming the place of the byte at index `at`. */
  protected fault(detail: string, at: number): never {
    throw new XdrError(detail, { offset: at - this.start });
  }

  #length(max: number, what: string): number {
    const at = this.position;
    const length = this.uint();
    if (length > max) this.fault(`${what} of ${length} bytes exceeds ${max}`, at);
    return length;
  }

  #cut(at: number, length: number): string {
    const { bytes } = this;
    const end = at + length;
    for (let i = at; i < end; i++) {
      const byte = bytes[i] as number;
      if (byte >= 0x80) return utf8.decode(bytes.subarray(at, nulOrEnd(bytes, at, end)));
      if (byte === 0) return latin1(bytes, at, i);
    }
    if (length > TEXT_WINDOW) return latin1(bytes, at, end);
    if (at < this.#textStart || end > this.#textStart + this.#text.length) {
      this.#text = latin1(bytes, at, Math.min(this.end, at + TEXT_WINDOW));
      this.#textStart = at;
    }
    return this.#text.substring(at - this.#textStart, end - this.#textStart);
  }

  #view(): DataView {
    this.#doubles ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    return this.#doubles;
  }
}

function joinWords(high: number, low: number): bigint {
  if (high === 0) return BigInt(low);
  return BigInt(high) * 0x1_0000_0000n + BigInt(low);
}

/** Not `slice`: a Buffer's would be a view of the lent bytes, and a Buffer. */
function copy(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end));
}

function nulOrEnd(bytes: Uint8Array, at: number, end: number): number {
  const nul = bytes.subarray(at, end).indexOf(0);
  return nul === -1 ? end : at + nul;
}

type Latin1 = (bytes: Uint8Array, start: number, end: number) => string;

interface NodeGlobals {
  readonly Buffer?: {
    readonly prototype: { readonly latin1Slice: (this: Uint8Array, start: number, end: number) => string };
  };
}

const latin1: Latin1 = latin1FromNode() ?? latin1FromCodes;

/** Node's own slice is an order of magnitude faster than char codes; a browser has none, and the codec runs there too. */
function latin1FromNode(): Latin1 | undefined {
  const slice = (globalThis as NodeGlobals).Buffer?.prototype.latin1Slice;
  return slice === undefined ? undefined : (bytes, start, end) => slice.call(bytes, start, end);
}

function latin1FromCodes(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at += 4096) {
    text += String.fromCharCode(...bytes.subarray(at, Math.min(end, at + 4096)));
  }
  return text;
}
