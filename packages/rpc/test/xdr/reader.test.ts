import { afterEach, describe, expect, it, vi } from "vitest";
import { XdrError } from "../../src/xdr/error.ts";
import { XdrReader } from "../../src/xdr/reader.ts";
import { concat, hex } from "../helpers/bytes.ts";

const read = (text: string): XdrReader => new XdrReader(hex(text));

/** The wire form of a string or opaque of these bytes. */
function counted(bytes: Uint8Array, pad = 0): Uint8Array {
  const wire = new Uint8Array(4 + Math.ceil(bytes.length / 4) * 4).fill(pad);
  new DataView(wire.buffer).setUint32(0, bytes.length);
  wire.set(bytes, 4);
  return wire;
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("integers", () => {
  it.each([
    ["00000000", 0],
    ["00000001", 1],
    ["7fffffff", 2_147_483_647],
    ["80000000", -2_147_483_648],
    ["ffffffff", -1],
  ])("an int of %s is %i", (wire, value) => {
    expect(read(wire).int()).toBe(value);
  });

  it.each([
    ["00000000", 0],
    ["7fffffff", 2_147_483_647],
    ["80000000", 2_147_483_648],
    ["ffffffff", 4_294_967_295],
  ])("an unsigned int of %s is %i", (wire, value) => {
    expect(read(wire).uint()).toBe(value);
  });

  it.each([
    ["00000000 00000000", 0n],
    ["00000000 ffffffff", 4_294_967_295n],
    ["00000001 00000000", 4_294_967_296n],
    ["001fffff ffffffff", 9_007_199_254_740_991n],
    ["00200000 00000001", 9_007_199_254_740_993n],
    ["7fffffff ffffffff", 9_223_372_036_854_775_807n],
    ["80000000 00000000", -9_223_372_036_854_775_808n],
    ["80000000 00000001", -9_223_372_036_854_775_807n],
    ["ffffffff 00000000", -4_294_967_296n],
    ["ffffffff ffffffff", -1n],
  ])("a hyper of %s is %s", (wire, value) => {
    expect(read(wire).hyper()).toBe(value);
  });

  it.each([
    ["00000000 80000000", 2_147_483_648n],
    ["80000000 00000000", 9_223_372_036_854_775_808n],
    ["ffffffff ffffffff", 18_446_744_073_709_551_615n],
  ])("an unsigned hyper of %s is %s", (wire, value) => {
    expect(read(wire).uhyper()).toBe(value);
  });

  it.each([
    ["0000007f", 127],
    ["00000080", -128],
    ["ffffff80", -128],
    ["ffffffff", -1],
    ["000000ff", -1],
    ["12345641", 0x41],
  ])("of a char of %s the low byte counts, signed", (wire, value) => {
    expect(read(wire).char()).toBe(value);
  });

  it("of smaller integers only the low bits count", () => {
    expect(read("123456ff").uchar()).toBe(255);
    expect(read("1234ffff").ushort()).toBe(65_535);
    expect(read("12348000").short()).toBe(-32_768);
    expect(read("00007fff").short()).toBe(32_767);
  });
});

describe("bool and optional", () => {
  it.each(["00000001", "00000002", "80000000", "ffffffff", "01000000"])("the mark %s is true and present", (wire) => {
    expect(read(wire).bool()).toBe(true);
    expect(read(wire).optional()).toBe(true);
  });

  it("only zero is false and absent", () => {
    expect(read("00000000").bool()).toBe(false);
    expect(read("00000000").optional()).toBe(false);
  });
});

describe("floating point", () => {
  it.each([
    ["3f800000", 1],
    ["c0200000", -2.5],
    ["7f7fffff", 3.402_823_466_385_288_6e38],
    ["00000001", 1.401_298_464_324_817_1e-45],
    ["7f800000", Number.POSITIVE_INFINITY],
    ["7fc00000", Number.NaN],
    ["80000000", -0],
  ])("a float of %s is %d", (wire, value) => {
    expect(read(wire).float()).toBe(value);
  });

  it.each([
    ["3ff00000 00000000", 1],
    ["400921fb 54442d18", Math.PI],
    ["7fefffff ffffffff", Number.MAX_VALUE],
    ["00000000 00000001", Number.MIN_VALUE],
    ["fff00000 00000000", Number.NEGATIVE_INFINITY],
    ["80000000 00000000", -0],
  ])("a double of %s is %d", (wire, value) => {
    expect(read(wire).double()).toBe(value);
  });

  it("finds its bytes in the middle of a larger buffer", () => {
    const bytes = hex("ffff 00000000 3ff00000 00000000 ff").subarray(2);
    expect(new XdrReader(bytes, 4, 12).double()).toBe(1);
  });
});

describe("string", () => {
  it("is the example of RFC 4506: length, bytes, padding", () => {
    // §7: the file name "sillyprog" of struct file.
    const reader = read("00000009 73696c6c 7970726f 67000000");
    expect(reader.string(255)).toBe("sillyprog");
    expect(reader.remaining).toBe(0);
  });

  it.each([0, 1, 2, 3, 4, 5, 7, 8, 9])("of %i bytes moves past its padding and no further", (length) => {
    const reader = new XdrReader(concat(counted(utf8("x".repeat(length))), hex("0000002a")));
    expect(reader.string(16)).toBe("x".repeat(length));
    expect(reader.int()).toBe(42);
  });

  it("ignores what the pad bytes hold", () => {
    expect(new XdrReader(counted(utf8("abcde"), 0xff)).string(16)).toBe("abcde");
  });

  it("ends at its first NUL, in ASCII and in UTF-8", () => {
    expect(new XdrReader(counted(utf8("ab\0cd"))).string(16)).toBe("ab");
    expect(new XdrReader(counted(utf8("é\0cd"))).string(16)).toBe("é");
    expect(new XdrReader(counted(utf8("ab\0é"))).string(16)).toBe("ab");
    expect(new XdrReader(counted(utf8("\0"))).string(16)).toBe("");
  });

  it("reads on behind a string that a NUL has cut", () => {
    const reader = new XdrReader(concat(counted(utf8("a\0bcdef")), counted(utf8("next"))));
    expect([reader.string(16), reader.string(16)]).toEqual(["a", "next"]);
  });

  it("keeps a byte order mark", () => {
    expect(new XdrReader(counted(utf8("\u{feff}x"))).string(16)).toBe("\u{feff}x");
  });

  it.each([
    ["ff", "\u{fffd}"],
    ["61ff62", "a\u{fffd}b"],
    ["c3", "\u{fffd}"],
    ["c0af", "\u{fffd}\u{fffd}"],
    ["eda080", "\u{fffd}\u{fffd}\u{fffd}"],
  ])("bytes %s, which are no UTF-8, become replacement characters", (wire, text) => {
    expect(new XdrReader(counted(hex(wire))).string(16)).toBe(text);
  });

  it("reads every Unicode plane", () => {
    const text = "aé€😀\u{10ffff}";
    expect(new XdrReader(counted(utf8(text))).string(64)).toBe(text);
  });

  it.each([65_531, 65_532, 65_533, 65_534, 65_535, 65_536, 65_537, 65_540, 131_072, 131_073])(
    "of %i bytes, near the border of the text window, is whole, and so are its neighbours",
    (length) => {
      const long = `<${"m".repeat(length - 2)}>`;
      const reader = new XdrReader(concat(counted(utf8("before")), counted(utf8(long)), counted(utf8("after"))));
      expect(reader.string(8)).toBe("before");
      expect(reader.string(length) === long).toBe(true);
      expect(reader.string(8)).toBe("after");
    },
  );

  it("many that fill several text windows are each whole", () => {
    const texts = Array.from({ length: 400 }, (_, i) => `${i}:${"t".repeat((i * 37) % 1000)}`);
    const reader = new XdrReader(concat(...texts.map((text) => counted(utf8(text)))));
    expect(texts.map(() => reader.string(2000))).toEqual(texts);
  });

  it("never reaches into what follows the reader's range", () => {
    const bytes = concat(hex("ffffffff"), counted(utf8("abcd")), utf8("EVIL"));
    const reader = new XdrReader(bytes, 4, 12);
    expect(reader.string(8)).toBe("abcd");
    expect(() => reader.string(8)).toThrow("unsigned int needs 4 bytes, 0 left at byte 8");
  });

  it("is refused at one byte over its limit, with its place", () => {
    expect(new XdrReader(counted(utf8("abcde"))).string(5)).toBe("abcde");
    expect(() => new XdrReader(counted(utf8("abcdef"))).string(5)).toThrow(
      new XdrError("string of 6 bytes exceeds 5", { offset: 0 }),
    );
  });

  it("is refused at 4194305 bytes, not at 4194304", () => {
    const text = counted(new Uint8Array(4_194_304).fill(0x78));
    expect(new XdrReader(text).string(4_194_304)).toHaveLength(4_194_304);
    expect(() => read("00400001").string(4_194_304)).toThrow("string of 4194305 bytes exceeds 4194304");
  });

  it("is refused when its padding is missing", () => {
    expect(() => read("00000001 61").string(4)).toThrow("string needs 4 bytes, 1 left at byte 4");
  });
});

describe("lengths near 2^32, where no limit stands in the way", () => {
  it.each(["7fffffff", "80000000", "fffffffc", "fffffffd", "ffffffff"])("a length of %s is refused", (length) => {
    const wire = `${length} 61626364`;
    expect(() => read(wire).string(0xffff_ffff)).toThrow(XdrError);
    expect(() => read(wire).opaque(0xffff_ffff)).toThrow(XdrError);
    expect(() => read(wire).chars(0xffff_ffff)).toThrow(XdrError);
    expect(() => read(wire).count(0xffff_ffff, 4)).toThrow(XdrError);
  });

  it("a refused length does not move the reader backwards", () => {
    const reader = read("7fffffff 61626364");
    expect(() => reader.opaque(0xffff_ffff)).toThrow("opaque needs 2147483648 bytes, 4 left at byte 4");
    expect(reader.position).toBe(4);
  });
});

describe("opaque", () => {
  it("is a copy, not a view", () => {
    const bytes = counted(hex("010203"));
    const got = new XdrReader(bytes).opaque(8);
    bytes.fill(9);
    expect(got).toEqual(hex("010203"));
    expect(got.buffer.byteLength).toBe(3);
  });

  it("is a plain Uint8Array also when the bytes are a Buffer", () => {
    const reader = new XdrReader(Buffer.from(concat(counted(hex("0102")), hex("03040506"))));
    expect(Object.getPrototypeOf(Uint8Array.from(reader.opaque(8)))).toBe(Uint8Array.prototype);
    expect(reader.fixedOpaque(4)).toEqual(new Uint8Array([3, 4, 5, 6]));
  });

  it("of fixed size has no length word, but padding", () => {
    const reader = read("0102030405ffffff 0000002a");
    expect(reader.fixedOpaque(5)).toEqual(hex("0102030405"));
    expect(reader.int()).toBe(42);
  });

  it("may be empty", () => {
    expect(read("00000000").opaque(0)).toEqual(new Uint8Array(0));
    expect(read("").fixedOpaque(0)).toEqual(new Uint8Array(0));
  });

  it("is refused at one byte over its limit", () => {
    expect(() => read("00000005 0102030405000000").opaque(4)).toThrow("opaque of 5 bytes exceeds 4 at byte 0");
  });
});

describe("char arrays", () => {
  it("take the low byte of each word, sign-extended or not", () => {
    expect(read("00000003 00000041 ffffff82 00000082").chars(8)).toEqual(hex("418282"));
    expect(read("12345660 ffffff82").fixedChars(2)).toEqual(hex("6082"));
  });

  it("need four bytes for each character", () => {
    expect(() => read("00000002 00000041 0000").chars(8)).toThrow("array of 2 items needs 8 bytes, 6 left at byte 0");
    expect(() => read("00000041").fixedChars(2)).toThrow("char array needs 8 bytes, 4 left at byte 0");
  });
});

describe("count", () => {
  it("is refused over its limit and over what the bytes can hold", () => {
    expect(() => read("00000004 00000000").count(3, 4)).toThrow("array of 4 items exceeds 3 at byte 0");
    expect(() => read("00000004 00000000").count(100, 4)).toThrow("array of 4 items needs 16 bytes, 4 left at byte 0");
    expect(read("00000001 00000000").count(1, 4)).toBe(1);
    expect(read("00000000").count(0, 4)).toBe(0);
  });
});

describe("the end of the bytes", () => {
  const reads: [string, (reader: XdrReader) => unknown][] = [
    ["int", (r) => r.int()],
    ["unsigned int", (r) => r.uint()],
    ["bool", (r) => r.bool()],
    ["char", (r) => r.char()],
    ["unsigned char", (r) => r.uchar()],
    ["short", (r) => r.short()],
    ["unsigned short", (r) => r.ushort()],
    ["optional mark", (r) => r.optional()],
    ["float", (r) => r.float()],
    ["double", (r) => r.double()],
    ["hyper", (r) => r.hyper()],
    ["unsigned hyper", (r) => r.uhyper()],
    ["opaque", (r) => r.fixedOpaque(4)],
    ["char array", (r) => r.fixedChars(1)],
  ];

  it.each(reads)("a cut %s names itself and its place", (name, method) => {
    const size = name.endsWith("hyper") || name === "double" ? 8 : 4;
    const reader = new XdrReader(new Uint8Array(4 + size - 1));
    reader.int();
    expect(() => method(reader)).toThrow(`${name} needs ${size} bytes, ${size - 1} left at byte 4`);
    expect(reader.position).toBe(4);
  });
});

describe("unknownCase", () => {
  it("names the union and points at the discriminant", () => {
    const reader = read("00000000 00000063");
    reader.int();
    reader.int();
    expect(() => reader.unknownCase("param_value", 99)).toThrow("param_value has no case 99 at byte 4");
  });
});

describe("where there is no Buffer", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  it("strings are cut the same way", async () => {
    vi.resetModules();
    vi.stubGlobal("Buffer", undefined);
    const { XdrReader: BrowserReader } = await import("../../src/xdr/reader.ts");
    const texts = ["", "a", "é", "x".repeat(4096), "y".repeat(4097), "z".repeat(70_000), "cut\0here", "last"];
    const reader = new BrowserReader(concat(hex("ffff"), ...texts.map((text) => counted(utf8(text)))), 2);
    const got = texts.map(() => reader.string(100_000));
    vi.unstubAllGlobals();
    expect(got).toEqual(texts.map((text) => text.replace(/\0.*/, "")));
  });
});
