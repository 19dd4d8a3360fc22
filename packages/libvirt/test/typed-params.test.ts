import { expect, it } from "vitest";
import { readTypedParams, type TypedKind, type TypedValue, typedParam } from "../src/typed-params.ts";

const samples: readonly [TypedKind, TypedValue, unknown][] = [
  ["int", -1, { type: 1, i: -1 }],
  ["uint", 7, { type: 2, ui: 7 }],
  ["llong", -(2n ** 63n), { type: 3, l: -(2n ** 63n) }],
  ["ullong", 2n ** 64n - 1n, { type: 4, ul: 2n ** 64n - 1n }],
  ["double", 0.5, { type: 5, d: 0.5 }],
  ["boolean", true, { type: 6, b: 1 }],
  ["string", "weiß", { type: 7, s: "weiß" }],
];

it.each(samples)("holds %s both ways", (kind, value, wire) => {
  const param = typedParam("field", kind, value);
  expect(param).toEqual({ field: "field", value: wire });
  expect(readTypedParams([param])).toEqual({ field: value });
});

it("takes any nonzero word for true", () => {
  expect(readTypedParams([{ field: "on", value: { type: 6, b: 2 } }])).toEqual({ on: true });
});

it("has names of up to 79 characters", () => {
  expect(typedParam("x".repeat(79), "int", 1).field).toHaveLength(79);
  expect(() => typedParam("x".repeat(80), "int", 1)).toThrow("parameter name of 80 characters exceeds 79");
});

it("says which value does not fit which kind", () => {
  expect(() => typedParam("weight", "ullong", 1)).toThrow("parameter weight of kind ullong can't hold a number");
});
