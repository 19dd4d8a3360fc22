import { describe, expect, it } from "vitest";
import { analyze } from "../src/compile.ts";
import type { Doc } from "../src/doc.ts";

function texts(doc: Doc | undefined): string[] | undefined {
  return doc?.map((line) => line.text);
}

function docOfX(text: string): string[] | undefined {
  const { units } = analyze({ "t.x": text });
  return texts(units[0]?.definitions.find(({ name }) => name.text === "X")?.doc);
}

describe("the comment of a definition", () => {
  it.each([
    ["a block before it", "/* one */\nconst X = 1;", ["one"]],
    ["a doc block", "/** one */\nconst X = 1;", ["one"]],
    ["several lines", "/*\n * one\n *\n *  two\n */\nconst X = 1;", ["one", "", "two"]],
    ["lines without stars", "/* one\n   two */\nconst X = 1;", ["one", "two"]],
    ["line comments in a row", "// one\n// two\nconst X = 1;", ["one", "two"]],
    ["a comment behind it", "const X = 1; /* one */\n", ["one"]],
    ["both", "/* one */\nconst X = 1; // two", ["one", "two"]],
    ["decoration", "/***** one *****/\nconst X = 1;", ["one"]],
    ["only the nearest block", "/* far */\n/* near */\nconst X = 1;", ["near"]],
    ["none, if a blank line is between", "/* one */\n\nconst X = 1;", []],
    ["none, if it belongs to the one before", "const A = 1; /* of A */\nconst X = 1;", []],
    ["its own, if both are on one line", "const A = 1; /* of X */ const X = 1;", ["of X"]],
    ["none, if it is empty", "/**/\nconst X = 1;", []],
    ["with Windows line ends", "/*\r\n * one\r\n */\r\nconst X = 1;", ["one"]],
  ])("is %s", (_, text, expected) => {
    expect(docOfX(text)).toEqual(expected);
  });
});

function docsOf(body: string): (string[] | undefined)[] {
  const definition = analyze({ "t.x": `enum X {${body}};` }).units[0]?.definitions[0];
  return definition?.kind === "enum" ? definition.members.map((member) => texts(member.doc)) : [];
}

describe("the comment of an enum member", () => {
  it.each([
    ["before it", "\n/* a */\nA = 1,\n/* b */\nB = 2\n", [["a"], ["b"]]],
    ["behind its comma", "\nA = 1, /* a */\nB = 2 /* b */\n", [["a"], ["b"]]],
    ["before its comma", "\nA = 1 /* a */,\nB = 2\n", [["a"], []]],
    ["on its line", "\n/* a */ A = 1,\n/* b */ B = 2 /* too */\n", [["a"], ["b", "too"]]],
    ["not that of the brace", " /* of X */\nA = 1,\nB = 2\n", [[], []]],
    ["not a heading", "\n/* both */\n\nA = 1,\nB = 2\n", [[], []]],
  ])("stands %s", (_, body, expected) => {
    expect(docsOf(body)).toEqual(expected);
  });
});

describe("the comment of a file", () => {
  it("is the first, when it stands apart", () => {
    const { units } = analyze({ "t.x": "/* about */\n\n/* X */\nconst X = 1;" });
    expect(texts(units[0]?.doc)).toEqual(["about"]);
  });

  it("is not that of the first definition", () => {
    expect(texts(analyze({ "t.x": "/* X */\nconst X = 1;" }).units[0]?.doc)).toEqual([]);
  });
});

it("knows where each line stands, for faults inside a comment", () => {
  const text = "/**\n * one\n *  two\n */\nconst X = 1;";
  const doc = analyze({ "t.x": text }).units[0]?.definitions[0]?.doc ?? [];
  expect(doc.map((line) => text.slice(line.start, line.start + 3))).toEqual(["one", "two"]);
});
