import type { AliasItem, Arm, ConstItem, EnumItem, Field, StructItem, Type, UnionItem } from "../spec.ts";
import { constName, fieldName, memberNames, typeName } from "./names.ts";
import { assigned, block, docComment, docText, indented, WIDTH } from "./printer.ts";

/** The TypeScript type that values of an XDR type have. */
export function typeText(type: Type): string {
  switch (type.kind) {
    case "scalar":
      return type.scalar === "hyper" || type.scalar === "uhyper"
        ? "bigint"
        : type.scalar === "bool"
          ? "boolean"
          : "number";
    case "string":
      return "string";
    case "opaque":
    case "fixedOpaque":
    case "chars":
    case "fixedChars":
      return "Uint8Array";
    case "struct":
    case "union":
      return typeName(type.name);
    // libvirt's decoder does not check an enum's range (libvirt-rpc §1.10): a newer peer's number must have a place.
    case "enum":
      return `${typeName(type.name)} | number`;
    case "optional":
      return `${typeText(type.item)} | null`;
    case "counted":
    case "fixed":
      return arrayText(typeText(type.item));
  }
}

export function constLines(item: ConstItem): string[] {
  return [...docComment(docText(item.doc)), `export const ${constName(item.name)} = ${numberText(item)};`];
}

export function enumLines(item: EnumItem): string[] {
  const name = typeName(item.name);
  const keys = memberNames(item);
  const members = item.members.flatMap((member, index) => [
    ...docComment(docText(member.doc)),
    `${keys[index] ?? member.name}: ${member.value},`,
  ]);
  return [
    ...docComment(docText(item.doc)),
    ...block(`export const ${name} = `, members, " as const;"),
    ...assigned(`export type ${name} =`, `(typeof ${name})[keyof typeof ${name}];`),
  ];
}

export function aliasTypeLines(item: AliasItem): string[] {
  return [...docComment(docText(item.doc)), `export type ${typeName(item.name)} = ${typeText(item.type)};`];
}

export function structTypeLines(item: StructItem): string[] {
  const fields = item.fields.flatMap((field) => [...docComment(docText(field.doc)), `${memberText(field)};`]);
  return [...docComment(docText(item.doc)), ...block(`export interface ${typeName(item.name)} `, fields)];
}

export function unionTypeLines(item: UnionItem): string[] {
  const head = `export type ${typeName(item.name)} =`;
  return [...docComment(docText(item.doc)), ...(onOneLine(item, head) ?? armPerLine(item, head))];
}

function onOneLine(item: UnionItem, head: string): string[] | undefined {
  const arms = armsOf(item);
  const line = `${head} ${arms.map((arm) => armText(item, arm)).join(" | ")};`;
  return arms.some((arm) => arm.doc.length > 0) || line.length > WIDTH ? undefined : [line];
}

function armPerLine(item: UnionItem, head: string): string[] {
  const arms = armsOf(item);
  const lines = arms.flatMap((arm, index) => {
    const end = index === arms.length - 1 ? ";" : "";
    return [...docComment(docText(arm.doc)), `| ${armText(item, arm)}${end}`];
  });
  return [head, ...indented(lines)];
}

/** The type of a union's values with this arm: `{ type: 1 | 2; i: number }`. */
export function armText(union: UnionItem, arm: Arm): string {
  const discriminant = `${fieldName(union.discriminant.name)}: ${discriminantText(union, arm)}`;
  return arm.field === null ? `{ ${discriminant} }` : `{ ${discriminant}; ${memberText(arm.field)} }`;
}

export function armsOf({ arms, fallback }: UnionItem): Arm[] {
  return fallback === null ? [...arms] : [...arms, fallback];
}

export function labelText(union: UnionItem, value: number): string {
  return isBool(union) ? String(value === 1) : String(value);
}

export function isBool({ discriminant: { type } }: UnionItem): boolean {
  return type.kind === "scalar" && type.scalar === "bool";
}

function discriminantText(union: UnionItem, arm: Arm): string {
  if (arm !== union.fallback) return arm.labels.map((label) => labelText(union, label.value)).join(" | ");
  if (!isBool(union)) return "number";
  return labelText(union, union.arms.some((each) => each.labels.some((label) => label.value === 1)) ? 0 : 1);
}

function memberText(field: Field): string {
  return `${fieldName(field.name)}: ${typeText(field.type)}`;
}

function arrayText(item: string): string {
  return item.includes(" ") ? `(${item})[]` : `${item}[]`;
}

function numberText({ value, text }: ConstItem): string {
  const written = /^0[xX]/.test(text) ? text.toLowerCase() : String(value);
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? written : `${written}n`;
}
