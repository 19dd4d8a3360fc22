import { readFileSync } from "node:fs";
import type { ProcedureSpec, syntax } from "@virnet/codegen";

/** A `.x` file of libvirt as it was found, in plain names and numbers. */
export interface Facts {
  readonly constants: Readonly<Record<string, string>>;
  readonly typedefs: readonly DeclarationFacts[];
  readonly enums: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly structs: Readonly<Record<string, readonly DeclarationFacts[]>>;
  readonly unions: Readonly<Record<string, UnionFacts>>;
  /** Empty where nothing is annotated. */
  readonly procedures: readonly ProcedureFacts[];
}

export interface DeclarationFacts {
  readonly name: string;
  readonly type: string;
  readonly max?: string;
  readonly fixed?: string;
  readonly optional?: true;
}

export interface UnionFacts {
  readonly discriminant: { readonly type: string; readonly name: string };
  readonly arms: readonly { readonly case: string; readonly arm: DeclarationFacts }[];
}

export interface ProcedureFacts {
  readonly number: number;
  readonly id: string;
  readonly args: string | null;
  readonly ret: string | null;
  readonly msg?: string;
  readonly generate?: string;
  readonly priority?: string;
  readonly acl?: readonly string[];
  readonly aclfilter?: readonly string[];
  readonly readstream?: string;
  readonly writestream?: string;
  readonly sparseflag?: string;
  readonly since?: string;
  readonly returnInsert?: string;
}

export function readFacts(name: string): Facts {
  // A bare "unsigned" is the same type by another name.
  const facts = JSON.parse(factsText(name).replaceAll('"unsigned"', '"unsigned int"')) as Facts;
  return {
    ...facts,
    enums: Object.fromEntries(Object.entries(facts.enums).map((entry) => withProcedures(entry, facts))),
  };
}

/** The latest procedures were found by themselves, without the enum that they belong to. */
function withProcedures([name, members]: [string, Readonly<Record<string, string>>], { procedures }: Facts) {
  if (!name.endsWith("_procedure")) return [name, members] as const;
  return [
    name,
    { ...members, ...Object.fromEntries(procedures.map(({ id, number }) => [id, String(number)])) },
  ] as const;
}

/** Public enums: numbers, or the name of a member elsewhere that has the number. */
export type EnumFacts = Readonly<Record<string, Readonly<Record<string, number | string>>>>;

export function readEnumFacts(): EnumFacts {
  return JSON.parse(factsText("enums")) as EnumFacts;
}

function factsText(name: string): string {
  return readFileSync(new URL(`../facts/${name}.json`, import.meta.url), "utf8");
}

/** What one of our own `.x` files says, in the same form. */
export function factsOf(unit: syntax.Unit, procedures: readonly ProcedureSpec[]): Facts {
  return {
    constants: Object.fromEntries(only(unit, "const").map(({ name, value }) => [name.text, valueText(value)])),
    typedefs: only(unit, "typedef").map(declarationFacts),
    enums: Object.fromEntries(only(unit, "enum").map(({ name, members }) => [name.text, membersFacts(members)])),
    structs: Object.fromEntries(
      only(unit, "struct").map(({ name, fields }) => [name.text, fields.map(declarationFacts)]),
    ),
    unions: Object.fromEntries(only(unit, "union").map((union) => [union.name.text, unionFacts(union)])),
    procedures: procedures.map(procedureFacts),
  };
}

function only<K extends syntax.Definition["kind"]>(
  unit: syntax.Unit,
  kind: K,
): Extract<syntax.Definition, { kind: K }>[] {
  return unit.definitions.filter((each): each is Extract<syntax.Definition, { kind: K }> => each.kind === kind);
}

function membersFacts(members: readonly syntax.EnumMemberSyntax[]): Record<string, string> {
  return Object.fromEntries(members.map(({ name, value }) => [name.text, valueText(value)]));
}

function valueText(value: syntax.Value): string {
  return value.kind === "number" ? value.text : value.name;
}

function declarationFacts({ name, type }: syntax.DeclarationSyntax): DeclarationFacts {
  switch (type.kind) {
    case "optional":
      return { name: name.text, type: typeText(type.item), optional: true };
    case "counted":
      return { name: name.text, type: typeText(type.item), ...maxFacts(type.limit) };
    case "fixed":
      return { name: name.text, type: typeText(type.item), fixed: valueText(type.size) };
    case "string":
    case "opaque":
      return { name: name.text, type: type.kind, ...maxFacts(type.limit) };
    case "fixedOpaque":
      return { name: name.text, type: "opaque", fixed: valueText(type.size) };
    case "scalar":
    case "named":
      return { name: name.text, type: typeText(type) };
  }
}

function maxFacts(limit: syntax.Value | null): { max?: string } {
  return limit === null ? {} : { max: valueText(limit) };
}

function typeText(type: syntax.TypeSyntax): string {
  if (type.kind === "scalar") return type.scalar.replace(/^u(?!$)/, "unsigned ");
  return type.kind === "named" ? type.name.text : type.kind;
}

function unionFacts({ discriminant, arms }: syntax.UnionSyntax): UnionFacts {
  return {
    discriminant: { type: typeText(discriminant.type), name: discriminant.name.text },
    arms: arms.flatMap(({ labels, declaration }) =>
      declaration === null
        ? []
        : labels.map((label) => ({ case: valueText(label), arm: declarationFacts(declaration) })),
    ),
  };
}

function procedureFacts({ number, id, args, ret, msg, annotations }: ProcedureSpec): ProcedureFacts {
  const { generate, priority, acl, aclFilter, readStream, writeStream, sparseFlag, since, insert } = annotations;
  return {
    number,
    id,
    args: args?.name ?? null,
    ret: ret?.name ?? null,
    ...(msg === null ? {} : { msg: msg.name }),
    ...(generate === undefined ? {} : { generate }),
    ...(priority === undefined ? {} : { priority }),
    ...(acl.length === 0 ? {} : { acl }),
    ...(aclFilter.length === 0 ? {} : { aclfilter: aclFilter }),
    ...(readStream === undefined ? {} : { readstream: String(readStream) }),
    ...(writeStream === undefined ? {} : { writestream: String(writeStream) }),
    ...(sparseFlag === undefined ? {} : { sparseflag: sparseFlag }),
    ...(since === undefined ? {} : { since }),
    ...(insert === undefined ? {} : { returnInsert: `insert@${insert}` }),
  };
}
