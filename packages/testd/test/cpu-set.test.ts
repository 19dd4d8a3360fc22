import { expect, it } from "vitest";
import { cpuMap, formatCpuSet, fromCpuMap, parseCpuSet } from "../src/cpu-set.ts";

it.each([
  ["1-3,^2", "1,3"],
  ["0,1,2,7", "0-2,7"],
  ["5", "5"],
])("reads %s", (text, expected) => {
  expect(formatCpuSet(parseCpuSet(text))).toBe(expected);
});

it.each(["", "a", "3-1", "1-", "0-99999", "^1-2"])("refuses %j", (text) => {
  expect(() => parseCpuSet(text)).toThrow("invalid argument: Failed to parse bitmap");
});

it("goes to the wire and back", () => {
  const map = cpuMap(parseCpuSet("0,9"), 2);
  expect(map).toEqual(Uint8Array.of(1, 2));
  expect(formatCpuSet(fromCpuMap(map))).toBe("0,9");
});
