import type { RemoteTypedParam, RemoteTypedParamValue } from "./gen/remote.ts";

/** A typed parameter's value: 64-bit kinds are `bigint`, the boolean kind is `boolean`. */
export type TypedValue = number | bigint | boolean | string;

/** The kinds of virTypedParameterType, by name. */
export type TypedKind = "int" | "uint" | "llong" | "ullong" | "double" | "boolean" | "string";

/** The longest name a parameter may have, in characters (F009). */
const FIELD_MAX = 79;

/** A list of parameters as an object. The last of those that share a name wins. */
export function readTypedParams(params: readonly RemoteTypedParam[]): Record<string, TypedValue> {
  return Object.fromEntries(params.map(({ field, value }) => [field, readTypedValue(value)]));
}

/** One parameter. Throws `RangeError` for a name of more than 79 characters, `TypeError` for a value of another kind. */
export function typedParam(field: string, kind: TypedKind, value: TypedValue): RemoteTypedParam {
  if (field.length > FIELD_MAX) {
    throw new RangeError(`parameter name of ${field.length} characters exceeds ${FIELD_MAX}: ${field}`);
  }
  return { field, value: typedValue(field, kind, value) };
}

function readTypedValue(value: RemoteTypedParamValue): TypedValue {
  switch (value.type) {
    case 1:
      return value.i;
    case 2:
      return value.ui;
    case 3:
      return value.l;
    case 4:
      return value.ul;
    case 5:
      return value.d;
    case 6:
      return value.b !== 0;
    case 7:
      return value.s;
  }
}

function typedValue(field: string, kind: TypedKind, value: TypedValue): RemoteTypedParamValue {
  if (typeof value === "number" && kind === "int") return { type: 1, i: value };
  if (typeof value === "number" && kind === "uint") return { type: 2, ui: value };
  if (typeof value === "bigint" && kind === "llong") return { type: 3, l: value };
  if (typeof value === "bigint" && kind === "ullong") return { type: 4, ul: value };
  if (typeof value === "number" && kind === "double") return { type: 5, d: value };
  if (typeof value === "boolean" && kind === "boolean") return { type: 6, b: value ? 1 : 0 };
  if (typeof value === "string" && kind === "string") return { type: 7, s: value };
  throw new TypeError(`parameter ${field} of kind ${kind} can't hold a ${typeof value}`);
}
