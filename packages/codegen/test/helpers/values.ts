import * as fc from "fast-check";
import { fieldName } from "../../src/emit/names.ts";
import type { Field, Item, Spec, Type, UnionItem } from "../../src/spec.ts";

/** Arrays and strings stay this short: what counts is their edges. */
const LENGTH_MAX = 3;

/** Values that generated code takes for a type with a name. */
export function valuesOf(name: string, spec: Spec): fc.Arbitrary<unknown> {
  const item = spec.modules.flatMap((module) => module.items).find((each) => each.name === name);
  if (item === undefined) throw new Error(`no type ${name}`);
  return itemValues(item, spec);
}

function itemValues(item: Item, spec: Spec): fc.Arbitrary<unknown> {
  switch (item.kind) {
    case "alias":
      return typeValues(item.type, spec);
    case "struct":
      return fc.record(
        Object.fromEntries(item.fields.map((field) => [fieldName(field.name), fieldValues(field, spec)])),
      );
    case "union":
      return unionValues(item, spec);
    case "enum":
    case "const":
      return fc.integer();
  }
}

function fieldValues(field: Field, spec: Spec): fc.Arbitrary<unknown> {
  return typeValues(field.type, spec);
}

function unionValues(union: UnionItem, spec: Spec): fc.Arbitrary<unknown> {
  const key = fieldName(union.discriminant.name);
  const isBool = union.discriminant.type.kind === "scalar" && union.discriminant.type.scalar === "bool";
  const taken = union.arms.flatMap((arm) => arm.labels.map((label) => label.value));
  const free = [0, 1, 77].filter((value) => !taken.includes(value) && (!isBool || value < 2));
  const arms = union.arms.map((arm) => ({ labels: arm.labels.map(({ value }) => value), field: arm.field }));
  if (union.fallback !== null) arms.push({ labels: free, field: union.fallback.field });
  return fc.oneof(
    ...arms.map(({ labels, field }) => {
      const discriminant = fc.constantFrom(...labels).map((value) => (isBool ? value === 1 : value));
      const rest = field === null ? {} : { [fieldName(field.name)]: fieldValues(field, spec) };
      return fc.record({ [key]: discriminant, ...rest });
    }),
  );
}

function typeValues(type: Type, spec: Spec): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case "scalar":
      return scalarValues(type.scalar);
    case "enum":
      return fc.integer();
    case "string":
      return fc.string({ unit: "binary", maxLength: LENGTH_MAX }).filter((text) => {
        return !text.includes("\0") && new TextEncoder().encode(text).length <= type.max;
      });
    case "opaque":
    case "chars":
      return fc.uint8Array({ maxLength: Math.min(type.max, LENGTH_MAX) });
    case "fixedOpaque":
    case "fixedChars":
      return fc.uint8Array({ minLength: type.size, maxLength: type.size });
    case "struct":
    case "union":
      return valuesOf(type.name, spec);
    case "optional":
      return fc.option(typeValues(type.item, spec));
    case "counted":
      return fc.array(typeValues(type.item, spec), { maxLength: Math.min(type.max, LENGTH_MAX) });
    case "fixed":
      return fc.array(typeValues(type.item, spec), { minLength: type.size, maxLength: type.size });
  }
}

function scalarValues(scalar: (Type & { kind: "scalar" })["scalar"]): fc.Arbitrary<unknown> {
  switch (scalar) {
    case "int":
      return fc.integer();
    case "uint":
      return fc.integer({ min: 0, max: 0xffff_ffff });
    case "hyper":
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case "uhyper":
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case "float":
      return fc.float();
    case "double":
      return fc.double();
    case "bool":
      return fc.boolean();
    case "char":
      return fc.integer({ min: -128, max: 127 });
    case "uchar":
      return fc.integer({ min: 0, max: 255 });
    case "short":
      return fc.integer({ min: -32_768, max: 32_767 });
    case "ushort":
      return fc.integer({ min: 0, max: 65_535 });
  }
}
