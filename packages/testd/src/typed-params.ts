import type { RemoteTypedParam, RemoteTypedParamValue } from "@virnet/libvirt/remote";
import { badArgument, Code, From, failure, invalidArgument } from "./failure.ts";

/** virTypedParameterType, by the names that libvirt's errors use. */
const TYPE_NAMES = ["unknown", "int", "uint", "llong", "ullong", "double", "boolean", "string"] as const;
export type ParamType = Exclude<(typeof TYPE_NAMES)[number], "unknown">;

export function intParam(field: string, i: number): RemoteTypedParam {
  return { field, value: { type: 1, i } };
}

export function uintParam(field: string, ui: number): RemoteTypedParam {
  return { field, value: { type: 2, ui } };
}

export function ullongParam(field: string, ul: bigint): RemoteTypedParam {
  return { field, value: { type: 4, ul } };
}

export function booleanParam(field: string, on: boolean): RemoteTypedParam {
  return { field, value: { type: 6, b: on ? 1 : 0 } };
}

export function stringParam(field: string, s: string): RemoteTypedParam {
  return { field, value: { type: 7, s } };
}

/** Refuses parameters for `api` that are not in the list, of another type, or given twice, and an empty list. */
export function checkParams(
  params: readonly RemoteTypedParam[],
  known: Readonly<Record<string, ParamType>>,
  api: string,
): void {
  if (params.length === 0) throw badArgument(`params in ${api} must not be NULL`, api, "params");
  const seen = new Set<string>();
  for (const { field, value } of params) {
    const expected = Object.hasOwn(known, field) ? known[field] : undefined;
    if (expected === undefined)
      throw failure(Code.ARGUMENT_UNSUPPORTED, From.NONE, `parameter '${field}' not supported`);
    const given = TYPE_NAMES[value.type];
    if (given !== expected) {
      throw invalidArgument(`invalid type '${given}' for parameter '${field}', expected '${expected}'`, From.NONE);
    }
    if (seen.has(field)) throw invalidArgument(`parameter '${field}' occurs multiple times`, From.NONE);
    seen.add(field);
  }
}

/** The value of a parameter as a text, as XML has it. */
export function paramText(value: RemoteTypedParamValue): string {
  switch (value.type) {
    case 1:
      return String(value.i);
    case 2:
      return String(value.ui);
    case 3:
      return String(value.l);
    case 4:
      return String(value.ul);
    case 5:
      return String(value.d);
    case 6:
      return value.b === 0 ? "no" : "yes";
    case 7:
      return value.s;
  }
}

/** What a call with `nparams` gets: the number of parameters when it asks for none, else as many as fit. */
export function paramsReply(
  all: readonly RemoteTypedParam[],
  nparams: number,
): { params: RemoteTypedParam[]; nparams: number } {
  if (nparams === 0) return { params: [], nparams: all.length };
  return { params: all.slice(0, Math.max(0, nparams)), nparams: 0 };
}
