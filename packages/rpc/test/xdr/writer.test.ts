import { describe, expect, it } from "vitest";
import { XdrError } from "../../src/xdr/error.ts";
import { XdrReader } from "../../src/xdr/reader.ts";
import { XdrWriter } from "../../src/xdr/writer.ts";
import { hex, toHex } from "../helpers/bytes.ts";

/** What `write` writes, in hexadecimal words; the bytes under it were not zero before. */
function wire(write: (writer: XdrWriter) => void): string {
  const writer = new XdrWriter(64);
  writer.bytes.fill(0xee);
  write(writer);
  return toHex(writer.written());
}

/** What a caller without type checking might pass. */
const wrong = (value: unknown): never => value as never;

describe("integers at their limits", () => {
  it.each([
    [0, "00000000"],
    [-0, "00000000"],
    [2_147_483_647, "7fffffff"],
    [-2_147_483_648, "80000000"],
    [-1, "ffffffff"],
  ])("int %i is %s", (value, bytes) => {
    expect(wire((w) => w.int(value))).toBe(bytes);
  });

  it.each([
    [0, "00000000"],
    [2_147_483_648, "80000000"],
    [4_294_967_295, "ffffffff"],
  ])("unsigned int %i is %s", (value, bytes) => {
    expect(wire((w) => w.uint(value))).toBe(bytes);
  });

  it.each([
    [0n, "00000000 00000000"],
    [-1n, "ffffffff ffffffff"],
    [4_294_967_296n, "00000001 00000000"],
    [-4_294_967_297n, "fffffffe ffffffff"],
    [9_007_199_254_740_991n, "001fffff ffffffff"],
    [-9_007_199_254_740_991n, "ffe00000 00000001"],
    [9_007_199_254_740_992n, "00200000 00000000"],
    [-9_007_199_254_740_993n, "ffdfffff ffffffff"],
    [9_223_372_036_854_775_807n, "7fffffff ffffffff"],
    [-9_223_372_036_854_775_808n, "80000000 00000000"],
  ])("hyper %s is %s", (value, bytes) => {
    expect(wire((w) => w.hyper(value))).toBe(bytes);
  });

  it.each([
    [0n, "00000000 00000000"],
    [9_007_199_254_740_993n, "00200000 00000001"],
    [18_446_744_073_709_551_615n, "ffffffff ffffffff"],
  ])("unsigned hyper %s is %s", (value, bytes) => {
    expect(wire((w) => w.uhyper(value))).toBe(bytes);
  });

  it("smaller integers take a whole word, signed ones sign-extended", () => {
    expect(wire((w) => w.char(-128))).toBe("ffffff80");
    expect(wire((w) => w.char(127))).toBe("0000007f");
    expect(wire((w) => w.char(128))).toBe("ffffff80");
    expect(wire((w) => w.char(255))).toBe("ffffffff");
    expect(wire((w) => w.uchar(255))).toBe("000000ff");
    expect(wire((w) => w.short(-32_768))).toBe("ffff8000");
    expect(wire((w) => w.short(32_767))).toBe("00007fff");
    expect(wire((w) => w.ushort(65_535))).toBe("0000ffff");
  });

  it.each<[string, (w: XdrWriter) => void]>([
    ["int above", (w) => w.int(2_147_483_648)],
    ["int below", (w) => w.int(-2_147_483_649)],
    ["int and a half", (w) => w.int(0.5)],
    ["int that is no number", (w) => w.int(Number.NaN)],
    ["int without end", (w) => w.int(Number.POSITIVE_INFINITY)],
    ["unsigned int above", (w) => w.uint(4_294_967_296)],
    ["unsigned int below", (w) => w.uint(-1)],
    ["hyper above", (w) => w.hyper(9_223_372_036_854_775_808n)],
    ["hyper below", (w) => w.hyper(-9_223_372_036_854_775_809n)],
    ["unsigned hyper above", (w) => w.uhyper(18_446_744_073_709_551_616n)],
    ["unsigned hyper below", (w) => w.uhyper(-1n)],
    ["hyper far above", (w) => w.hyper(2n ** 1100n)],
    ["char above", (w) => w.char(256)],
    ["char below", (w) => w.char(-129)],
    ["unsigned char above", (w) => w.uchar(256)],
    ["unsigned char below", (w) => w.uchar(-1)],
    ["short above", (w) => w.short(32_768)],
    ["short below", (w) => w.short(-32_769)],
    ["unsigned short above", (w) => w.ushort(65_536)],
    ["unsigned short below", (w) => w.ushort(-1)],
  ])("%s is out of range and writes nothing", (_, write) => {
    const writer = new XdrWriter();
    expect(() => write(writer)).toThrow(RangeError);
    expect(writer.position).toBe(0);
  });

  const methods = ["int", "uint", "char", "uchar", "short", "ushort", "hyper", "uhyper", "float", "double"] as const;

  it.each(methods)("nothing but a number is a number for %s", (method) => {
    const writer = new XdrWriter();
    for (const value of [undefined, null, "5", true, {}, [5], Symbol("five")]) {
      expect(() => writer[method](wrong(value))).toThrow(TypeError);
    }
    expect(writer.position).toBe(0);
  });

  it("a number is no hyper and a bigint no int", () => {
    expect(() => new XdrWriter().hyper(wrong(5))).toThrow(TypeError);
    expect(() => new XdrWriter().uhyper(wrong(5))).toThrow(TypeError);
    expect(() => new XdrWriter().int(wrong(5n))).toThrow(TypeError);
    expect(() => new XdrWriter().double(wrong(5n))).toThrow(TypeError);
  });
});

