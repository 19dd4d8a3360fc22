import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readText, textStrings } from "../../src/mdns/txt.ts";

const key = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 9,
});
const keys = key.filter((text) => !text.includes("=") && text !== "__proto__");

describe("texts", () => {
  it("come back as they went, whatever their values hold", () => {
    const value = fc.oneof(fc.constant(true as const), fc.string({ unit: "grapheme", maxLength: 20 }));
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(keys, value), { selector: ([name]) => name.toLowerCase(), maxLength: 8 }),
        (pairs) => {
          const text = Object.fromEntries(pairs);
          expect(readText(textStrings(text))).toEqual(text);
        },
      ),
    );
  });

  it("take 255 bytes each, and 1300 together", () => {
    expect(textStrings({ k: "v".repeat(253) })).toHaveLength(1);
    expect(() => textStrings({ k: "v".repeat(254) })).toThrow("text k of a service takes 256 bytes");
    const many = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`k${i}`, "v".repeat(240)]));
    expect(() => textStrings(many)).toThrow(RangeError);
  });

  it.each(["", "a=b", "é", "a\tb"])("refuse the key %j", (name) => {
    expect(() => textStrings({ [name]: "x" })).toThrow(RangeError);
  });

  it("are read as RFC 6763 §6.4 says: no key is nothing, the first of a key counts, whatever its case", () => {
    const strings = ["=x", "a=1", "A=2", "flag", "empty=", "__proto__=1"].map((text) => new TextEncoder().encode(text));
    const found = readText(strings);
    expect(Object.entries(found)).toEqual([
      ["a", "1"],
      ["flag", true],
      ["empty", ""],
      ["__proto__", "1"],
    ]);
    expect(Object.getPrototypeOf(found)).toBe(Object.prototype);
  });

  it("of a peer are at most 256, and any bytes are text", () => {
    const strings = Array.from({ length: 1000 }, (_, i) => new TextEncoder().encode(`k${i}=1`));
    expect(Object.keys(readText(strings))).toHaveLength(256);
    expect(readText([Uint8Array.of(0x61, 0x3d, 0xff)])).toEqual({ a: "\uFFFD" });
  });
});
