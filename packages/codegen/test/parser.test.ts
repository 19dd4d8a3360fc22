import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DiagnosticLog, formatDiagnostic } from "../src/diagnostics.ts";
import { parse } from "../src/parser.ts";
import { openSource } from "../src/source.ts";
import type { Definition, TypeSyntax, Unit } from "../src/syntax.ts";

function parsed(text: string): Unit & { complaints: string } {
  const log = new DiagnosticLog();
  const unit = parse(openSource("t.x", text), log);
  return { ...unit, complaints: log.sorted(["t.x"]).map(formatDiagnostic).join("\n") };
}

/** Plain data without positions and comments, for comparing. */
function bare(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, inner: unknown) => {
      if (key === "span" || key === "doc") return undefined;
      return typeof inner === "bigint" ? String(inner) : inner;
    }),
  );
}

function only(text: string): Definition | undefined {
  const { definitions, complaints } = parsed(text);
  expect(complaints).toBe("");
  expect(definitions).toHaveLength(1);
  return definitions[0];
}

function typeOf(declaration: string): unknown {
  const definition = only(`struct s { ${declaration}; };`);
  const type: TypeSyntax | undefined = definition?.kind === "struct" ? definition.fields[0]?.type : undefined;
  return bare(type);
}

describe("constants", () => {
  it.each([
    ["42", 42n],
    ["0x2A", 42n],
    ["052", 42n],
    ["0", 0n],
    ["-7", -7n],
    ["-0x10", -16n],
    ["18446744073709551615", 18446744073709551615n],
  ])("read %s", (text, value) => {
    expect(only(`const X = ${text};`)).toMatchObject({ kind: "const", value: { kind: "number", value, text } });
  });

  it("read another constant's name", () => {
    expect(only("const X = Y;")).toMatchObject({ value: { kind: "constant", name: "Y" } });
  });
});

function scalar(name: string): object {
  return { kind: "scalar", scalar: name };
}

function number(value: string): object {
  return { kind: "number", value, text: value };
}

describe("types", () => {
  it.each([
    ["int x", scalar("int")],
    ["unsigned int x", scalar("uint")],
    ["unsigned x", scalar("uint")],
    ["hyper x", scalar("hyper")],
    ["unsigned hyper x", scalar("uhyper")],
    ["float x", scalar("float")],
    ["double x", scalar("double")],
    ["bool x", scalar("bool")],
    ["char x", scalar("char")],
    ["unsigned char x", scalar("uchar")],
    ["short x", scalar("short")],
    ["unsigned short x", scalar("ushort")],
    ["foo x", { kind: "named", name: { text: "foo" } }],
    ["struct foo x", { kind: "named", name: { text: "foo" } }],
    ["union foo x", { kind: "named", name: { text: "foo" } }],
    ["enum foo x", { kind: "named", name: { text: "foo" } }],
    ["string x<>", { kind: "string", limit: null }],
    ["string x<8>", { kind: "string", limit: number("8") }],
    ["string x<MAX>", { kind: "string", limit: { kind: "constant", name: "MAX" } }],
    ["opaque x<>", { kind: "opaque", limit: null }],
    ["opaque x[16]", { kind: "fixedOpaque", size: number("16") }],
    ["foo *x", { kind: "optional", item: { kind: "named", name: { text: "foo" } } }],
    ["int x<>", { kind: "counted", item: scalar("int"), limit: null }],
    ["unsigned x<3>", { kind: "counted", item: scalar("uint"), limit: number("3") }],
    ["hyper x[2]", { kind: "fixed", item: scalar("hyper"), size: number("2") }],
  ])("reads %s", (declaration, expected) => {
    expect(typeOf(declaration)).toEqual(expected);
  });

  it("reads typedefs of every form", () => {
    expect(only("typedef string name<255>;")).toMatchObject({ kind: "typedef", type: { kind: "string" } });
    expect(only("typedef foo *maybe;")).toMatchObject({ kind: "typedef", type: { kind: "optional" } });
    expect(only("typedef struct foo foo_t;")).toMatchObject({ kind: "typedef", type: { kind: "named" } });
  });
});

