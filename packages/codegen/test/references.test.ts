import { describe, expect, it } from "vitest";
import { compile } from "../src/compile.ts";
import { complaintsAbout } from "./helpers/compiling.ts";

describe("types of other files", () => {
  it("are imported from their modules, an enum as a type only", () => {
    const { files } = compile({
      "b.x": "struct s { e a; s2 b<3>; t c; };\nunion u switch (e k) { case A: s2 *d; };",
      "a.x": "enum e { A = 1 };\nstruct s2 { int x; };\ntypedef s2 t;\nconst N = 1;",
      "c.x": "const M = N;",
    });
    expect(files["b.ts"]?.match(/^import .*/gm)).toEqual([
      'import type { XdrType } from "virnet/codegenv1";',
      'import { type E, S2 } from "./a.ts";',
    ]);
    expect(files["c.ts"]).not.toContain("import");
  });

  it("are imported for programs too", () => {
    const { files } = compile({
      "types.x": "struct p_go_args { int x; };",
      "p.x": "const P_PROGRAM = 1;\nconst P_PROGRAM_VERSION = 1;\nenum p_procedure { P_PROC_GO = 1 };",
    });
    expect(files["p.ts"]).toContain('import { PGoArgs } from "./types.ts";');
  });
});

describe("files that need one another", () => {
  it("in a circle are refused", () => {
    const files = { "a.x": "struct a { b x; };\nstruct c { int i; };", "b.x": "struct b { c y; };" };
    expect(complaintsAbout(files)).toBe(
      [
        "b.x:1:8: error: a.x and b.x need each other, here for c",
        "  1 | struct b { c y; };",
        "    |        ^",
        "  hint: move what they share to a file of its own",
      ].join("\n"),
    );
  });

  it("in one direction are fine", () => {
    expect(complaintsAbout({ "a.x": "struct a { b x; };", "b.x": "struct b { int y; };" })).toBe("");
  });
});
