import { readAnnotations } from "../annotations.ts";
import type { DiagnosticLog } from "../diagnostics.ts";
import type { Span } from "../source.ts";
import type {
  ConstItem,
  EnumItem,
  EnumMember,
  Item,
  Module,
  ProcedureSpec,
  ProgramSpec,
  Spec,
  TypeName,
} from "../spec.ts";

/**
 * libvirt's convention for programs (libvirt-rpc §5.2): an enum `*_procedure` of `PREFIX_PROC_NAME` members makes a
 * program, `PREFIX_PROGRAM` its number; a procedure's structs are found by name. The enum itself becomes the program
 * and leaves the items.
 */
export function withLibvirtPrograms(spec: Spec, log: DiagnosticLog): Spec {
  const names = lookupTable(spec);
  return { modules: spec.modules.map((module) => withPrograms(module, names, log)) };
}

interface Lookup {
  readonly constants: ReadonlyMap<string, ConstItem>;
  /** By name without case and underscores: structs are written both `remote_x_args` and `virLockXArgs`. */
  readonly types: ReadonlyMap<string, readonly TypeName[]>;
}

function lookupTable({ modules }: Spec): Lookup {
  const constants = new Map<string, ConstItem>();
  const types = new Map<string, TypeName[]>();
  for (const module of modules) {
    for (const item of module.items) {
      if (item.kind === "const") constants.set(item.name, item);
      else if (item.kind !== "enum") addType(types, { name: item.name, module: module.name });
    }
  }
  return { constants, types };
}

function addType(types: Map<string, TypeName[]>, type: TypeName): void {
  const key = plain(type.name);
  const same = types.get(key);
  if (same === undefined) types.set(key, [type]);
  else same.push(type);
}

function plain(name: string): string {
  return name.replaceAll("_", "").toLowerCase();
}

function withPrograms(module: Module, names: Lookup, log: DiagnosticLog): Module {
  const items: Item[] = [];
  const programs: ProgramSpec[] = [];
  for (const item of module.items) {
    if (item.kind === "enum" && /_procedure$|Procedure$/.test(item.name)) programs.push(programOf(item, names, log));
    else items.push(item);
  }
  return { ...module, items, programs };
}

function programOf(item: EnumItem, names: Lookup, log: DiagnosticLog): ProgramSpec {
  const prefix = item.members[0]?.name.split("_PROC_", 1)[0] ?? "";
  const procedures = item.members.map((member) => procedureOf(member, prefix, names, log));
  uniqueNumbers(item, log);
  return {
    name: prefix,
    number: constantOf([`${prefix}_PROGRAM`], item.span, names, log),
    version: constantOf([`${prefix}_PROTOCOL_VERSION`, `${prefix}_PROGRAM_VERSION`], item.span, names, log),
    doc: item.doc,
    span: item.span,
    procedures: procedures.filter((procedure) => procedure !== undefined),
  };
}

const UINT_MAX = 4_294_967_295n;

function constantOf(candidates: readonly string[], span: Span, { constants }: Lookup, log: DiagnosticLog): number {
  const item = candidates.map((name) => constants.get(name)).find((found) => found !== undefined);
  const [name = ""] = candidates;
  if (item === undefined) {
    log.error(
      span,
      `there is no constant ${candidates.join(" or ")} for this program`,
      `write const ${name} = NUMBER;`,
    );
  } else if (item.value < 0n || item.value > UINT_MAX) {
    log.error(item.span, `${item.name} is no unsigned 32-bit number`);
  }
  return Number(item?.value ?? 0n);
}

function uniqueNumbers({ members }: EnumItem, log: DiagnosticLog): void {
  const seen = new Map<number, string>();
  for (const { name, value, span } of members) {
    const before = seen.get(value);
    if (before !== undefined) log.error(span, `procedure ${value} is already ${before}`);
    if (value < 0) log.error(span, `procedure number ${value} is negative`);
    seen.set(value, name);
  }
}

function procedureOf(member: EnumMember, prefix: string, names: Lookup, log: DiagnosticLog): ProcedureSpec | undefined {
  const [head, ...rest] = member.name.split("_PROC_");
  const name = rest.join("_PROC_");
  if (head !== prefix || name === "") {
    log.error(member.span, `${member.name} is no ${prefix}_PROC_NAME`, "all procedures of an enum have one prefix");
    return undefined;
  }
  const { annotations, doc } = readAnnotations(member.doc, member.span.source, log);
  const find = (kind: string): TypeName | null => findType(`${prefix}_${name}_${kind}`, member, names, log);
  const types = { args: find("args"), ret: find("ret"), msg: find("msg") };
  const procedure = { number: member.value, id: member.name, name, ...types, annotations, doc, span: member.span };
  checkKind(procedure, log);
  return procedure;
}

function findType(wanted: string, { span }: EnumMember, { types }: Lookup, log: DiagnosticLog): TypeName | null {
  const found = types.get(plain(wanted)) ?? [];
  if (found.length > 1) {
    log.error(
      span,
      `${found.map((type) => type.name).join(" and ")} could both be meant`,
      `name one ${wanted.toLowerCase()}`,
    );
  }
  return found[0] ?? null;
}

function checkKind({ args, ret, msg, annotations, span }: ProcedureSpec, log: DiagnosticLog): void {
  const { readStream, writeStream } = annotations;
  if (msg !== null && (args !== null || ret !== null)) {
    log.error(span, `${msg.name} makes this an event, but there is ${(args ?? ret)?.name} too`);
  }
  if (readStream !== undefined && writeStream !== undefined) {
    log.error(span, "a procedure has one stream: @readstream or @writestream");
  }
  if (msg !== null && (readStream ?? writeStream) !== undefined) log.error(span, "an event has no stream");
}
