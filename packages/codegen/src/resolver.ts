import { inDependencyOrder } from "./dependencies.ts";
import type { DiagnosticLog } from "./diagnostics.ts";
import { openScope, type Scope, type TypeDefinition, type TypeEntry, unknownConstant } from "./scope.ts";
import { leastSize, leastStructSize, leastUnionSize } from "./sizes.ts";
import type { Span } from "./source.ts";
import type {
  AliasItem,
  Arm,
  ConstItem,
  DiscriminantType,
  EnumItem,
  EnumMember,
  Field,
  Item,
  Label,
  Module,
  Spec,
  StructItem,
  Type,
  UnionItem,
} from "./spec.ts";
import type {
  ArmSyntax,
  ConstSyntax,
  DeclarationSyntax,
  EnumSyntax,
  Name,
  StructSyntax,
  TypedefSyntax,
  TypeSyntax,
  UnionSyntax,
  Unit,
  Value,
} from "./syntax.ts";

/** A parsed file and the name its module gets. */
export interface NamedUnit {
  readonly unit: Unit;
  readonly module: string;
}

/** Looks up every name of the files of one compile. When the log has failed, the result is not to be used. */
export function resolve(units: readonly NamedUnit[], defines: ReadonlyMap<string, bigint>, log: DiagnosticLog): Spec {
  const scope = openScope(units, defines, log);
  const context: Context = { scope, log, aliases: new Map(), sizes: new Map(), items: new Map() };
  for (const name of inDependencyOrder(scope, log)) {
    const entry = scope.types.get(name);
    if (entry !== undefined) resolveDefinition(entry, context);
  }
  return { modules: units.map((unit) => resolveModule(unit, context)) };
}

interface Context {
  readonly scope: Scope;
  readonly log: DiagnosticLog;
  /** What each typedef stands for; lacks those with a fault. */
  readonly aliases: Map<string, Type>;
  readonly sizes: Map<string, number>;
  readonly items: Map<string, Item>;
}

function resolveModule({ unit, module }: NamedUnit, context: Context): Module {
  const items: Item[] = [];
  for (const definition of unit.definitions) {
    const item = definition.kind === "const" ? resolveConst(definition, context) : itemOf(definition, context);
    if (item !== undefined) items.push(item);
  }
  return { name: module, doc: unit.doc, items, programs: [] };
}

function itemOf(definition: TypeDefinition, { scope, items }: Context): Item | undefined {
  const { text } = definition.name;
  return scope.types.get(text)?.definition === definition ? items.get(text) : undefined;
}

const CONST_MIN = -(2n ** 63n);
const CONST_MAX = 2n ** 64n - 1n;

function resolveConst({ name, value, doc }: ConstSyntax, context: Context): ConstItem {
  const number = valueIn(CONST_MIN, CONST_MAX, ownValue(name, value), context, "64 bits") ?? 0n;
  const text = value.kind === "number" ? value.text : String(number);
  return { kind: "const", name: name.text, doc, span: name.span, value: number, text };
}

function resolveDefinition({ definition }: TypeEntry, context: Context): void {
  const item = resolveItem(definition, context);
  if (item === undefined) return;
  context.items.set(item.name, item);
  const size = item.kind === "struct" ? leastStructSize(item, context.sizes) : unionSize(item, context);
  if (size > COUNT_MAX)
    context.log.error(definition.name.span, `${item.name} takes more bytes than a message can hold`);
  context.sizes.set(item.name, Math.min(size, COUNT_MAX));
}

function unionSize(item: Item, context: Context): number {
  return item.kind === "union" ? leastUnionSize(item, context.sizes) : 0;
}

function resolveItem(definition: TypeDefinition, context: Context): Item | undefined {
  switch (definition.kind) {
    case "enum":
      return resolveEnum(definition, context);
    case "struct":
      return resolveStruct(definition, context);
    case "union":
      return resolveUnion(definition, context);
    case "typedef":
      return resolveAlias(definition, context);
  }
}

const INT_MIN = -(2n ** 31n);
const INT_MAX = 2n ** 31n - 1n;
const COUNT_MAX = 4_294_967_295;

function resolveEnum({ name, members, doc }: EnumSyntax, context: Context): EnumItem {
  return {
    kind: "enum",
    name: name.text,
    doc,
    span: name.span,
    members: members.map((each) => resolveMember(each, context)),
  };
}

function resolveMember({ name, value, doc }: EnumSyntax["members"][number], context: Context): EnumMember {
  const hint = `an enum is a signed 32-bit integer: write const ${name.text} = VALUE;`;
  const number = valueIn(INT_MIN, INT_MAX, ownValue(name, value), context, "an enum", hint) ?? 0n;
  return { name: name.text, doc, span: name.span, value: Number(number) };
}

/** The value of a constant that the scope has computed: faults on the way to it are logged there. */
function ownValue({ text }: Name, { span }: Value): Value {
  return { kind: "constant", name: text, span };
}

