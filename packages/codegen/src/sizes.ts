import type { Arm, StructItem, Type, UnionItem } from "./spec.ts";

/** The least bytes that each struct and union takes, by its name in the `.x` file. */
export type Sizes = ReadonlyMap<string, number>;

/** The least bytes a value of this type takes on the wire (RFC 4506 §4). May exceed what a message can hold. */
export function leastSize(type: Type, sizes: Sizes): number {
  switch (type.kind) {
    case "scalar":
      return EIGHT_BYTES.has(type.scalar) ? 8 : 4;
    case "struct":
    case "union":
      return sizes.get(type.name) ?? 0;
    case "fixedOpaque":
      return Math.ceil(type.size / 4) * 4;
    case "fixedChars":
      return type.size * 4;
    case "fixed":
      return type.size * leastSize(type.item, sizes);
    case "enum":
    case "string":
    case "opaque":
    case "chars":
    case "counted":
    case "optional":
      return 4;
  }
}

export function leastStructSize(struct: StructItem, sizes: Sizes): number {
  return struct.fields.reduce((sum, field) => sum + leastSize(field.type, sizes), 0);
}

export function leastUnionSize(union: UnionItem, sizes: Sizes): number {
  const arms = union.fallback === null ? union.arms : [...union.arms, union.fallback];
  return 4 + arms.reduce((least, arm) => Math.min(least, armSize(arm, sizes)), Number.POSITIVE_INFINITY);
}

const EIGHT_BYTES: ReadonlySet<string> = new Set(["hyper", "uhyper", "double"]);

function armSize(arm: Arm, sizes: Sizes): number {
  return arm.field === null ? 0 : leastSize(arm.field.type, sizes);
}
