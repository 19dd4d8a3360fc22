import type { AliasItem, Arm, Field, StructItem, Type, UnionItem } from "../spec.ts";
import { fieldName, localName, typeName } from "./names.ts";
import { block, controlled, indented, list } from "./printer.ts";
import { armsOf, armText, isBool, labelText, typeText } from "./types.ts";

/** `taken`: names of the module that a local constant must not hide. */
export function aliasCodecLines(item: AliasItem): string[] {
  const decode = decodeExpression(item.type);
  const body = decode === undefined ? [...decodeInto("result", item.type), "return result;"] : [`return ${decode};`];
  return codec(item.name, encodeLines(item.type, "value"), body);
}

export function structCodecLines(item: StructItem, taken: ReadonlySet<string>): string[] {
  const encode = item.fields.flatMap((field) => encodeLines(field.type, `value.${fieldName(field.name)}`));
  return codec(item.name, encode, [...decodeStruct(item.fields, taken)]);
}

export function unionCodecLines(item: UnionItem, taken: ReadonlySet<string>): string[] {
  return codec(item.name, encodeUnion(item, taken), decodeUnion(item, taken));
}

function codec(name: string, encode: readonly string[], decode: readonly string[]): string[] {
  const type = typeName(name);
  const members = [...block("encode(writer, value) ", encode, ","), ...block("decode(reader) ", decode, ",")];
  return block(`export const ${type}: XdrType<${type}> = `, members, ";");
}

/** Columns that a line of a method's body begins at. */
const BODY = 4;

/** Fields up to the last array get constants, so that what is read keeps the order of the wire. */
function decodeStruct(fields: readonly Field[], taken: ReadonlySet<string>): string[] {
  const last = fields.findLastIndex((field) => decodeExpression(field.type) === undefined);
  const keys = new Set(fields.map((field) => fieldName(field.name)));
  const lines: string[] = [];
  const members = fields.map((field, index) => {
    const key = fieldName(field.name);
    const expression = decodeExpression(field.type);
    if (index > last && expression !== undefined) return `${key}: ${expression}`;
    const local = localName(key, keys, taken);
    lines.push(...decodeInto(local, field.type));
    return property(key, local);
  });
  return [...lines, ...list("return {", members, "};", BODY)];
}

function property(key: string, local: string): string {
  return key === local ? key : `${key}: ${local}`;
}

function encodeUnion(union: UnionItem, taken: ReadonlySet<string>): string[] {
  const { discriminant } = union;
  const key = fieldName(discriminant.name);
  const local = localName(key, keysOf(union), taken);
  const cases = armsOf(union).flatMap((arm) => caseLines(union, arm, encodeArm(union, arm)));
  return [
    `const ${local}: ${isBool(union) ? "boolean" : "number"} = value.${key};`,
    `writer.${wireScalar(discriminant.type)}(${local});`,
    ...block(`switch (value.${key}) `, [
      ...cases,
      ...unknownLines(union, `writer.unknownCase("${union.name}", ${local});`),
    ]),
  ];
}

function encodeArm(union: UnionItem, arm: Arm): string[] {
  if (arm.field === null) return ["break;"];
  const key = fieldName(arm.field.name);
  // The default arm's discriminant is any number, so a case does not tell the type checker which arm it is.
  const ambiguous = union.fallback !== null && !isBool(union);
  if (!ambiguous) return [...encodeLines(arm.field.type, `value.${key}`, 1, BODY + 4), "break;"];
  const local = `const item = value as ${armText(union, arm)};`;
  return [local, ...encodeLines(arm.field.type, `item.${key}`, 2, BODY + 4), "break;"];
}

function decodeUnion(union: UnionItem, taken: ReadonlySet<string>): string[] {
  const { discriminant } = union;
  const key = fieldName(discriminant.name);
  const keys = keysOf(union);
  const local = localName(key, keys, taken);
  const head = property(key, local);
  const cases = armsOf(union).flatMap((arm) => caseLines(union, arm, decodeArm(arm, head, keys, taken)));
  return [
    `const ${local} = reader.${wireScalar(discriminant.type)}();`,
    ...block(`switch (${local}) `, [
      ...cases,
      ...unknownLines(union, `return reader.unknownCase("${union.name}", ${local});`),
    ]),
  ];
}

function decodeArm(
  { field }: Arm,
  discriminant: string,
  keys: ReadonlySet<string>,
  taken: ReadonlySet<string>,
): string[] {
  if (field === null) return [`return { ${discriminant} };`];
  const key = fieldName(field.name);
  const expression = decodeExpression(field.type);
  if (expression !== undefined) return list("return {", [discriminant, `${key}: ${expression}`], "};", BODY + 4);
  const local = localName(key, keys, taken);
  return [...decodeInto(local, field.type, 1, BODY + 4), `return { ${discriminant}, ${property(key, local)} };`];
}

function keysOf(union: UnionItem): Set<string> {
  const fields = armsOf(union).flatMap(({ field }) => field ?? []);
  return new Set([union.discriminant, ...fields].map((field) => fieldName(field.name)));
}

