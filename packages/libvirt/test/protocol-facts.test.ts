import type { Type } from "@virnet/codegen";
import { describe, expect, it } from "vitest";
import { type Facts, factsOf, type ProcedureFacts, readEnumFacts, readFacts } from "./helpers/facts.ts";
import { framing, libvirt, type Protocols, programsOf, understood } from "./helpers/protocols.ts";

/*
 * The .x files were written by hand and by eye; the facts were collected from libvirt itself. Each must say all that
 * the other says, and no more.
 */

function ownFacts(protocols: Protocols, name: string): Facts {
  const { units, spec } = understood(protocols);
  const unit = units.find(({ source }) => source.name === `${name}.x`);
  const module = spec.modules.find((each) => each.name === name);
  if (unit === undefined || module === undefined) throw new Error(`no ${name}.x`);
  return factsOf(
    unit,
    module.programs.flatMap(({ procedures }) => procedures),
  );
}

const files = [
  ...["remote", "qemu", "lxc", "admin", "lock", "log"].map((name) => ({ name, protocols: libvirt })),
  ...["keepalive", "net"].map((name) => ({ name, protocols: framing })),
];

describe.each(files)("$name", ({ name, protocols }) => {
  const facts = readFacts(name);
  const own = ownFacts(protocols, name);

  it("has the constants", () => {
    expect(own.constants).toEqual(facts.constants);
  });

  it("has the typedefs", () => {
    expect(own.typedefs).toEqual(facts.typedefs);
  });

  it("has the enums, the procedures' numbers among them", () => {
    expect(own.enums).toEqual(facts.enums);
  });

  it("has the structs, field by field", () => {
    expect(own.structs).toEqual(facts.structs);
  });

  it("has the unions, arm by arm", () => {
    expect(own.unions).toEqual(facts.unions);
  });
});

describe("procedures have their structs and annotations", () => {
  const annotated = files.filter(({ name }) => readFacts(name).procedures.length > 0);

  it.each(annotated)("in $name", ({ name, protocols }) => {
    expect(ownFacts(protocols, name).procedures.map(withoutOurs)).toEqual(readFacts(name).procedures);
  });
});

/** libvirt handles this tunnel by hand and does not annotate its stream (libvirt-rpc §5.3). */
function withoutOurs(procedure: ProcedureFacts): ProcedureFacts {
  if (procedure.id !== "REMOTE_PROC_DOMAIN_MIGRATE_PREPARE_TUNNEL3_PARAMS") return procedure;
  const { writestream, ...rest } = procedure;
  expect(writestream).toBe("1");
  return rest;
}

describe("what the facts do not say", () => {
  const procedures = programsOf(understood(libvirt)).flatMap((program) => program.procedures);

  it("only the procedures of authentication are open before it", () => {
    const open = procedures.filter(({ annotations }) => annotations.open);
    expect(open.map(({ id, number }) => `${id} ${number}`)).toEqual([
      "REMOTE_PROC_AUTH_LIST 66",
      "REMOTE_PROC_AUTH_SASL_INIT 67",
      "REMOTE_PROC_AUTH_SASL_START 68",
      "REMOTE_PROC_AUTH_SASL_STEP 69",
      "REMOTE_PROC_AUTH_POLKIT 70",
    ]);
  });

  it("every procedure of the lock and log daemons finds its structs, whatever their spelling", () => {
    const found = procedures
      .filter(({ id }) => id.startsWith("VIR_LO"))
      .map(({ id, args, ret }) => [
        id.split("_PROC_")[1],
        args?.name.split("Protocol")[1],
        ret?.name.split("Protocol")[1],
      ]);
    expect(found).toEqual([
      ["REGISTER", "RegisterArgs", undefined],
      ["RESTRICT", "RestrictArgs", undefined],
      ["NEW", "NewArgs", undefined],
      ["CREATE_RESOURCE", "CreateResourceArgs", undefined],
      ["DELETE_RESOURCE", "DeleteResourceArgs", undefined],
      ["ACQUIRE_RESOURCE", "AcquireResourceArgs", undefined],
      ["RELEASE_RESOURCE", "ReleaseResourceArgs", undefined],
      ["CREATE_LOCKSPACE", "CreateLockSpaceArgs", undefined],
      ["DOMAIN_OPEN_LOG_FILE", "DomainOpenLogFileArgs", "DomainOpenLogFileRet"],
      ["DOMAIN_GET_LOG_FILE_POSITION", "DomainGetLogFilePositionArgs", "DomainGetLogFilePositionRet"],
      ["DOMAIN_READ_LOG_FILE", "DomainReadLogFileArgs", "DomainReadLogFileRet"],
      ["DOMAIN_APPEND_LOG_FILE", "DomainAppendLogFileArgs", "DomainAppendLogFileRet"],
    ]);
  });

  it("no struct is left without a procedure or a struct that uses it", () => {
    const { spec } = understood(libvirt);
    const structs = spec.modules.flatMap(({ items }) => items.filter((item) => item.kind === "struct"));
    const used = new Set(structs.flatMap(({ fields }) => fields.flatMap(({ type }) => typesIn(type))));
    for (const { args, ret, msg } of procedures) for (const type of [args, ret, msg]) used.add(type?.name ?? "");
    expect(structs.map(({ name }) => name).filter((name) => !used.has(name))).toEqual(["remote_error"]);
  });
});

function typesIn(type: Type): string[] {
  if ("item" in type) return typesIn(type.item);
  return "name" in type ? [type.name] : [];
}

describe("enums.x", () => {
  const facts = readEnumFacts();
  const { units } = understood(libvirt);
  const unit = units.find(({ source }) => source.name === "enums.x");
  if (unit === undefined) throw new Error("no enums.x");
  const own = factsOf(unit, []);
  const INT_MAX = 2 ** 31 - 1;

  it("has every member that fits an enum", () => {
    const fitting = Object.entries(facts).map(([name, members]) => [
      name,
      Object.fromEntries(
        Object.entries(members)
          .filter(([, value]) => typeof value === "string" || value <= INT_MAX)
          .map(([member, value]) => [member, String(value)]),
      ),
    ]);
    expect(own.enums).toEqual(Object.fromEntries(fitting));
  });

  it("has the others as constants, beside the sizes of the headers' buffers", () => {
    const large = Object.values(facts).flatMap((members) =>
      Object.entries(members).filter(([, value]) => typeof value === "number" && value > INT_MAX),
    );
    expect(own.constants).toEqual({
      VIR_UUID_BUFLEN: "16",
      VIR_SECURITY_MODEL_BUFLEN: "257",
      VIR_SECURITY_LABEL_BUFLEN: "4097",
      VIR_SECURITY_DOI_BUFLEN: "257",
      ...Object.fromEntries(large.map(([name, value]) => [name, String(value)])),
    });
  });

  it("has nothing that would go over the wire", () => {
    expect(unit.definitions.filter(({ kind }) => kind !== "enum" && kind !== "const")).toEqual([]);
  });
});
