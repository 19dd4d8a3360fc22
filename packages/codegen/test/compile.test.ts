import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { analyze, compile } from "../src/compile.ts";
import { complaints, complaintsAbout } from "./helpers/compiling.ts";

function fixture(name: string): string {
  return readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8");
}

const fixtures = { "all-types.x": fixture("all-types.x"), "echo.x": fixture("echo.x") };

describe("compile", () => {
  it("makes one module of each file", () => {
    expect(Object.keys(compile(fixtures).files)).toEqual(["all-types.ts", "echo.ts"]);
  });

  it("makes what is checked in", () => {
    const { files, diagnostics } = compile(fixtures);
    expect(diagnostics).toEqual([]);
    expect(files["all-types.ts"]).toBe(fixture("gen/all-types.ts"));
    expect(files["echo.ts"]).toBe(fixture("gen/echo.ts"));
  });

  it("makes the same again, whatever the order of the files", () => {
    const reversed = Object.fromEntries(Object.entries(fixtures).toReversed());
    expect(compile(reversed).files).toEqual(compile(fixtures).files);
  });

  it("makes nothing when there is an error, also in one file only", () => {
    const { files, diagnostics } = compile({ ...fixtures, "bad.x": "const A 1;" });
    expect(files).toEqual({});
    expect(diagnostics.map(({ file, line, column }) => [file, line, column])).toEqual([["bad.x", 1, 9]]);
  });

  it("makes files in spite of warnings", () => {
    const text = "const P_PROGRAM = 1;\nconst P_PROGRAM_VERSION = 1;\nenum p_procedure {\n/* @x */\nP_PROC_A = 1\n};";
    const { files, diagnostics } = compile({ "t.x": text });
    expect(diagnostics.map(({ severity }) => severity)).toEqual(["warning"]);
    expect(Object.keys(files)).toEqual(["t.ts"]);
  });

  it("takes constants as numbers and as text", () => {
    const defines = { A: 1, B: 2n, C: "0x10" };
    const { files } = compile({ "t.x": "const X = A;\nconst Y = B;\nconst Z = C;" }, { defines });
    expect(files["t.ts"]).toContain("export const X = 1;\nexport const Y = 2;\nexport const Z = 16;\n");
  });
});

describe("faults of files", () => {
  it("two would become one module", () => {
    expect(complaintsAbout({ "a/t.x": "const A = 1;", "b/t.x": "const B = 1;" })).toBe(
      "b/t.x:1:1: error: b/t.x and a/t.x would both become t.ts\n  1 | const B = 1;\n    | ^",
    );
  });

  it("a name is no module's", () => {
    expect(complaintsAbout({ 'a"b.x': "const A = 1;" })).toContain(
      "a file name needs letters, digits, _, - and . only",
    );
  });

  it.each(["", "\n\n", "/* nothing */", "%int x;\n"])("nothing is in it: %j", (text) => {
    expect(complaints(text).split("\n")[0]).toBe("t.x:1:1: error: the file defines nothing");
  });
});

describe("analyze", () => {
  it("gives the files as written and what they mean", () => {
    const { units, spec } = analyze(fixtures);
    expect(units.map(({ source }) => source.name)).toEqual(["all-types.x", "echo.x"]);
    expect(spec?.modules.map(({ name }) => name)).toEqual(["all-types", "echo"]);
  });
});

describe("robustness", () => {
  const tokens = Object.values(fixtures).flatMap((text) => text.split(/(\s+|\b)/));

  it("never throws on files that were good once", () => {
    const edit = fc.record({
      at: fc.nat(tokens.length - 1),
      remove: fc.nat(4),
      insert: fc.array(fc.constantFrom(...tokens)),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 5 }), (edits) => {
        const text = edits
          .reduce((list, { at, remove, insert }) => list.toSpliced(at, remove, ...insert), tokens)
          .join("");
        const { files, diagnostics } = compile({ "t.x": text });
        expect("t.ts" in files).toBe(!diagnostics.some(({ severity }) => severity === "error"));
      }),
      { numRuns: 200 },
    );
  });

  it("gives places inside the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        for (const { line, column, length, source } of compile({ "t.x": `struct s { ${text}` }).diagnostics) {
          expect(line).toBeGreaterThan(0);
          expect(column).toBeGreaterThan(0);
          expect(column + length - 1).toBeLessThanOrEqual(source.length + 1);
        }
      }),
    );
  });
});