function caseLines(union: UnionItem, arm: Arm, body: readonly string[]): string[] {
  const heads = arm.labels.map(({ value, text }) => {
    const label = labelText(union, value);
    return { head: `case ${label}:`, comment: /^[A-Z_]\w*$/i.test(text) && !isBool(union) ? `// ${text}` : "" };
  });
  if (arm === union.fallback) heads.push({ head: "default:", comment: "" });
  const last = heads.at(-1);
  const plain = heads.map(({ head, comment }) => `${head} ${comment}`.trimEnd());
  if (last === undefined || !body.some((line) => /^(?:const|let) /.test(line))) return [...plain, ...indented(body)];
  const inner = last.comment === "" ? body : [last.comment, ...body];
  return [...plain.slice(0, -1), ...block(`${last.head} `, inner)];
}

function unknownLines(union: UnionItem, line: string): string[] {
  return union.fallback === null ? ["default:", ...indented([line])] : [];
}

function wireScalar(type: UnionItem["discriminant"]["type"]): string {
  return type.kind === "enum" ? "int" : type.scalar;
}

function encodeLines(type: Type, value: string, depth = 1, indent = BODY): string[] {
  switch (type.kind) {
    case "scalar":
      return [`writer.${type.scalar}(${value});`];
    case "enum":
      return [`writer.int(${value});`];
    case "string":
    case "opaque":
    case "chars":
      return [`writer.${type.kind}(${value}, ${type.max});`];
    case "fixedOpaque":
    case "fixedChars":
      return [`writer.${type.kind}(${value}, ${type.size});`];
    case "struct":
    case "union":
      return [`${typeName(type.name)}.encode(writer, ${value});`];
    case "optional": {
      const body = encodeLines(type.item, value, depth, indent + 2);
      return [`writer.optional(${value} !== null);`, ...controlled(`if (${value} !== null)`, body, indent)];
    }
    case "counted":
      return [`writer.count(${value}.length, ${type.max});`, ...encodeItems(type.item, value, depth, indent)];
    case "fixed":
      return [`writer.fixedCount(${value}.length, ${type.size});`, ...encodeItems(type.item, value, depth, indent)];
  }
}

function encodeItems(item: Type, value: string, depth: number, indent: number): string[] {
  const each = numbered("item", depth);
  const body = encodeLines(item, each, depth + 1, indent + 2);
  return controlled(`for (const ${each} of ${value})`, body, indent);
}

/** `undefined` where it takes a loop. */
function decodeExpression(type: Type): string | undefined {
  switch (type.kind) {
    case "scalar":
      return `reader.${type.scalar}()`;
    case "enum":
      return "reader.int()";
    case "string":
    case "opaque":
    case "chars":
      return `reader.${type.kind}(${type.max})`;
    case "fixedOpaque":
    case "fixedChars":
      return `reader.${type.kind}(${type.size})`;
    case "struct":
    case "union":
      return `${typeName(type.name)}.decode(reader)`;
    case "optional": {
      const present = decodeExpression(type.item);
      return present === undefined ? undefined : `reader.optional() ? ${present} : null`;
    }
    case "counted":
    case "fixed":
      return undefined;
  }
}

/** Statements that end with the value in a new constant (a variable for an optional). */
function decodeInto(name: string, type: Type, depth = 1, indent = BODY): string[] {
  const expression = decodeExpression(type);
  if (expression !== undefined) return [`const ${name} = ${expression};`];
  if (type.kind === "optional") return decodeOptional(name, type, depth, indent);
  if (type.kind === "counted" || type.kind === "fixed") return decodeItems(name, type, depth, indent);
  return [];
}

function decodeOptional(name: string, type: Type & { kind: "optional" }, depth: number, indent: number): string[] {
  const present = numbered("items", depth);
  const body = [...decodeInto(present, type.item, depth + 1, indent + 2), `${name} = ${present};`];
  return [`let ${name}: ${typeText(type)} = null;`, ...block("if (reader.optional()) ", body)];
}

function decodeItems(
  name: string,
  type: Type & { kind: "counted" | "fixed" },
  depth: number,
  indent: number,
): string[] {
  const n = numbered("n", depth);
  const count = type.kind === "fixed" ? String(type.size) : `reader.count(${type.max}, ${type.itemSize})`;
  const head = `for (let ${n} = ${count}; ${n} > 0; ${n}--)`;
  const body = decodeItem(name, type.item, depth, indent + 2);
  return [`const ${name}: ${typeText(type)} = [];`, ...controlled(head, body, indent)];
}

function decodeItem(name: string, item: Type, depth: number, indent: number): string[] {
  const expression = decodeExpression(item);
  if (expression !== undefined) return [`${name}.push(${expression});`];
  const each = numbered("items", depth);
  return [...decodeInto(each, item, depth + 1, indent), `${name}.push(${each});`];
}

function numbered(name: string, depth: number): string {
  return depth === 1 ? name : `${name}${depth}`;
}
