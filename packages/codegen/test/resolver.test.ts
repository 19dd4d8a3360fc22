import { describe, expect, it } from "vitest";
import { analyze } from "../src/compile.ts";
import type { Item, Type } from "../src/spec.ts";
import { complaints } from "./helpers/compiling.ts";

function items(text: string): readonly Item[] {
  const { spec, diagnostics } = analyze({ "t.x": text });
  expect(diagnostics).toEqual([]);
  return spec?.modules[0]?.items ?? [];
}

function typeOf(definitions: string, declaration: string): Type | undefined {
  const struct = items(`${definitions}\nstruct probe { ${declaration}; };`).at(-1);
  return struct?.kind === "struct" ? struct.fields[0]?.type : undefined;
}

describe("types", () => {
  it.each([
    ["typedef int a;\ntypedef a b;", "b x", { kind: "scalar", scalar: "int" }],
    ["typedef string a<8>;", "a x", { kind: "string", max: 8 }],
    ["typedef string a<>;", "a x", { kind: "string", max: 4_294_967_295 }],
    ["const N = 3;\ntypedef opaque a[N];", "a x", { kind: "fixedOpaque", size: 3 }],
    ["typedef int a;\ntypedef a *b;", "b x", { kind: "optional", item: { kind: "scalar", scalar: "int" } }],
    ["", "char x<5>", { kind: "chars", max: 5 }],
    ["", "char x[5]", { kind: "fixedChars", size: 5 }],
    ["", "unsigned char x[5]", { kind: "fixed", size: 5, item: { kind: "scalar", scalar: "uchar" } }],
    [
      "struct s { hyper a; };",
      "s x<5>",
      { kind: "counted", max: 5, itemSize: 8, item: { kind: "struct", name: "s", module: "t" } },
    ],
    ["enum colour { RED = 1 };", "colour x", { kind: "enum", name: "colour", module: "t" }],
  ])("%s %s", (definitions, declaration, expected) => {
    expect(typeOf(definitions, declaration)).toEqual(expected);
  });

  it("may be used before they are defined", () => {
    expect(items("struct a { b x; };\ntypedef c b;\nstruct c { int y; };").map(({ name }) => name)).toEqual([
      "a",
      "b",
      "c",
    ]);
  });
});

describe("unions", () => {
  it("have the numbers of their labels, and how they are written", () => {
    const [, union] = items("const ONE = 1;\nunion u switch (int t) { case ONE: case 0x2: int a; default: void; };");
    expect(union).toMatchObject({
      arms: [
        {
          labels: [
            { value: 1, text: "ONE" },
            { value: 2, text: "0x2" },
          ],
          field: { name: "a" },
        },
      ],
      fallback: { labels: [], field: null },
    });
  });
});

