import { describe, expect, it } from "vitest";
import { emitted } from "../helpers/compiling.ts";

/** The body of the last codec's method, without its indentation. */
function body(method: "encode" | "decode", text: string): string {
  const code = emitted(text);
  const at = code.lastIndexOf(`  ${method}(`);
  const lines = code.slice(at).split("\n").slice(1);
  return lines
    .slice(0, lines.indexOf("  },"))
    .map((line) => line.slice(4))
    .join("\n");
}

function struct(fields: string): string {
  return `struct pair { int a; int b; };\nstruct s { ${fields} };`;
}

describe("decode", () => {
  it.each([
    [
      "values in one expression",
      "int a; string b<8>; pair c;",
      "return { a: reader.int(), b: reader.string(8), c: Pair.decode(reader) };",
    ],
    ["optionals in place", "pair *a;", "return { a: reader.optional() ? Pair.decode(reader) : null };"],
    [
      "constants up to the last array, so that the order is that of the wire",
      "int a; pair b<3>; int c;",
      `const a = reader.int();
const b: Pair[] = [];
for (let n = reader.count(3, 8); n > 0; n--) b.push(Pair.decode(reader));
return { a, b, c: reader.int() };`,
    ],
    [
      "fixed arrays without a count",
      "hyper a[2];",
      `const a: bigint[] = [];\nfor (let n = 2; n > 0; n--) a.push(reader.hyper());\nreturn { a };`,
    ],
    [
      "four bytes for each character",
      "char a<3>; char b[2];",
      "return { a: reader.chars(3), b: reader.fixedChars(2) };",
    ],
  ])("reads %s", (_, fields, expected) => {
    expect(body("decode", struct(fields))).toBe(expected);
  });

  it("nests loops", () => {
    expect(body("decode", "typedef int row[2];\nstruct s { row a<3>; };")).toBe(
      `const a: number[][] = [];
for (let n = reader.count(3, 8); n > 0; n--) {
  const items: number[] = [];
  for (let n2 = 2; n2 > 0; n2--) items.push(reader.int());
  a.push(items);
}
return { a };`,
    );
  });

  it("fills an optional array", () => {
    expect(body("decode", "typedef int row<2>;\ntypedef row *maybe;")).toBe(
      `let result: number[] | null = null;
if (reader.optional()) {
  const items: number[] = [];
  for (let n2 = reader.count(2, 4); n2 > 0; n2--) items.push(reader.int());
  result = items;
}
return result;`,
    );
  });

  it("returns what an unknown case answers, which the search for a fault's path relies on", () => {
    expect(body("decode", "const ONE = 1;\nunion u switch (int t) { case ONE: int a; case 2: int b<3>; };")).toBe(
      `const t = reader.int();
switch (t) {
  case 1: // ONE
    return { t, a: reader.int() };
  case 2: {
    const b: number[] = [];
    for (let n = reader.count(3, 4); n > 0; n--) b.push(reader.int());
    return { t, b };
  }
  default:
    return reader.unknownCase("u", t);
}`,
    );
  });

  it("gives constants other names where the codec needs theirs", () => {
    expect(body("decode", "struct S { int reader<1>; int n_<1>; int n<1>; };").match(/const \w+/g)).toEqual([
      "const reader_",
      "const n_",
      "const n__",
    ]);
  });
});

describe("encode", () => {
  it.each([
    [
      "values",
      "int a; string b<8>; pair c;",
      "writer.int(value.a);\nwriter.string(value.b, 8);\nPair.encode(writer, value.c);",
    ],
    [
      "an optional behind its mark",
      "pair *a;",
      "writer.optional(value.a !== null);\nif (value.a !== null) Pair.encode(writer, value.a);",
    ],
    [
      "a counted array",
      "pair a<3>;",
      "writer.count(value.a.length, 3);\nfor (const item of value.a) Pair.encode(writer, item);",
    ],
    [
      "a fixed array",
      "int a[3];",
      "writer.fixedCount(value.a.length, 3);\nfor (const item of value.a) writer.int(item);",
    ],
    ["what is unbounded", "opaque a<>;", "writer.opaque(value.a, 4294967295);"],
  ])("writes %s", (_, fields, expected) => {
    expect(body("encode", struct(fields))).toBe(expected);
  });

  it("tells the type checker which arm it is when a default takes any number", () => {
    expect(body("encode", "union u switch (int t) { case 1: int a; default: int b; };")).toBe(
      `const t: number = value.t;
writer.int(t);
switch (value.t) {
  case 1: {
    const item = value as { t: 1; a: number };
    writer.int(item.a);
    break;
  }
  default: {
    const item = value as { t: number; b: number };
    writer.int(item.b);
    break;
  }
}`,
    );
  });
});