describe("enums", () => {
  it("may end with a comma", () => {
    expect(only("enum e { A = 1, B = A, };")).toMatchObject({
      members: [{ name: { text: "A" } }, { name: { text: "B" }, value: { kind: "constant", name: "A" } }],
    });
  });
});

describe("unions", () => {
  it("have cases, several labels for one arm, void arms and a default", () => {
    const union = only("union u switch (int t) { case 1: case -2: int a; case THREE: void; default: string s<>; };");
    expect(bare(union)).toMatchObject({
      discriminant: { name: { text: "t" } },
      arms: [
        { labels: [{ value: "1" }, { value: "-2" }], declaration: { name: { text: "a" } } },
        { labels: [{ name: "THREE" }], declaration: null },
      ],
      fallback: { labels: [], declaration: { name: { text: "s" } } },
    });
  });

  it("may have no default", () => {
    expect(only("union u switch (bool t) { case TRUE: void; };")).toMatchObject({ fallback: null });
  });
});

describe("faults", () => {
  it.each([
    ["const X 4;", 't.x:1:9: error: expected "=" after X, found "4"\n  1 | const X 4;\n    |         ^'],
    [
      "const X = ;",
      't.x:1:11: error: expected a number or a constant after =, found ";"\n  1 | const X = ;\n    |           ^',
    ],
    [
      "const X = - Y;",
      't.x:1:13: error: expected a number after "-", found "Y"\n  1 | const X = - Y;\n    |             ^',
    ],
    [
      "const X = 1",
      't.x:1:12: error: expected ";" at the end of the constant, found the end of the file\n  1 | const X = 1\n    |            ^',
    ],
    [
      "const int = 1;",
      't.x:1:7: error: "int" is a keyword and cannot be a name\n  1 | const int = 1;\n    |       ^^^',
    ],
    ["42;", 't.x:1:1: error: expected const, enum, struct, typedef or union, found "42"\n  1 | 42;\n    | ^^'],
    ["enum e { };", "t.x:1:6: error: an enum needs a member\n  1 | enum e { };\n    |      ^"],
    [
      "enum e { A, B = 1 };",
      "t.x:1:11: error: A has no value\n  1 | enum e { A, B = 1 };\n    |           ^\n  hint: XDR wants every value written: A = 0",
    ],
    [
      "struct s { };",
      "t.x:1:10: error: a struct needs a field\n  1 | struct s { };\n    |          ^\n  hint: a procedure without arguments needs no struct",
    ],
    [
      "struct s { int };",
      't.x:1:16: error: expected a name after the type, found "}"\n  1 | struct s { int };\n    |                ^',
    ],
    [
      "struct s { long x; };",
      "t.x:1:12: error: long is not a type here\n  1 | struct s { long x; };\n    |            ^^^^\n  hint: write int for 32 bits or hyper for 64 bits",
    ],
    [
      "struct s { unsigned long x; };",
      "t.x:1:21: error: long is not a type here\n  1 | struct s { unsigned long x; };\n    |                     ^^^^\n  hint: write int for 32 bits or hyper for 64 bits",
    ],
    [
      "struct s { quadruple x; };",
      "t.x:1:12: error: quadruple is not a type here\n  1 | struct s { quadruple x; };\n    |            ^^^^^^^^^\n  hint: no JavaScript number holds 128 bits: write opaque NAME[16]",
    ],
    [
      "struct s { void x; };",
      "t.x:1:12: error: void is not a type here\n  1 | struct s { void x; };\n    |            ^^^^\n  hint: only a union arm can be void",
    ],
    [
      "struct s { string x; };",
      't.x:1:20: error: string needs <MAX>, found ";"\n  1 | struct s { string x; };\n    |                    ^\n  hint: string x<>; has no limit',
    ],
    [
      "struct s { string x[4]; };",
      't.x:1:20: error: string needs <MAX>, found "["\n  1 | struct s { string x[4]; };\n    |                    ^\n  hint: string x<>; has no limit',
    ],
    [
      "struct s { opaque x; };",
      't.x:1:20: error: opaque needs <MAX> or [SIZE], found ";"\n  1 | struct s { opaque x; };\n    |                    ^\n  hint: opaque x<>; has no limit',
    ],
    [
      "struct s { string *x<>; };",
      "t.x:1:19: error: string cannot be optional by itself\n  1 | struct s { string *x<>; };\n    |                   ^\n  hint: write typedef string NAME<>; and use NAME",
    ],
    [
      "struct s { int *x<>; };",
      "t.x:1:18: error: x cannot be optional and an array at once\n  1 | struct s { int *x<>; };\n    |                  ^\n  hint: name the array with a typedef",
    ],
    [
      "struct s { int x[2][3]; };",
      "t.x:1:20: error: an array has one dimension\n  1 | struct s { int x[2][3]; };\n    |                    ^\n  hint: name the inner array with a typedef",
    ],
    [
      "struct s { int x[]; };",
      't.x:1:18: error: expected a number or a constant after [, found "]"\n  1 | struct s { int x[]; };\n    |                  ^',
    ],
    [
      "struct s { struct { int a; } x; };",
      "t.x:1:19: error: a nested struct needs a name\n  1 | struct s { struct { int a; } x; };\n    |                   ^\n  hint: define it before and use its name here",
    ],
    [
      "union u switch (int t) { };",
      "t.x:1:24: error: a union needs a case\n  1 | union u switch (int t) { };\n    |                        ^",
    ],
    [
      "union u switch (int t) { default: void; case 1: int a; };",
      "t.x:1:41: error: the default arm must be the last\n  1 | union u switch (int t) { default: void; case 1: int a; };\n    |                                         ^^^^",
    ],
    [
      "union u (int t) { case 1: void; };",
      't.x:1:9: error: expected "switch" after u, found "("\n  1 | union u (int t) { case 1: void; };\n    |         ^',
    ],
    [
      "program P { version V { void F(void) = 1; } = 1; } = 2;",
      [
        "t.x:1:1: error: program blocks (RFC 5531) are not supported",
        "  1 | program P { version V { void F(void) = 1; } = 1; } = 2;",
        "    | ^^^^^^^",
        "  hint: list the procedures in an enum NAME_procedure { NAME_PROC_X = 1, … } beside NAME_PROGRAM",
      ].join("\n"),
    ],
  ])("%s", (text, expected) => {
    expect(parsed(text).complaints.split("\nt.x:1:")[0]).toBe(expected);
  });

  it("points behind the line that lacks its end", () => {
    expect(parsed("struct s {\n  int a\n  int b;\n};").complaints).toBe(
      't.x:2:8: error: expected ";" after a, found "int"\n  2 |   int a\n    |        ^',
    );
  });

  it("are all found in one run", () => {
    const { complaints, definitions } = parsed(
      "struct a {\n  long x;\n  string y;\n  int z;\n};\nconst B 1;\nenum c { D };\ntypedef int e;\n",
    );
    expect(complaints.match(/^t\.x:\d+:\d+/gm)).toEqual(["t.x:2:3", "t.x:3:11", "t.x:6:9", "t.x:7:12"]);
    expect(definitions.map(({ name }) => name.text)).toEqual(["a", "e"]);
  });

  it("in an unclosed body do not swallow the next definition", () => {
    const { complaints, definitions } = parsed("struct a {\n  int x;\n\nstruct b {\n  int y;\n};\n");
    expect(complaints.match(/^t\.x:.*/gm)).toEqual([
      't.x:2:9: error: expected "}" at the end of struct a, found "struct"',
    ]);
    expect(definitions.map(({ name }) => name.text)).toEqual(["b"]);
  });

  it("stop at numbers that are absurdly long", () => {
    expect(parsed(`const X = ${"9".repeat(1000)};`).complaints).toContain("number has more than 64 bits");
  });
});

describe("robustness", () => {
  const pieces = fc.constantFrom(
    ..."const enum struct union typedef switch case default void string opaque unsigned int char program".split(" "),
    ...'{ } ( ) [ ] < > ; : , = * - A b 1 0x 09 -1 /* */ // % # \n ? " \u0000 \ud800'.split(" "),
  );

  it("never throws, whatever the text", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces).map((list) => list.join(" ")),
        ),
        (text) => {
          expect(parsed(text).source.text).toBe(text);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("survives deep and long input", () => {
    for (const text of ["{".repeat(1e5), "struct s { ".repeat(1e4), "a ".repeat(1e5), "case 1: ".repeat(1e5)]) {
      expect(parsed(text).complaints).not.toBe("");
    }
  });
});
