import { describe, expect, it } from "vitest";
import { lineText, openSource, placeOf } from "../src/source.ts";

describe("placeOf", () => {
  const source = openSource("t.x", "ab\ncd\n\ne");

  it.each([
    [0, 1, 1],
    [2, 1, 3],
    [3, 2, 1],
    [6, 3, 1],
    [7, 4, 1],
    [8, 4, 2],
  ])("offset %i is line %i, column %i", (offset, line, column) => {
    expect(placeOf(source, offset)).toEqual({ line, column });
  });

  it("knows the end of an empty file", () => {
    expect(placeOf(openSource("t.x", ""), 0)).toEqual({ line: 1, column: 1 });
  });
});

describe("lineText", () => {
  it("leaves either kind of line end out", () => {
    const source = openSource("t.x", "one\r\ntwo\nthree");
    expect([1, 2, 3].map((line) => lineText(source, line))).toEqual(["one", "two", "three"]);
  });

  it("is empty beyond the last line", () => {
    expect(lineText(openSource("t.x", "one"), 2)).toBe("");
  });
});
