import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { XdrError } from "../../src/xdr/error.ts";
import { XdrReader } from "../../src/xdr/reader.ts";
import { decodeXdr, encodeInto, encodeXdr, type XdrType, XdrVoid } from "../../src/xdr/type.ts";
import { XdrWriter } from "../../src/xdr/writer.ts";
import { concat, hex, toHex } from "../helpers/bytes.ts";
import { Animal, cat, Zoo } from "../helpers/menagerie.ts";
import { classOf, thrownBy } from "../helpers/thrown.ts";

/** `struct file` of RFC 4506 §7, with its union. */
interface File {
  filename: string;
  type: { kind: 0 } | { kind: 1; creator: string } | { kind: 2; interpreter: string };
  owner: string;
  data: Uint8Array;
}

const File: XdrType<File> = {
  encode(writer, value) {
    writer.string(value.filename, 255);
    writer.int(value.type.kind);
    if (value.type.kind === 1) writer.string(value.type.creator, 255);
    if (value.type.kind === 2) writer.string(value.type.interpreter, 255);
    writer.string(value.owner, 32);
    writer.opaque(value.data, 65_535);
  },
  decode(reader) {
    const filename = reader.string(255);
    const kind = reader.int();
    let type: File["type"] = { kind: 0 };
    if (kind === 1) type = { kind, creator: reader.string(255) };
    if (kind === 2) type = { kind, interpreter: reader.string(255) };
    return { filename, type, owner: reader.string(32), data: reader.opaque(65_535) };
  },
};

describe("the worked example of RFC 4506 §7", () => {
  const wire = [
    "00000009 73696c6c 7970726f 67000000",
    "00000002 00000004 6c697370",
    "00000004 6a6f686e",
    "00000006 28717569 74290000",
  ].join(" ");
  const file: File = {
    filename: "sillyprog",
    type: { kind: 2, interpreter: "lisp" },
    owner: "john",
    data: new TextEncoder().encode("(quit)"),
  };

  it("is written byte for byte", () => {
    expect(toHex(encodeXdr(File, file))).toBe(wire);
  });

  it("is read back", () => {
    expect(decodeXdr(File, hex(wire))).toEqual(file);
  });
});

describe("encodeXdr", () => {
  it("gives an array of its own, of exactly the value's size", () => {
    const bytes = encodeXdr(Animal, cat);
    expect(bytes.byteOffset).toBe(0);
    expect(bytes.buffer.byteLength).toBe(bytes.length);
  });

  it("writes nothing for void", () => {
    expect(encodeXdr(XdrVoid, undefined)).toEqual(new Uint8Array(0));
    expect(decodeXdr(XdrVoid, hex("01020304"))).toBeUndefined();
  });
});

describe("encodeInto", () => {
  it("leaves the writer as it was when the value can't be encoded", () => {
    const writer = new XdrWriter(8);
    writer.int(7);
    expect(() => encodeInto(writer, Animal, { ...cat, tags: ["x".repeat(17)] }, "animal")).toThrow(RangeError);
    expect(toHex(writer.written())).toBe("00000007");
    writer.int(8);
    expect(toHex(writer.written())).toBe("00000007 00000008");
  });
});

describe("decodeXdr", () => {
  it("ignores bytes left over", () => {
    expect(decodeXdr(Animal, concat(encodeXdr(Animal, cat), hex("ffffffff ff")))).toEqual(cat);
  });

  it("reads only within the range it is given", () => {
    const bytes = encodeXdr(Animal, cat);
    const framed = concat(hex("ffffff"), bytes, hex("ffffffff"));
    expect(decodeXdr(Animal, framed, "animal", 3, 3 + bytes.length)).toEqual(cat);
    expect(() => decodeXdr(Animal, framed, "animal", 3, 2 + bytes.length)).toThrow(XdrError);
  });

  it("shares no memory with the bytes, which are only lent", () => {
    const bytes = encodeXdr(Animal, cat);
    const got = decodeXdr(Animal, Buffer.from(bytes.buffer));
    bytes.fill(0xff);
    expect(got).toEqual(cat);
  });

  it("passes on what a codec throws that is no XdrError", () => {
    const failing: XdrType<never> = {
      encode() {},
      decode() {
        throw new SyntaxError("mine");
      },
    };
    expect(() => decodeXdr(failing, hex(""))).toThrow(SyntaxError);
  });
});

