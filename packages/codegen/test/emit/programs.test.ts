import { describe, expect, it } from "vitest";
import { emitted } from "../helpers/compiling.ts";

const head = "const P_PROGRAM = 0x10;\nconst P_PROTOCOL_VERSION = 1;\n";

function program(members: string, more = ""): string {
  const text = emitted(`${head}${more}enum p_procedure {\n${members}\n};`);
  return text.slice(text.indexOf("/** The procedures"));
}

it("a program is an interface of its procedures and a descriptor", () => {
  expect(program("/* Goes. */\nP_PROC_GO_ON = 1", "struct p_go_on_args { int a; };\n")).toBe(
    `/** The procedures of {@link P}. */
export interface PProcedures {
  /** Goes. */
  readonly goOn: Procedure<PGoOnArgs, void>;
}

/** Program \`P\` (0x10), version 1. */
export const P: Program<PProcedures> = {
  name: "P",
  number: 0x10,
  version: 1,
  procedures: {
    goOn: { number: 1, name: "P_PROC_GO_ON", args: PGoOnArgs, ret: XdrVoid, stream: null, priority: "low" },
  },
};
`,
  );
});

describe("annotations", () => {
  it.each([
    ["@priority: high", 'priority: "high" }'],
    ["@priority: low", 'priority: "low" }'],
    ["@readstream: 1", 'stream: "read", priority: "low" }'],
    ["@writestream: 1", 'stream: "write", priority: "low" }'],
    ["@open", 'priority: "low", open: true }'],
    ["@sparseflag: F", 'priority: "low", sparseFlag: "F" }'],
    ["@acl: a:b\n@acl: c:d:!E|F", 'priority: "low", acl: ["a:b", "c:d:!E|F"] }'],
    ["@aclfilter: a:b\n@generate: none\n@insert: 1", 'priority: "low" }'],
  ])("%s", (annotation, expected) => {
    expect(
      program(`/**\n${annotation} */\nP_PROC_A = 1`)
        .replace(/,\n +\}/g, " }")
        .replace(/\n +/g, " "),
    ).toContain(expected);
  });

  it("@since stands in the comment", () => {
    expect(program("/** Goes.\n * @since: 9.7.0 */\nP_PROC_A = 1")).toContain(
      "  /**\n   * Goes.\n   * @since 9.7.0\n   */",
    );
  });

  it("a stream is part of the procedure's type", () => {
    expect(program("/** @readstream: 1 */\nP_PROC_A = 1")).toContain('readonly a: Procedure<void, void, "read">;');
  });
});

it("an event is no procedure but a constant of its own", () => {
  const text = program("P_PROC_TICK = 2 /* Ticks. */", "struct p_tick_msg { int a; };\n");
  expect(text).toContain("procedures: {},");
  expect(text.slice(text.indexOf("/** Ticks."))).toBe(
    `/** Ticks. */
export const PTick: EventType<PTickMsg> = { program: P, number: 2, name: "P_PROC_TICK", payload: PTickMsg };
`,
  );
});
