import * as fc from "fast-check";
import type { EventType, Procedures, Program } from "virnet";
import { decodeXdr, encodeXdr, type XdrType, XdrVoid } from "virnet/xdr";
import { describe, expect, it } from "vitest";
import { eventName, procedureName, programName, typeName } from "../../codegen/src/emit/names.ts";
import { valuesOf } from "../../codegen/test/helpers/values.ts";
import * as admin from "../src/gen/admin.ts";
import * as lock from "../src/gen/lock.ts";
import * as log from "../src/gen/log.ts";
import * as lxc from "../src/gen/lxc.ts";
import * as qemu from "../src/gen/qemu.ts";
import * as remote from "../src/gen/remote.ts";
import { framing, generated, libvirt, programsOf, textIn, understood } from "./helpers/protocols.ts";

describe("generated code is up to date", () => {
  const files = [framing, libvirt].flatMap((protocols) =>
    Object.entries(generated(protocols)).map(([name, text]) => ({ name, text, out: protocols.out })),
  );

  it.each(files)("$name", ({ name, text, out }) => {
    expect(textIn(out, name)).toBe(text);
  });
});

const exported = new Map<string, unknown>(
  [remote, qemu, lxc, admin, lock, log].flatMap((module) => Object.entries(module)),
);
const analyzed = understood(libvirt);

function codec(name: string): XdrType<unknown> {
  const found = exported.get(typeName(name));
  if (found === undefined) throw new Error(`nothing exported for ${name}`);
  return found as XdrType<unknown>;
}

describe("what is decoded is what was encoded", () => {
  const wireTypes = analyzed.spec.modules
    .flatMap(({ items }) => items)
    .filter(({ kind }) => kind !== "const" && kind !== "enum")
    .map(({ name }) => name);

  it("for every type of every program", () => {
    expect(wireTypes.length).toBeGreaterThan(750);
    for (const name of wireTypes) {
      const type = codec(name);
      fc.assert(
        fc.property(valuesOf(name, analyzed.spec), (value) => {
          const encoded = encodeXdr(type, value, name);
          expect(decodeXdr(type, encoded, name)).toEqual(value);
        }),
        { numRuns: 10 },
      );
    }
  });
});

describe("descriptors", () => {
  it.each(programsOf(analyzed))("of $name say what the .x file says", (spec) => {
    const program = exported.get(programName(spec)) as Program;
    const { procedures, ...head } = program;
    expect(head).toEqual({ name: spec.name, number: spec.number, version: spec.version });
    const calls = spec.procedures.filter(({ msg }) => msg === null);
    expect(procedures).toEqual(
      Object.fromEntries(
        calls.map(({ number, id, name, args, ret, annotations }) => {
          const { open, sparseFlag, acl, priority = "low", readStream, writeStream } = annotations;
          const stream = readStream === undefined ? (writeStream === undefined ? null : "write") : "read";
          const codecs = {
            args: args === null ? XdrVoid : codec(args.name),
            ret: ret === null ? XdrVoid : codec(ret.name),
          };
          const optional = { ...(open && { open }), ...(sparseFlag && { sparseFlag }), ...(acl.length > 0 && { acl }) };
          return [procedureName(name), { number, name: id, ...codecs, stream, priority, ...optional }];
        }),
      ) satisfies Procedures,
    );
    for (const event of spec.procedures.filter(({ msg }) => msg !== null)) {
      const found = exported.get(eventName(spec, event)) as EventType<unknown>;
      expect(found).toEqual({ program, number: event.number, name: event.id, payload: codec(event.msg?.name ?? "") });
    }
  });

  it("cover all numbers without a gap", () => {
    for (const { name, procedures } of programsOf(analyzed)) {
      const numbers = procedures.map(({ number }) => number);
      expect({ name, numbers }).toEqual({ name, numbers: Array.from(numbers, (_, index) => index + 1) });
    }
    expect(programsOf(analyzed).map(({ name, procedures }) => `${name} ${procedures.length}`)).toEqual([
      "ADMIN 20",
      "VIR_LOCK_SPACE_PROTOCOL 8",
      "VIR_LOG_MANAGER_PROTOCOL 4",
      "LXC 1",
      "QEMU 7",
      "REMOTE 456",
    ]);
  });
});
