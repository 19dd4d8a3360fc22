import { describe, expect, it } from "vitest";
import { analyze } from "../src/compile.ts";
import { complaints, complaintsAbout } from "./helpers/compiling.ts";

function constants(text: string, defines = {}): Record<string, bigint> {
  const { spec } = analyze({ "t.x": text }, { defines });
  const items = spec?.modules[0]?.items ?? [];
  return Object.fromEntries(items.flatMap((item) => (item.kind === "const" ? [[item.name, item.value]] : [])));
}

describe("constants", () => {
  it("may name others, before or behind, and members of enums", () => {
    expect(constants("const A = B;\nconst B = C;\nconst C = 3;\nenum colour { D = C };\nconst E = D;")).toEqual({
      A: 3n,
      B: 3n,
      C: 3n,
      E: 3n,
    });
  });

  it("come from --define as well", () => {
    expect(constants("const A = OUT;", { OUT: 7 })).toEqual({ A: 7n });
  });

  it("know TRUE and FALSE", () => {
    expect(constants("const A = TRUE;\nconst B = FALSE;")).toEqual({ A: 1n, B: 0n });
  });

  it("follow long chains in either direction", () => {
    const names = Array.from({ length: 20_000 }, (_, index) => `C${index}`);
    const lines = names.map((name, index) => `const ${name} = ${index === 0 ? "5" : `C${index - 1}`};`);
    expect(constants(lines.join("\n"))["C19999"]).toBe(5n);
    expect(constants(lines.toReversed().join("\n"))["C19999"]).toBe(5n);
  });

  it("that are unknown are named once, with a way out", () => {
    expect(complaints("const A = NOWHERE;\ntypedef opaque b[A];\ntypedef opaque c[A];")).toBe(
      [
        "t.x:1:11: error: unknown constant NOWHERE",
        "  1 | const A = NOWHERE;",
        "    |           ^^^^^^^",
        "  hint: compile the .x file that defines it too, or give --define NOWHERE=VALUE",
      ].join("\n"),
    );
  });

  it("cannot define themselves", () => {
    expect(complaints("const A = A;")).toBe(
      "t.x:1:11: error: constant A is defined by itself\n  1 | const A = A;\n    |           ^",
    );
    expect(complaints("const A = B;\nconst B = C;\nconst C = B;\nconst D = A;")).toBe(
      [
        "t.x:3:11: error: constant B is defined by itself",
        "  3 | const C = B;",
        "    |           ^",
        "  hint: B = C = B",
      ].join("\n"),
    );
  });
});

describe("names", () => {
  it("are unique over types, constants and members of all files", () => {
    expect(complaintsAbout({ "a.x": "const X = 1;\nstruct s { int a; };", "b.x": "enum s { X = 2 };" })).toBe(
      ["b.x:1:6: error: s is already defined at a.x:2:8", "  1 | enum s { X = 2 };", "    |      ^"].join("\n"),
    );
    expect(complaints("const X = 1;\nenum e { X = 2 };")).toContain("t.x:2:10: error: X is already defined at t.x:1:7");
  });

  it("cannot be defined again by a file when they come from --define", () => {
    expect(complaints("const X = 1;", { defines: { X: 1 } })).toContain("X is already given with --define");
  });
});
