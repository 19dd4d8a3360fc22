import { expect, it } from "vitest";
import { isListed, matchesPattern } from "../../src/util/name-pattern.ts";

it.each([
  ["CN=a", "CN=a"],
  ["CN=a", "*"],
  ["", "*"],
  ["", ""],
  ["CN=abc", "CN=a?c"],
  ["CN=abc", "*b*"],
  ["CN=abcabc", "*abc"],
  ["CN=ü", "CN=?"],
  ["CN=😀", "CN=?"],
  ["CN=[a]", "CN=[a]"],
])("%j matches %j", (text, pattern) => {
  expect(matchesPattern(text, pattern)).toBe(true);
});

it.each([
  ["CN=a", "CN=A"],
  ["CN=a", "CN=a?"],
  ["CN=ab", "CN=a"],
  ["CN=a", "[C]N=a"],
  ["CN=a", ""],
  ["CN=abd", "*abc"],
])("%j does not match %j", (text, pattern) => {
  expect(matchesPattern(text, pattern)).toBe(false);
});

it("takes no longer for a pattern made to take long", () => {
  expect(matchesPattern("a".repeat(5000), `${"*a".repeat(1000)}b`)).toBe(false);
});

it("lists all without a list, and nobody with an empty one", () => {
  expect([isListed("CN=a", undefined), isListed("CN=a", []), isListed("CN=a", ["CN=b", "CN=?"])]).toEqual([
    true,
    false,
    true,
  ]);
});
