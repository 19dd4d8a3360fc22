import { describe, expect, it } from "vitest";
import { assigned, block, controlled, docComment, indented, list } from "../../src/emit/printer.ts";

const long = "x".repeat(60);

describe("list", () => {
  it("stays on one line while it fits", () => {
    expect(list("return {", ["a", "b"], "};", 4)).toEqual(["return { a, b };"]);
    expect(list("f(", ["a", "b"], ");", 4)).toEqual(["f(a, b);"]);
  });

  it("takes a line for each item when it does not", () => {
    expect(list("return {", [long, long], "};", 4)).toEqual(["return {", `  ${long},`, `  ${long},`, "};"]);
  });

  it("counts the columns before it", () => {
    const items = ["y".repeat(105)];
    expect(list("return {", items, "};", 0)).toHaveLength(1);
    expect(list("return {", items, "};", 4)).toHaveLength(3);
  });
});

describe("controlled", () => {
  it("keeps one statement behind its head", () => {
    expect(controlled("if (a)", ["b();"], 0)).toEqual(["if (a) b();"]);
  });

  it.each([
    ["several statements", ["b();", "c();"]],
    ["a statement that controls another", ["if (b) c();"]],
    ["a declaration", ["const b = 1;"]],
    ["a long statement", [`${long}${long};`]],
  ])("puts %s in braces", (_, body) => {
    expect(controlled("if (a)", body, 0)).toEqual(["if (a) {", ...indented(body), "}"]);
  });
});

describe("docComment", () => {
  it.each([
    [[], []],
    [["one"], ["/** one */"]],
    [
      ["one", "", "two"],
      ["/**", " * one", " *", " * two", " */"],
    ],
    [["glob **/x"], ["/** glob **\\/x */"]],
  ])("%j", (doc, expected) => {
    expect(docComment(doc)).toEqual(expected);
  });
});

it("assigned breaks behind the equals sign", () => {
  expect(assigned("type A =", "B;")).toEqual(["type A = B;"]);
  expect(assigned("type A =", `${long}${long};`)).toEqual(["type A =", `  ${long}${long};`]);
});

it("block indents its lines but not the empty ones", () => {
  expect(block("f() ", ["a", "", "b"], ",")).toEqual(["f() {", "  a", "", "  b", "},"]);
});
