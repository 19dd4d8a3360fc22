import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DnsFormatError, decodeName, encodeName, joinName, splitName } from "../../../src/mdns/dns/name.ts";

const label = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
  .filter((text) => new TextEncoder().encode(text).length <= 60);

describe("names", () => {
  it("have labels with dots, spaces and backslashes in them", () => {
    expect(splitName(String.raw`a\.b\\ c._x._tcp.local.`)).toEqual([String.raw`a.b\ c`, "_x", "_tcp", "local"]);
    expect(joinName(["a.b", "_x"])).toBe(String.raw`a\.b._x`);
    expect(splitName(String.raw`Caf\195\169.local`)).toEqual(["Café", "local"]);
    expect(splitName("a\\")).toEqual(["a\\"]);
  });

  it("come back from text and from the wire", () => {
    fc.assert(
      fc.property(fc.array(label, { maxLength: 3 }), (labels) => {
        const text = joinName(labels);
        expect(splitName(text)).toEqual(labels);
        const bytes = encodeName(text);
        expect(decodeName(bytes, 0)).toEqual({ name: text, end: bytes.length });
      }),
    );
  });

  it("of 255 bytes and labels of 63 fit, and not one byte more", () => {
    const full = [63, 63, 63, 61].map((length) => "x".repeat(length)).join(".");
    expect(encodeName(full)).toHaveLength(255);
    expect(() => encodeName(`${full}x`)).toThrow(RangeError);
    expect(() => encodeName("x".repeat(64))).toThrow(RangeError);
    expect(() => decodeName(Uint8Array.from([64, ...Array<number>(65).fill(120), 0]), 0)).toThrow(DnsFormatError);
  });

  it("follow pointers backwards", () => {
    const packet = Uint8Array.from([1, 97, 0, 1, 98, 0xc0, 0, 9]);
    expect(decodeName(packet, 3)).toEqual({ name: "b.a", end: 7 });
  });

  it.each([
    ["itself", [0xc0, 0]],
    ["a later place", [0xc0, 2, 0]],
    ["each other", [0xc0, 2, 0xc0, 0]],
    ["itself behind a label", [1, 97, 0xc0, 0]],
    ["nowhere", [0xc0]],
    ["beyond the end", [5, 97]],
  ])("never follow a pointer to %s", (_, bytes) => {
    expect(() => decodeName(Uint8Array.from(bytes), bytes.length > 3 && bytes[0] === 0xc0 ? 2 : 0)).toThrow(
      DnsFormatError,
    );
  });

  it("that are no UTF-8 are refused, so that what was read can be written", () => {
    expect(() => decodeName(Uint8Array.of(1, 0xff, 0), 0)).toThrow("no UTF-8");
  });

  it("survive any text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => void splitName(text)));
    expect(splitName("\\195".repeat(50_000)).length).toBe(1);
  });
});