describe("bool, optional and floating point", () => {
  it("marks are 1 and 0", () => {
    expect(wire((w) => w.bool(true))).toBe("00000001");
    expect(wire((w) => w.bool(false))).toBe("00000000");
    expect(wire((w) => w.optional(true))).toBe("00000001");
    expect(wire((w) => w.optional(false))).toBe("00000000");
  });

  it.each([
    [-2.5, "c0200000"],
    [Number.NaN, "7fc00000"],
    [Number.NEGATIVE_INFINITY, "ff800000"],
    [-0, "80000000"],
  ])("float %d is %s", (value, bytes) => {
    expect(wire((w) => w.float(value))).toBe(bytes);
  });

  it.each([
    [Math.PI, "400921fb 54442d18"],
    [Number.MIN_VALUE, "00000000 00000001"],
    [-0, "80000000 00000000"],
  ])("double %d is %s", (value, bytes) => {
    expect(wire((w) => w.double(value))).toBe(bytes);
  });

  it("doubles go to the right place after the array has grown", () => {
    const writer = new XdrWriter(8);
    for (let i = 0; i < 100; i++) writer.double(i);
    const reader = new XdrReader(writer.written());
    expect(Array.from({ length: 100 }, () => reader.double())).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });
});

describe("string", () => {
  it.each([
    ["", "00000000"],
    ["a", "00000001 61000000"],
    ["ab", "00000002 61620000"],
    ["abc", "00000003 61626300"],
    ["abcd", "00000004 61626364"],
    ["abcde", "00000005 61626364 65000000"],
    ["sillyprog", "00000009 73696c6c 7970726f 67000000"],
    ["é", "00000002 c3a90000"],
    ["é€", "00000005 c3a9e282 ac000000"],
    ["😀", "00000004 f09f9880"],
    ["\u{feff}", "00000003 efbbbf00"],
    ["\u{d83d}", "00000003 efbfbd00"],
    ["\u{de00}x", "00000004 efbfbd78"],
  ])("%j is %s, padded with zeros", (text, bytes) => {
    expect(wire((w) => w.string(text, 255))).toBe(bytes);
  });

  it.each([126, 127, 128, 129, 130, 131, 132, 1000])(
    "of %i characters is the same on the short and the long path",
    (length) => {
      for (const tail of ["", "é", "€", "😀", "\u{d800}", "\u{d800}é"]) {
        const text = "a".repeat(length - tail.length) + tail;
        const writer = new XdrWriter(16);
        writer.string(text, 10_000);
        writer.int(42);
        const expected = new TextEncoder().encode(text);
        const reader = new XdrReader(writer.written());
        expect(reader.opaque(10_000)).toEqual(expected);
        expect(reader.int()).toBe(42);
      }
    },
  );

  it.each([1, 2, 3, 5, 127, 128, 129, 4096])(
    "of %i three-byte characters outgrows its first reservation unharmed",
    (length) => {
      const text = "€".repeat(length);
      const writer = new XdrWriter(8);
      writer.string(text, 100_000);
      expect(writer.position).toBe(4 + Math.ceil((length * 3) / 4) * 4);
      expect(new XdrReader(writer.written()).string(100_000)).toBe(text);
    },
  );

  it("a surrogate pair on the border of the first reservation stays one character", () => {
    for (let lead = 0; lead < 16; lead++) {
      const text = `${"é".repeat(lead)}😀${"é".repeat(5)}`;
      const writer = new XdrWriter(8);
      writer.string(text, 1000);
      expect(new XdrReader(writer.written()).string(1000)).toBe(text);
    }
  });

  it.each([
    ["abcde", 4],
    ["ab€", 4],
    ["aaaaé", 5],
    ["é", 1],
    ["€", 2],
    ["x".repeat(129), 128],
    [`${"x".repeat(128)}é`, 129],
  ])("%j has more than the %i bytes it may have", (text, max) => {
    const writer = new XdrWriter();
    expect(() => writer.string(text, max)).toThrow(RangeError);
    expect(() => writer.string(text, max)).toThrow(`exceeds ${max}`);
  });

  it("is refused at 4194305 bytes, not at 4194304", () => {
    const writer = new XdrWriter();
    writer.string("x".repeat(4_194_304), 4_194_304);
    expect(writer.position).toBe(4 + 4_194_304);
    expect(() => writer.string("x".repeat(4_194_305), 4_194_304)).toThrow(
      new RangeError("string of 4194305 bytes exceeds 4194304"),
    );
    expect(() => writer.string(`${"x".repeat(4_194_303)}é`, 4_194_304)).toThrow(RangeError);
  });

  it("must not hold a NUL, short or long", () => {
    expect(() => new XdrWriter().string("a\0b", 16)).toThrow(RangeError);
    expect(() => new XdrWriter().string(`${"a".repeat(500)}\0`, 1000)).toThrow(RangeError);
    expect(() => new XdrWriter().string("é\0", 16)).toThrow(RangeError);
  });

  it.each([undefined, null, 5, ["a"], new String("a")])("%s is no string", (value) => {
    expect(() => new XdrWriter().string(wrong(value), 16)).toThrow(TypeError);
  });
});