describe("faults", () => {
  it.each([
    [
      "struct s { foo x; };",
      "t.x:1:12: error: unknown type foo\n  1 | struct s { foo x; };\n    |            ^^^\n  hint: compile the .x file that defines it too",
    ],
    [
      "struct s { uint32_t x; };",
      "t.x:1:12: error: unknown type uint32_t\n  1 | struct s { uint32_t x; };\n    |            ^^^^^^^^\n  hint: write unsigned int",
    ],
    [
      "const N = 1;\nstruct s { N x; };",
      "t.x:2:12: error: unknown type N\n  2 | struct s { N x; };\n    |            ^\n  hint: N is a constant",
    ],
    [
      "struct s { opaque x<MAX>; };",
      [
        "t.x:1:21: error: unknown constant MAX",
        "  1 | struct s { opaque x<MAX>; };",
        "    |                     ^^^",
        "  hint: compile the .x file that defines it too, or give --define MAX=VALUE",
      ].join("\n"),
    ],
    [
      "struct s { opaque x<-1>; };",
      "t.x:1:21: error: -1 is out of range for a size\n  1 | struct s { opaque x<-1>; };\n    |                     ^^\n  hint: 0 to 4294967295",
    ],
    [
      "struct s { int x[4294967296]; };",
      "t.x:1:18: error: 4294967296 is out of range for a size\n  1 | struct s { int x[4294967296]; };\n    |                  ^^^^^^^^^^\n  hint: 0 to 4294967295",
    ],
    [
      "const X = 18446744073709551616;",
      "t.x:1:11: error: 18446744073709551616 is out of range for 64 bits\n  1 | const X = 18446744073709551616;\n    |           ^^^^^^^^^^^^^^^^^^^^\n  hint: -9223372036854775808 to 18446744073709551615",
    ],
    [
      "enum e { A = 2147483648 };",
      "t.x:1:14: error: 2147483648 is out of range for an enum\n  1 | enum e { A = 2147483648 };\n    |              ^^^^^^^^^^\n  hint: an enum is a signed 32-bit integer: write const A = VALUE;",
    ],
    [
      "struct s { int a; hyper a; };",
      "t.x:1:25: error: there is another a here\n  1 | struct s { int a; hyper a; };\n    |                         ^",
    ],
    [
      "union u switch (int t) { case 1: int t; };",
      "t.x:1:38: error: there is another t here\n  1 | union u switch (int t) { case 1: int t; };\n    |                                      ^",
    ],
    [
      "union u switch (hyper t) { case 1: int a; };",
      "t.x:1:17: error: a union switches on int, unsigned int, bool or an enum\n  1 | union u switch (hyper t) { case 1: int a; };\n    |                 ^^^^^^^",
    ],
    [
      "union u switch (int t) { case 1: int a; case 0x1: int b; };",
      "t.x:1:46: error: case 1 is taken by 1\n  1 | union u switch (int t) { case 1: int a; case 0x1: int b; };\n    |                                              ^^^",
    ],
    [
      "union u switch (unsigned t) { case -1: int a; };",
      "t.x:1:36: error: -1 is out of range for an unsigned int\n  1 | union u switch (unsigned t) { case -1: int a; };\n    |                                    ^^\n  hint: 0 to 4294967295",
    ],
    [
      "union u switch (bool t) { case 2: int a; };",
      "t.x:1:32: error: 2 is out of range for a bool\n  1 | union u switch (bool t) { case 2: int a; };\n    |                                ^\n  hint: 0 to 1",
    ],
    [
      "enum e { A = 1 };\nunion u switch (e t) { case 2: int a; };",
      "t.x:2:29: error: 2 is no member of enum e\n  2 | union u switch (e t) { case 2: int a; };\n    |                             ^",
    ],
    [
      "union u switch (bool t) { case TRUE: int a; case FALSE: void; default: void; };",
      [
        "t.x:1:63: error: the default arm is never taken: both cases of the bool are written",
        "  1 | union u switch (bool t) { case TRUE: int a; case FALSE: void; default: void; };",
        "    |                                                               ^^^^^^^^",
      ].join("\n"),
    ],
    [
      "typedef int *a;\ntypedef a *b;",
      "t.x:2:9: error: optional of an optional\n  2 | typedef a *b;\n    |         ^^^^\n  hint: null could mean either: name the inner one in a struct",
    ],
    [
      "typedef opaque none[0];\nstruct s { none x<>; };",
      "t.x:2:12: error: items of a counted array take no bytes\n  2 | struct s { none x<>; };\n    |            ^^^^^^\n  hint: a few bytes could then claim any number of items",
    ],
    [
      ["typedef int t0[1];", ...Array.from({ length: 9 }, (_, i) => `typedef t${i} t${i + 1}[1];`)].join("\n"),
      "t.x:9:9: error: arrays and optionals nest more than 8 deep\n  9 | typedef t7 t8[1];\n    |         ^^^^^\n  hint: give an inner part a struct of its own",
    ],
  ])("%s", (text, expected) => {
    expect(complaints(text)).toBe(expected);
  });

  it("are all found in one run", () => {
    const text = "struct a { foo x; };\nstruct b { bar y; opaque z<N>; };\nenum c { D = 99999999999 };";
    expect(complaints(text).match(/^t\.x:\d+:\d+/gm)).toEqual(["t.x:1:12", "t.x:2:12", "t.x:2:28", "t.x:3:14"]);
  });
});
