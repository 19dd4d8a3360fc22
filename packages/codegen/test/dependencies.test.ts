import { describe, expect, it } from "vitest";
import { complaints } from "./helpers/compiling.ts";

function chain(last: string): string {
  const structs = Array.from({ length: 5000 }, (_, i) => `struct s${i} { ${i === 4999 ? last : `s${i + 1}`} x; };`);
  return structs.join("\n");
}

describe("types that contain themselves", () => {
  it.each([
    [
      "a list by pointer",
      "struct entry {\n  int x;\n  entry *next;\n};",
      [
        "t.x:3:10: error: entry contains itself",
        "  3 |   entry *next;",
        "    |          ^^^^",
        "  hint: a list is an array: struct NAME list<>; values that hold themselves are not supported",
      ],
    ],
    [
      "two structs",
      "struct a { b x; };\nstruct b { a y; };",
      [
        "t.x:1:14: error: a contains itself, through b",
        "  1 | struct a { b x; };",
        "    |              ^",
        "  hint: a list is an array: struct NAME list<>; values that hold themselves are not supported",
      ],
    ],
    [
      "a typedef",
      "typedef a a;",
      [
        "t.x:1:11: error: a contains itself",
        "  1 | typedef a a;",
        "    |           ^",
        "  hint: a list is an array: struct NAME list<>; values that hold themselves are not supported",
      ],
    ],
    [
      "a union's arm, through a typedef",
      "union u switch (int t) { case 1: list x; };\ntypedef u list<4>;",
      [
        "t.x:1:39: error: u contains itself, through list",
        "  1 | union u switch (int t) { case 1: list x; };",
        "    |                                       ^",
        "  hint: a list is an array: struct NAME list<>; values that hold themselves are not supported",
      ],
    ],
  ])("are refused: %s", (_, text, expected) => {
    expect(complaints(text)).toBe(expected.join("\n"));
  });

  it("are reported once, and nothing that uses them", () => {
    const text = "struct a { b x; };\nstruct b { c y; };\nstruct c { a z; };\nstruct user { a one; b two; };";
    expect(complaints(text).match(/error: .*/g)).toEqual(["error: a contains itself, through b and c"]);
  });

  it("do not hang or overflow on long circles and chains", () => {
    expect(complaints(chain("int"))).toBe("");
    expect(complaints(chain("s0")).match(/error/g)).toHaveLength(1);
  });
});
