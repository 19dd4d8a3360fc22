import { describe, expect, it } from "vitest";
import { constName, fieldName, localName, memberNames, procedureName, typeName } from "../../src/emit/names.ts";
import { openSource } from "../../src/source.ts";
import type { EnumItem } from "../../src/spec.ts";
import { complaints } from "../helpers/compiling.ts";

describe("typeName", () => {
  it.each([
    ["remote_nonnull_domain", "RemoteNonnullDomain"],
    ["virNetMessageError", "VirNetMessageError"],
    ["virNetMessageUUID", "VirNetMessageUUID"],
    ["remote_domain_migrate_prepare3_params_args", "RemoteDomainMigratePrepare3ParamsArgs"],
    ["VIR_LOCK_SPACE_PROTOCOL", "VirLockSpaceProtocol"],
    ["REMOTE", "Remote"],
    ["a", "A"],
    ["_private", "_Private"],
    ["program", "Program_"],
    ["uint8_array", "Uint8Array_"],
  ])("%s becomes %s", (name, expected) => {
    expect(typeName(name)).toBe(expected);
  });
});

describe("fieldName", () => {
  it.each([
    ["need_results", "needResults"],
    ["nrVirtCpu", "nrVirtCpu"],
    ["callbackID", "callbackID"],
    ["a_b_c", "aBC"],
    ["a__b", "aB"],
    ["_a_b_", "_aB_"],
    ["x_2", "x2"],
    ["default", "default"],
    ["constructor", "constructor_"],
    ["__proto__", "__proto___"],
    ["to_string", "toString_"],
    ["then", "then_"],
  ])("%s becomes %s", (name, expected) => {
    expect(fieldName(name)).toBe(expected);
  });
});

describe("procedureName", () => {
  it.each([
    ["DOMAIN_CREATE_XML", "domainCreateXml"],
    ["DOMAIN_MIGRATE_PREPARE_TUNNEL3_PARAMS", "domainMigratePrepareTunnel3Params"],
    ["DOMAIN_EVENT_BLOCK_JOB_2", "domainEventBlockJob2"],
    ["SAY", "say"],
    ["TO_STRING", "toString_"],
  ])("%s becomes %s", (name, expected) => {
    expect(procedureName(name)).toBe(expected);
  });
});

describe("constName", () => {
  it("stays, unless it is a word of the language", () => {
    expect(["ECHO_MAX", "lower", "class", "await", "XdrType"].map(constName)).toEqual([
      "ECHO_MAX",
      "lower",
      "class_",
      "await_",
      "XdrType_",
    ]);
  });
});

describe("memberNames", () => {
  const span = { source: openSource("t.x", ""), start: 0, end: 0 };

  function members(name: string, ...names: string[]): string[] {
    const item: EnumItem = {
      kind: "enum",
      name,
      doc: [],
      span,
      members: names.map((each, value) => ({ name: each, value, doc: [], span })),
    };
    return memberNames(item);
  }

  it.each([
    ["what all begin with is left out", ["e", "A_B_ONE", "A_B_TWO"], ["ONE", "TWO"]],
    ["up to an underscore only", ["e", "A_BONE", "A_BTWO"], ["BONE", "BTWO"]],
    ["nothing in common", ["e", "ONE", "TWO"], ["ONE", "TWO"]],
    ["not so much that a digit comes first", ["e", "A_B_1", "A_B_2"], ["B_1", "B_2"]],
    ["not so much that nothing is left", ["e", "A_B", "A_B_C"], ["B", "B_C"]],
    ["a single one goes by the name of the enum", ["virStreamFlags", "VIR_STREAM_NONBLOCK"], ["NONBLOCK"]],
    [
      "a single one keeps what the enum's name lacks",
      ["virBackupFlags", "VIR_BACKUP_REUSE_EXTERNAL"],
      ["REUSE_EXTERNAL"],
    ],
    ["underscores in front stay", ["e", "_1", "_2"], ["_1", "_2"]],
    ["names that every object has are marked", ["e", "A_constructor", "A_x"], ["constructor_", "x"]],
  ])("%s", (_, [name = "", ...names], expected) => {
    expect(members(name, ...names)).toEqual(expected);
  });
});

describe("localName", () => {
  const taken = new Set(["Foo"]);

  it.each([
    ["plain", "plain"],
    ["default", "default_"],
    ["reader", "reader_"],
    ["n", "n_"],
    ["items2", "items2_"],
    ["Foo", "Foo_"],
    ["value", "value__"],
  ])("%s becomes %s", (key, expected) => {
    expect(localName(key, new Set(["value_", key]), taken)).toBe(expected);
  });
});

describe("names that become the same", () => {
  it.each([
    [
      "struct foo_bar { int a; };\nstruct FooBar { int a; };",
      [
        "t.x:2:8: error: becomes FooBar in TypeScript, as does t.x:1:8",
        "  2 | struct FooBar { int a; };",
        "    |        ^^^^^^",
        "  hint: rename one of them",
      ],
    ],
    [
      "struct s { int a_b; int aB; };",
      [
        "t.x:1:25: error: becomes aB in TypeScript, as does t.x:1:16",
        "  1 | struct s { int a_b; int aB; };",
        "    |                         ^^",
        "  hint: rename one of them",
      ],
    ],
    [
      "union u switch (int a_b) { case 1: int aB; };",
      [
        "t.x:1:40: error: becomes aB in TypeScript, as does t.x:1:21",
        "  1 | union u switch (int a_b) { case 1: int aB; };",
        "    |                                        ^^",
        "  hint: rename one of them",
      ],
    ],
    [
      "const P_PROGRAM = 1;\nconst P_PROGRAM_VERSION = 1;\nstruct p { int a; };\nenum p_procedure { P_PROC_A_B = 1, P_PROC_A__B = 2 };",
      [
        "t.x:4:6: error: becomes P in TypeScript, as does t.x:3:8",
        "  4 | enum p_procedure { P_PROC_A_B = 1, P_PROC_A__B = 2 };",
        "    |      ^^^^^^^^^^^",
        "  hint: rename one of them",
        "t.x:4:36: error: becomes aB in TypeScript, as does t.x:4:20",
        "  4 | enum p_procedure { P_PROC_A_B = 1, P_PROC_A__B = 2 };",
        "    |                                    ^^^^^^^^^^^",
        "  hint: rename one of them",
      ],
    ],
  ])("%s", (text, expected) => {
    expect(complaints(text)).toBe(expected.join("\n"));
  });
});
