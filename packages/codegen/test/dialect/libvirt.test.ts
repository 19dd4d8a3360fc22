import { describe, expect, it } from "vitest";
import { analyze } from "../../src/compile.ts";
import type { ProgramSpec } from "../../src/spec.ts";
import { complaints } from "../helpers/compiling.ts";

function program(text: string): ProgramSpec | undefined {
  const { spec, diagnostics } = analyze({ "t.x": text });
  expect(diagnostics).toEqual([]);
  return spec?.modules[0]?.programs[0];
}

const head = "const P_PROGRAM = 7;\nconst P_PROTOCOL_VERSION = 1;\n";

describe("an enum of procedures", () => {
  it("becomes a program and is no enum any more", () => {
    const { spec } = analyze({ "t.x": `${head}enum p_procedure { P_PROC_GO = 1 };` });
    expect(spec?.modules[0]?.items.map(({ name }) => name)).toEqual(["P_PROGRAM", "P_PROTOCOL_VERSION"]);
    expect(spec?.modules[0]?.programs).toMatchObject([{ name: "P", number: 7, version: 1 }]);
  });

  it("finds the structs of a procedure by name", () => {
    const found = program(
      `${head}struct p_go_there_args { int a; };\nstruct p_go_there_ret { int b; };\nenum p_procedure { P_PROC_GO_THERE = 1 };`,
    );
    expect(found?.procedures).toMatchObject([
      {
        number: 1,
        id: "P_PROC_GO_THERE",
        name: "GO_THERE",
        args: { name: "p_go_there_args" },
        ret: { name: "p_go_there_ret" },
        msg: null,
      },
    ]);
  });

  it("finds them in CamelCase too, whatever the case inside", () => {
    const found = program(
      [
        "const VIR_P_PROGRAM = 7;\nconst VIR_P_PROGRAM_VERSION = 2;",
        "struct virPMakeLockSpaceArgs { int a; };",
        "enum virPProcedure { VIR_P_PROC_MAKE_LOCKSPACE = 1 };",
      ].join("\n"),
    );
    expect(found).toMatchObject({
      name: "VIR_P",
      version: 2,
      procedures: [{ args: { name: "virPMakeLockSpaceArgs" } }],
    });
  });

  it("knows an event by its message", () => {
    const found = program(`${head}struct p_tick_msg { int a; };\nenum p_procedure { P_PROC_TICK = 1 };`);
    expect(found?.procedures).toMatchObject([{ args: null, ret: null, msg: { name: "p_tick_msg" } }]);
  });

  it("reads annotations", () => {
    const found = program(`${head}enum p_procedure {\n/** Goes.\n * @priority: high */\nP_PROC_GO = 1 };`);
    expect(found?.procedures[0]?.annotations.priority).toBe("high");
    expect(found?.procedures[0]?.doc.map(({ text }) => text)).toEqual(["Goes."]);
  });
});

describe("faults", () => {
  it.each([
    [
      "enum p_procedure { P_PROC_GO = 1 };",
      [
        "t.x:1:6: error: there is no constant P_PROGRAM for this program",
        "  1 | enum p_procedure { P_PROC_GO = 1 };",
        "    |      ^^^^^^^^^^^",
        "  hint: write const P_PROGRAM = NUMBER;",
        "t.x:1:6: error: there is no constant P_PROTOCOL_VERSION or P_PROGRAM_VERSION for this program",
        "  1 | enum p_procedure { P_PROC_GO = 1 };",
        "    |      ^^^^^^^^^^^",
        "  hint: write const P_PROTOCOL_VERSION = NUMBER;",
      ],
    ],
    [
      "const P_PROGRAM = -1;\nconst P_PROTOCOL_VERSION = 1;\nenum p_procedure { P_PROC_GO = 1 };",
      [
        "t.x:1:7: error: P_PROGRAM is no unsigned 32-bit number",
        "  1 | const P_PROGRAM = -1;",
        "    |       ^^^^^^^^^",
      ],
    ],
    [
      `${head}enum p_procedure { P_PROC_GO = 1, Q_PROC_GO = 2, P_STOP = 3 };`,
      [
        "t.x:3:35: error: Q_PROC_GO is no P_PROC_NAME",
        "  3 | enum p_procedure { P_PROC_GO = 1, Q_PROC_GO = 2, P_STOP = 3 };",
        "    |                                   ^^^^^^^^^",
        "  hint: all procedures of an enum have one prefix",
        "t.x:3:50: error: P_STOP is no P_PROC_NAME",
        "  3 | enum p_procedure { P_PROC_GO = 1, Q_PROC_GO = 2, P_STOP = 3 };",
        "    |                                                  ^^^^^^",
        "  hint: all procedures of an enum have one prefix",
      ],
    ],
    [
      `${head}enum p_procedure { P_PROC_A = 1, P_PROC_B = 1 };`,
      [
        "t.x:3:34: error: procedure 1 is already P_PROC_A",
        "  3 | enum p_procedure { P_PROC_A = 1, P_PROC_B = 1 };",
        "    |                                  ^^^^^^^^",
      ],
    ],
    [
      `${head}enum p_procedure { P_PROC_A = -1 };`,
      [
        "t.x:3:20: error: procedure number -1 is negative",
        "  3 | enum p_procedure { P_PROC_A = -1 };",
        "    |                    ^^^^^^^^",
      ],
    ],
    [
      `${head}struct p_a_msg { int x; };\nstruct p_a_args { int x; };\nenum p_procedure { P_PROC_A = 1 };`,
      [
        "t.x:5:20: error: p_a_msg makes this an event, but there is p_a_args too",
        "  5 | enum p_procedure { P_PROC_A = 1 };",
        "    |                    ^^^^^^^^",
      ],
    ],
    [
      `${head}enum p_procedure {\n/* @readstream: 1\n * @writestream: 1 */\nP_PROC_A = 1 };`,
      [
        "t.x:6:1: error: a procedure has one stream: @readstream or @writestream",
        "  6 | P_PROC_A = 1 };",
        "    | ^^^^^^^^",
      ],
    ],
    [
      `${head}struct p_a_msg { int x; };\nenum p_procedure {\n/* @readstream: 1 */\nP_PROC_A = 1 };`,
      ["t.x:6:1: error: an event has no stream", "  6 | P_PROC_A = 1 };", "    | ^^^^^^^^"],
    ],
  ])("%s", (text, expected) => {
    expect(complaints(text)).toBe(expected.join("\n"));
  });

  it("two structs that could both be meant", () => {
    const text = `${head}struct p_a_args { int x; };\nstruct pAArgs { int x; };\nenum p_procedure { P_PROC_A = 1 };`;
    expect(complaints(text)).toContain("p_a_args and pAArgs could both be meant");
  });

  it("unknown annotations only warn", () => {
    const text = `${head}enum p_procedure {\n/** @prio: high */\nP_PROC_A = 1 };`;
    expect(complaints(text)).toContain("t.x:4:5: warning: unknown annotation @prio");
    expect(analyze({ "t.x": text }).spec).toBeDefined();
  });
});
