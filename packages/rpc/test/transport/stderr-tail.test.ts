import { describe, expect, it } from "vitest";
import { printable } from "../../src/transport/stderr-tail.ts";

describe("text of strangers", () => {
  it.each([
    ["a\r\nb\rc", "a\nb\nc"],
    ["\u001b]0;title\u0007\u202E", "\uFFFD]0;title\uFFFD\uFFFD"],
    ["  tab\tkept \n", "tab\tkept"],
  ])("%j", (raw, shown) => {
    expect(printable(raw)).toBe(shown);
  });
});
