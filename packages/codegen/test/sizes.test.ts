import { describe, expect, it } from "vitest";
import { analyze } from "../src/compile.ts";
import { emitted } from "./helpers/compiling.ts";

/** The least size of a type, as generated code checks it for the items of an array. */
function leastSizeOf(definitions: string, item: string): number {
  const text = emitted(`${definitions}\nstruct probe_s { ${item} probe<>; };`);
  return Number(/probe_?: .*\n.*reader\.count\(4294967295, (\d+)\)/.exec(text)?.[1]);
}

describe("the least size of an item", () => {
  it.each([
    ["int", 4],
    ["unsigned", 4],
    ["hyper", 8],
    ["unsigned hyper", 8],
    ["float", 4],
    ["double", 8],
    ["bool", 4],
    ["short", 4],
    ["unsigned char", 4],
    ["colour", 4],
    ["text", 4],
    ["bytes", 4],
    ["five", 8],
    ["maybe", 4],
    ["numbers", 4],
    ["pair", 16],
    ["chars", 12],
    ["some_chars", 4],
    ["both", 24],
    ["either", 4],
    ["big_either", 12],
  ])("of %s is %i", (type, size) => {
    const definitions = `
      enum colour { RED = 1 };
      typedef string text<9>;
      typedef opaque bytes<>;
      typedef opaque five[5];
      typedef double *maybe;
      typedef double numbers<>;
      typedef hyper pair[2];
      typedef char chars[3];
      typedef char some_chars<3>;
      struct both { five a; pair b; };
      union either switch (int t) { case 1: hyper h; default: void; };
      union big_either switch (int t) { case 1: hyper h; case 2: pair p; };`;
    expect(leastSizeOf(definitions, type)).toBe(size);
  });
});

it("is bounded by what a message can hold", () => {
  const { diagnostics } = analyze({
    "t.x": "struct a { hyper x[4294967295]; };\nstruct b { a x[4294967295]; };\ntypedef b c[4294967295];",
  });
  expect(diagnostics.map(({ line, message }) => [line, message])).toEqual([
    [1, "a takes more bytes than a message can hold"],
    [2, "b takes more bytes than a message can hold"],
  ]);
});