const text = (max: number): fc.Arbitrary<string> =>
  fc
    .string({ unit: "binary", maxLength: max })
    .filter((s) => !s.includes("\0") && new TextEncoder().encode(s).length <= max);
const bytesUpTo = (max: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength: max });

const animals: fc.Arbitrary<Animal> = fc.record({
  name: text(64),
  legs: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  wild: fc.boolean(),
  weight: fc.double(),
  born: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  dna: bytesUpTo(256),
  chip: fc.uint8Array({ minLength: 6, maxLength: 6 }),
  label: bytesUpTo(16),
  owner: fc.option(fc.record({ name: text(32), age: fc.integer({ min: 0, max: 2 ** 32 - 1 }) })),
  tags: fc.array(text(16), { maxLength: 8 }),
  diet: fc.oneof(
    fc.record({ kind: fc.constant(1 as const), grams: fc.integer({ min: 0, max: 65_535 }) }),
    fc.record({ kind: fc.constant(2 as const), plant: text(32) }),
  ),
});

const zoos: fc.Arbitrary<Zoo> = fc.record({
  pens: fc.array(fc.record({ animals: fc.array(animals, { maxLength: 4 }) }), { maxLength: 4 }),
});

describe("for any value", () => {
  it("what is encoded decodes to the same", () => {
    fc.assert(
      fc.property(zoos, (zoo) => {
        const bytes = encodeXdr(Zoo, zoo);
        expect(bytes.length % 4).toBe(0);
        expect(decodeXdr(Zoo, bytes)).toEqual(zoo);
      }),
    );
  });

  it("the bytes do not depend on how the writer grew", () => {
    fc.assert(
      fc.property(zoos, fc.integer({ min: 0, max: 64 }), (zoo, size) => {
        const writer = new XdrWriter(size);
        Zoo.encode(writer, zoo);
        expect(toHex(writer.written())).toBe(toHex(encodeXdr(Zoo, zoo)));
      }),
    );
  });

  it("every proper beginning of its bytes is refused with an XdrError", () => {
    fc.assert(
      fc.property(animals, (animal) => {
        const bytes = encodeXdr(Animal, animal);
        for (let end = 0; end < bytes.length; end++) {
          expect(() => decodeXdr(Animal, bytes.subarray(0, end))).toThrow(XdrError);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("a flipped byte gives another value or an XdrError, and nothing else", () => {
    fc.assert(
      fc.property(zoos, fc.nat(), fc.integer({ min: 1, max: 255 }), (zoo, at, flip) => {
        const bytes = encodeXdr(Zoo, zoo);
        const place = at % bytes.length;
        bytes[place] = (bytes[place] ?? 0) ^ flip;
        expectValueOrXdrError(Zoo, bytes);
      }),
      { numRuns: 500 },
    );
  });
});

function expectValueOrXdrError<T>(type: XdrType<T>, bytes: Uint8Array): void {
  expect([undefined, XdrError]).toContain(classOf(thrownBy(() => decodeXdr(type, bytes))));
}

describe("random bytes", () => {
  it("throw nothing but XdrError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expectValueOrXdrError(Zoo, bytes);
        expectValueOrXdrError(Animal, bytes);
        expectValueOrXdrError(File, bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it("make no more items than the bytes could hold, whatever they announce", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.integer({ min: 1, max: 64 }), (bytes, itemSize) => {
        let items = 0;
        const thrown = thrownBy(() => {
          items = new XdrReader(bytes).count(0xffff_ffff, itemSize);
        });
        expect([undefined, XdrError]).toContain(classOf(thrown));
        expect(items * itemSize).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });

  it("announcing gigabytes allocate none of them", () => {
    const announced = hex("7ffffff0 00000000");
    const before = process.memoryUsage();
    for (let i = 0; i < 1000; i++) {
      const reader = (): XdrReader => new XdrReader(announced);
      expect(() => reader().opaque(0xffff_ffff)).toThrow(XdrError);
      expect(() => reader().string(0xffff_ffff)).toThrow(XdrError);
      expect(() => reader().chars(0xffff_ffff)).toThrow(XdrError);
      expect(() => reader().count(0xffff_ffff, 4)).toThrow(XdrError);
    }
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(1_000_000);
  });
});