function resolveAlias(definition: TypedefSyntax, context: Context): AliasItem | undefined {
  const field = resolveField(definition, context);
  if (field === undefined) return undefined;
  context.aliases.set(field.name, field.type);
  return { kind: "alias", ...field };
}

function resolveStruct({ name, fields, doc }: StructSyntax, context: Context): StructItem {
  unique(
    fields.map((field) => field.name),
    context,
  );
  return { kind: "struct", name: name.text, doc, span: name.span, fields: resolveFields(fields, context) };
}

function resolveFields(fields: readonly DeclarationSyntax[], context: Context): Field[] {
  return fields.map((field) => resolveField(field, context)).filter((field) => field !== undefined);
}

function resolveField({ name, type, doc }: DeclarationSyntax, context: Context): Field | undefined {
  const resolved = resolveType(type, context);
  if (resolved === undefined) return undefined;
  if (depthOf(resolved) > DEPTH_MAX) {
    const hint = "give an inner part a struct of its own";
    context.log.error(type.span, `arrays and optionals nest more than ${DEPTH_MAX} deep`, hint);
    return undefined;
  }
  return { name: name.text, doc, span: name.span, type: resolved };
}

function unique(names: readonly Name[], { log }: Context): void {
  const seen = new Set<string>();
  for (const { text, span } of names) {
    if (seen.has(text)) log.error(span, `there is another ${text} here`);
    seen.add(text);
  }
}

function resolveUnion(definition: UnionSyntax, context: Context): UnionItem | undefined {
  const { name, arms, fallback, doc } = definition;
  const declared = [...arms, ...(fallback === null ? [] : [fallback])].map((arm) => arm.declaration?.name);
  unique([definition.discriminant.name, ...declared.filter((each) => each !== undefined)], context);
  const discriminant = resolveDiscriminant(definition.discriminant, context);
  const labels = arms.map((arm) => arm.labels.map((label) => resolveLabel(label, discriminant?.type, context)));
  uniqueLabels(definition, labels, context);
  if (discriminant === undefined) return undefined;
  return {
    kind: "union",
    name: name.text,
    doc,
    span: name.span,
    discriminant,
    arms: arms.map((arm, index) => resolveArm(arm, labels[index] ?? [], context)),
    fallback: fallback === null ? null : resolveFallback(fallback, discriminant.type, labels.flat(), context),
  };
}

function resolveDiscriminant(declaration: DeclarationSyntax, context: Context): UnionItem["discriminant"] | undefined {
  const field = resolveField(declaration, context);
  if (field === undefined) return undefined;
  const type = asDiscriminant(field.type);
  if (type !== undefined) return { ...field, type };
  context.log.error(declaration.type.span, "a union switches on int, unsigned int, bool or an enum");
  return undefined;
}

function asDiscriminant(type: Type): DiscriminantType | undefined {
  if (type.kind === "enum") return { ...type, kind: "enum" };
  if (type.kind !== "scalar") return undefined;
  return type.scalar === "int" || type.scalar === "uint" || type.scalar === "bool" ? type : undefined;
}

function resolveLabel(label: Value, type: DiscriminantType | undefined, context: Context): Label | undefined {
  const [min, max, what] = labelRange(type);
  const value = valueIn(min, max, label, context, what);
  if (value === undefined) return undefined;
  if (type?.kind === "enum" && !isMember(type.name, Number(value), context)) {
    context.log.error(label.span, `${value} is no member of enum ${type.name}`);
  }
  return { value: Number(value), text: label.kind === "constant" ? label.name : label.text };
}

function labelRange(type: DiscriminantType | undefined): [bigint, bigint, string] {
  if (type?.kind !== "scalar") return [INT_MIN, INT_MAX, "an enum"];
  if (type.scalar === "bool") return [0n, 1n, "a bool"];
  return type.scalar === "uint" ? [0n, BigInt(COUNT_MAX), "an unsigned int"] : [INT_MIN, INT_MAX, "an int"];
}

function isMember(name: string, value: number, { items }: Context): boolean {
  const item = items.get(name);
  return item?.kind !== "enum" || item.members.some((member) => member.value === value);
}

function uniqueLabels(
  { arms }: UnionSyntax,
  labels: readonly (readonly (Label | undefined)[])[],
  { log }: Context,
): void {
  const seen = new Map<number, string>();
  for (const [index, arm] of arms.entries()) {
    for (const [position, written] of arm.labels.entries()) {
      const label = labels[index]?.[position];
      if (label === undefined) continue;
      const before = seen.get(label.value);
      if (before !== undefined) log.error(written.span, `case ${label.value} is taken by ${before}`);
      seen.set(label.value, label.text);
    }
  }
}

function resolveArm(arm: ArmSyntax, labels: readonly (Label | undefined)[], context: Context): Arm {
  const field = arm.declaration === null ? undefined : resolveField(arm.declaration, context);
  return { labels: labels.filter((label) => label !== undefined), field: field ?? null, doc: arm.doc };
}

