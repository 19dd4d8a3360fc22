import { describe, expect, it } from "vitest";
import { padded, readInt32, readUint32, writeWord } from "../../src/xdr/words.ts";
import { hex, toHex } from "../helpers/bytes.ts";

describe("words", () => {
  it("are big-endian, at any place", () => {
    const bytes = new Uint8Array(6);
    writeWord(bytes, 1, 0x01020304);
    expect(toHex(bytes)).toBe("00010203 0400");
    expect(readInt32(hex("ff fffffffe"), 1)).toBe(-2);
    expect(readUint32(hex("ff fffffffe"), 1)).toBe(4_294_967_294);
  });

  it("take the low 32 bits of what is written", () => {
    const bytes = new Uint8Array(4);
    writeWord(bytes, 0, -1);
    expect(readUint32(bytes, 0)).toBe(4_294_967_295);
    writeWord(bytes, 0, 2 ** 32 + 5);
    expect(readUint32(bytes, 0)).toBe(5);
  });
});

describe("padded", () => {
  it.each([
    [0, 0],
    [1, 4],
    [3, 4],
    [4, 4],
    [5, 8],
    [2 ** 31 - 1, 2 ** 31],
    [2 ** 31, 2 ** 31],
    [2 ** 31 + 1, 2 ** 31 + 4],
    [2 ** 32 - 3, 2 ** 32],
    [2 ** 32 - 1, 2 ** 32],
  ])("of %i is %i", (size, total) => {
    expect(padded(size)).toBe(total);
  });
});
