import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { XdrError } from "virnet";
import { decodeXdr, encodeXdr, type XdrType } from "virnet/xdr";
import { describe, expect, expectTypeOf, it } from "vitest";
import { analyze } from "../src/compile.ts";
import { typeName } from "../src/emit/names.ts";
import * as all from "./fixtures/gen/all-types.ts";
import { Echo, EchoSayArgs, EchoSayRet, EchoTick, EchoTickMsg, EchoUploadArgs } from "./fixtures/gen/echo.ts";
import { valuesOf } from "./helpers/values.ts";

const text = readFileSync(new URL("fixtures/all-types.x", import.meta.url), "utf8");
const { spec = { modules: [] } } = analyze({ "all-types.x": text });
const codecs = spec.modules[0]?.items.filter((item) => item.kind !== "const" && item.kind !== "enum") ?? [];

function hex(encoded: Uint8Array): string {
  return Buffer.from(encoded)
    .toString("hex")
    .replace(/.{8}(?=.)/g, "$& ");
}

function bytes(digits: string): Uint8Array {
  return Uint8Array.from(Buffer.from(digits.replaceAll(" ", ""), "hex"));
}

function faultOf(action: () => unknown): unknown {
  try {
    action();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("what is decoded is what was encoded", () => {
  it.each(codecs.map(({ name }) => name))("%s", (name) => {
    const type = (all as unknown as Record<string, XdrType<unknown>>)[typeName(name)];
    if (type === undefined) throw new Error(`no codec for ${name}`);
    fc.assert(
      fc.property(valuesOf(name, spec), (value) => {
        const encoded = encodeXdr(type, value);
        expect(encoded.length % 4).toBe(0);
        expect(decodeXdr(type, encoded)).toEqual(value);
      }),
    );
  });
});

describe("on the wire", () => {
  it.each<[string, XdrType<unknown>, unknown, string]>([
    ["a row of two", all.Row, [1n, 2n], "00000000 00000001 00000000 00000002"],
    ["a counted array of rows", all.Matrix, [[1n, 2n]], "00000001 00000000 00000001 00000000 00000002"],
    ["an absent matrix", all.MaybeMatrix, null, "00000000"],
    ["an empty matrix", all.MaybeMatrix, [], "00000001 00000000"],
    ["a short text", all.ShortText, "abc", "00000003 61626300"],
    ["a maybe that is there", all.MaybeText, "a", "00000001 00000001 61000000"],
    ["fixed bytes with padding", all.FixedBytes, bytes("0102030405"), "01020304 05000000"],
    ["characters of four bytes", all.SomeChars, bytes("01ff"), "00000002 00000001 ffffffff"],
    ["four of them, filled up", all.FourChars, bytes("01"), "00000001 00000000 00000000 00000000"],
    ["a number in a union", all.ByInt, { type: 2, number: 7 }, "00000002 00000007"],
    ["a negative case", all.ByInt, { type: -7, words: "" }, "fffffff9 00000000"],
    ["a void arm", all.ByInt, { type: 4 }, "00000004"],
    ["an array in a union", all.ByInt, { type: 5, holders: [] }, "00000005 00000000"],
    ["an unsigned case", all.ByUnsigned, { kind: 4_000_000_000, big: -1n }, "ee6b2800 ffffffff ffffffff"],
    ["a default", all.ByUnsigned, { kind: 1, other: "" }, "00000001 00000000"],
    ["true", all.ByBool, { present: true, value: 1 }, "00000001 00000001"],
    ["false", all.ByBool, { present: false }, "00000000"],
    ["a default of a bool", all.ByBoolDefault, { present: true, items: [3] }, "00000001 00000001 00000003"],
    ["an enum's arm", all.ByEnum, { shade: 0, red: 5 }, "00000000 00000005"],
    ["an enum's void default", all.ByEnum, { shade: 16 }, "00000010"],
    ["another type's name", all.ColourAlias, -3, "fffffffd"],
  ])("%s", (_, type, value, expected) => {
    expect(hex(encodeXdr(type, value))).toBe(expected);
    const decoded: unknown = decodeXdr(type, bytes(expected));
    expect(hex(encodeXdr(type, decoded))).toBe(expected);
  });
});

describe("bytes that are not the type", () => {
  it.each<[string, XdrType<unknown>, string, string]>([
    ["a count beyond its limit", EchoSayRet, "00000011", "array of 17 items exceeds 16 at byte 0 of ret.lines"],
    [
      "a count beyond the bytes",
      EchoSayRet,
      "00000010",
      "array of 16 items needs 64 bytes, 0 left at byte 0 of ret.lines",
    ],
    ["an item", EchoSayRet, "00000001 00010001", "string of 65537 bytes exceeds 65536 at byte 4 of ret.lines[0]"],
    ["a case that is none", all.AllCallArgs, "00000009", "by_int has no case 9 at byte 0 of ret.value"],
    [
      "an array in a union",
      all.AllCallArgs,
      "00000005 00000004",
      "array of 4 items exceeds 3 at byte 4 of ret.value.holders",
    ],
    ["the end in the middle", all.ByEnum, "00000001 0000", "bool needs 4 bytes, 2 left at byte 4 of ret.green"],
  ])("%s", (_, type, encoded, message) => {
    expect(() => decodeXdr(type, bytes(encoded), "ret")).toThrow(XdrError);
    expect(() => decodeXdr(type, bytes(encoded), "ret")).toThrow(message);
  });

  it("never throw anything but XdrError", () => {
    const types = codecs.map(({ name }) => (all as unknown as Record<string, XdrType<unknown>>)[typeName(name)]);
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.uint8Array({ maxLength: 200 }), (type, encoded) => {
        expect(faultOf(() => type !== undefined && decodeXdr(type, encoded))).toSatisfy(
          (fault) => fault === undefined || fault instanceof XdrError,
        );
      }),
      { numRuns: 2000 },
    );
  });
});