describe("opaque", () => {
  it("is padded with zeros", () => {
    expect(wire((w) => w.opaque(hex("0102030405"), 5))).toBe("00000005 01020304 05000000");
    expect(wire((w) => w.opaque(hex(""), 0))).toBe("00000000");
    expect(wire((w) => w.fixedOpaque(hex("010203"), 3))).toBe("01020300");
  });

  it("obeys its limit and its size exactly", () => {
    expect(() => new XdrWriter().opaque(hex("010203"), 2)).toThrow(new RangeError("opaque of 3 bytes exceeds 2"));
    expect(() => new XdrWriter().fixedOpaque(hex("0102"), 3)).toThrow(RangeError);
    expect(() => new XdrWriter().fixedOpaque(hex("01020304"), 3)).toThrow(RangeError);
  });

  it("takes a view of the middle of a buffer", () => {
    expect(wire((w) => w.opaque(hex("ff0102ff").subarray(1, 3), 4))).toBe("00000002 01020000");
  });
});

describe("char arrays", () => {
  it("are one word per character, sign-extended", () => {
    expect(wire((w) => w.chars(hex("6082"), 4))).toBe("00000002 00000060 ffffff82");
    expect(wire((w) => w.fixedChars(hex("7f80ff"), 3))).toBe("0000007f ffffff80 ffffffff");
  });

  it("of fixed size are filled with zeros and never longer", () => {
    expect(wire((w) => w.fixedChars(hex("41"), 3))).toBe("00000041 00000000 00000000");
    expect(() => new XdrWriter().fixedChars(hex("414243"), 2)).toThrow(RangeError);
    expect(() => new XdrWriter().chars(hex("414243"), 2)).toThrow(RangeError);
  });
});

describe("counts and cases", () => {
  it("a count over its limit is out of range", () => {
    expect(wire((w) => w.count(3, 3))).toBe("00000003");
    expect(() => new XdrWriter().count(4, 3)).toThrow(new RangeError("array of 4 items exceeds 3"));
  });

  it("a fixed array has exactly its size", () => {
    expect(() => new XdrWriter().fixedCount(3, 3)).not.toThrow();
    expect(() => new XdrWriter().fixedCount(2, 3)).toThrow(RangeError);
    expect(() => new XdrWriter().fixedCount(4, 3)).toThrow(RangeError);
  });

  it("a discriminant without an arm names its union", () => {
    expect(() => new XdrWriter().unknownCase("param_value", 99)).toThrow(new TypeError("param_value has no case 99"));
  });
});

describe("growth", () => {
  it("doubles, and keeps what was written", () => {
    const writer = new XdrWriter(8);
    const sizes = new Set<number>();
    for (let i = 0; i < 100; i++) {
      writer.uint(i);
      sizes.add(writer.bytes.length);
    }
    expect([...sizes]).toEqual([8, 16, 32, 64, 128, 256, 512]);
    const reader = new XdrReader(writer.written());
    expect(Array.from({ length: 100 }, () => reader.uint())).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  it("starts from nothing", () => {
    const writer = new XdrWriter(0);
    writer.int(7);
    expect(toHex(writer.written())).toBe("00000007");
  });

  it("makes room for one large item at once", () => {
    const writer = new XdrWriter(8);
    writer.raw(new Uint8Array(1000).fill(1));
    expect(writer.position).toBe(1000);
    expect(writer.bytes.length).toBe(1000);
  });

  it("stops at the limit, at the exact byte, and writes nothing beyond", () => {
    const writer = new XdrWriter(8, 12);
    writer.hyper(1n);
    writer.int(2);
    expect(() => writer.int(3)).toThrow(XdrError);
    expect(() => writer.raw(new Uint8Array(1))).toThrow("13 bytes exceed the limit of 12 at byte 12");
    expect(writer.position).toBe(12);
    expect(writer.bytes.length).toBe(12);
  });

  it("obeys a limit below what it has room for", () => {
    const writer = new XdrWriter(1024);
    writer.bound(4);
    writer.int(1);
    expect(() => writer.int(2)).toThrow(XdrError);
  });

  it("a string that its encoding makes too long for the limit is refused", () => {
    const writer = new XdrWriter(8, 16);
    expect(() => writer.string("€€€€€€", 100)).toThrow(XdrError);
  });
});