function resolveFallback(
  arm: ArmSyntax,
  type: DiscriminantType,
  labels: readonly (Label | undefined)[],
  context: Context,
): Arm {
  if (type.kind === "scalar" && type.scalar === "bool" && labels.length > 1) {
    context.log.error(arm.span, "the default arm is never taken: both cases of the bool are written");
  }
  return resolveArm(arm, [], context);
}

function resolveType(type: TypeSyntax, context: Context): Type | undefined {
  switch (type.kind) {
    case "scalar":
      return { kind: "scalar", scalar: type.scalar };
    case "named":
      return resolveName(type.name, context);
    case "string":
    case "opaque":
      return bounded(type.limit, context, (max) => ({ kind: type.kind, max }));
    case "fixedOpaque":
      return bounded(type.size, context, (size) => ({ kind: "fixedOpaque", size }));
    case "counted":
      if (isChar(type.item)) return bounded(type.limit, context, (max) => ({ kind: "chars", max }));
      return resolveCounted(type, context);
    case "fixed":
      if (isChar(type.item)) return bounded(type.size, context, (size) => ({ kind: "fixedChars", size }));
      return resolveFixed(type, context);
    case "optional":
      return resolveOptional(type, context);
  }
}

function resolveName({ text, span }: Name, context: Context): Type | undefined {
  const entry = context.scope.types.get(text);
  if (entry === undefined) {
    context.log.error(span, `unknown type ${text}`, unknownTypeHint(text, context.scope));
    return undefined;
  }
  const { kind } = entry.definition;
  return kind === "typedef" ? context.aliases.get(text) : { kind, name: text, module: entry.module };
}

/** Names that some rpcgen dialects know. */
const ELSEWHERE = new Map([
  ["u_char", "unsigned char"],
  ["u_short", "unsigned short"],
  ["u_int", "unsigned int"],
  ["u_long", "unsigned int"],
  ["u_hyper", "unsigned hyper"],
  ["quad_t", "hyper"],
  ["u_quad_t", "unsigned hyper"],
  ["int32_t", "int"],
  ["uint32_t", "unsigned int"],
  ["int64_t", "hyper"],
  ["uint64_t", "unsigned hyper"],
]);

function unknownTypeHint(name: string, scope: Scope): string {
  const written = ELSEWHERE.get(name);
  if (written !== undefined) return `write ${written}`;
  if (scope.constants.has(name)) return `${name} is a constant`;
  return "compile the .x file that defines it too";
}

function isChar(type: TypeSyntax): boolean {
  return type.kind === "scalar" && type.scalar === "char";
}

function bounded<T>(limit: Value | null, context: Context, make: (limit: number) => T): T | undefined {
  const number = resolveCount(limit, context);
  return number === undefined ? undefined : make(number);
}

function resolveCount(limit: Value | null, context: Context): number | undefined {
  if (limit === null) return COUNT_MAX;
  const value = valueIn(0n, BigInt(COUNT_MAX), limit, context, "a size");
  return value === undefined ? undefined : Number(value);
}

function resolveCounted(type: TypeSyntax & { kind: "counted" }, context: Context): Type | undefined {
  const item = resolveType(type.item, context);
  const max = resolveCount(type.limit, context);
  if (item === undefined || max === undefined) return undefined;
  const itemSize = leastSize(item, context.sizes);
  if (itemSize === 0) {
    context.log.error(
      type.span,
      "items of a counted array take no bytes",
      "a few bytes could then claim any number of items",
    );
  }
  return { kind: "counted", item, max, itemSize };
}

function resolveFixed(type: TypeSyntax & { kind: "fixed" }, context: Context): Type | undefined {
  const item = resolveType(type.item, context);
  const size = resolveCount(type.size, context);
  return item === undefined || size === undefined ? undefined : { kind: "fixed", item, size };
}

function resolveOptional(type: TypeSyntax & { kind: "optional" }, context: Context): Type | undefined {
  const item = resolveType(type.item, context);
  if (item?.kind === "optional") {
    context.log.error(type.span, "optional of an optional", "null could mean either: name the inner one in a struct");
  }
  return item === undefined ? undefined : { kind: "optional", item };
}

/** Each level becomes a nested loop or branch in generated code. */
const DEPTH_MAX = 8;

function depthOf(type: Type): number {
  return "item" in type ? 1 + depthOf(type.item) : 0;
}

function valueIn(
  min: bigint,
  max: bigint,
  written: Value,
  context: Context,
  what: string,
  hint?: string,
): bigint | undefined {
  const value = valueOf(written, written.span, context);
  if (value === undefined || (value >= min && value <= max)) return value;
  context.log.error(written.span, `${value} is out of range for ${what}`, hint ?? `${min} to ${max}`);
  return undefined;
}

function valueOf(written: Value, span: Span, { scope, log }: Context): bigint | undefined {
  if (written.kind === "number") return written.value;
  const value = scope.constants.get(written.name);
  if (value === undefined && !scope.broken.has(written.name)) unknownConstant(written.name, span, log);
  return value;
}