describe("values that are not the type", () => {
  it.each<[string, XdrType<unknown>, unknown, string]>([
    [
      "an array too long",
      EchoSayRet,
      { lines: Array<string>(17).fill("") },
      "args.lines: array of 17 items exceeds 16",
    ],
    ["an array not as long as it must be", all.Row, [1n], "args: array of 1 items, expected exactly 2"],
    ["a case that is none", all.AllCallArgs, { value: { type: 9 } }, "args.value.type: by_int has no case 9"],
    ["a boolean that is none", all.ByBool, { present: 1 }, "args.present: by_bool has no case 1"],
    ["a field that is missing", EchoSayArgs, { text: "a" }, "args.repeat: undefined is not a number for unsigned int"],
  ])("%s", (_, type, value, message) => {
    expect(() => encodeXdr(type, value, "args")).toThrow(message);
  });
});

describe("programs", () => {
  it("list their calls but not their events", () => {
    expect(Echo).toEqual({
      name: "ECHO",
      number: 0x20170805,
      version: 1,
      procedures: {
        say: { number: 1, name: "ECHO_PROC_SAY", args: EchoSayArgs, ret: EchoSayRet, stream: null, priority: "high" },
        upload: {
          number: 2,
          name: "ECHO_PROC_UPLOAD",
          args: EchoUploadArgs,
          ret: expect.anything(),
          stream: "write",
          priority: "low",
        },
        watch: {
          number: 3,
          name: "ECHO_PROC_WATCH",
          args: expect.anything(),
          ret: expect.anything(),
          stream: null,
          priority: "low",
        },
      },
    });
    expect(EchoTick).toEqual({ program: Echo, number: 4, name: "ECHO_PROC_TICK", payload: EchoTickMsg });
  });
});

describe("types", () => {
  it("are as exact as XDR is", () => {
    expectTypeOf<EchoSayArgs>().toEqualTypeOf<{ text: string; repeat: number }>();
    expectTypeOf<EchoTickMsg>().toEqualTypeOf<{ count: bigint }>();
    expectTypeOf<all.MaybeText>().toEqualTypeOf<string | null>();
    expectTypeOf<all.ByBool>().toEqualTypeOf<{ present: true; value: number } | { present: false }>();
    expectTypeOf<all.Colour>().toEqualTypeOf<0 | 1 | 16>();
    expectTypeOf<all.Scalars["e"]>().toEqualTypeOf<number>();
  });
});
