import { describe, expect, it } from "vitest";
import { DiagnosticLog, formatDiagnostic } from "../src/diagnostics.ts";
import { type Lexed, lex } from "../src/lexer.ts";
import { openSource } from "../src/source.ts";

function lexed(text: string): Lexed & { complaints: string } {
  const log = new DiagnosticLog();
  const result = lex(openSource("t.x", text), log);
  return { ...result, complaints: log.sorted([]).map(formatDiagnostic).join("\n") };
}

function tokens(text: string): string[] {
  return lexed(text).tokens.map((token) => (token.kind === "end" ? "end" : `${token.kind} ${token.text}`));
}

describe("lex", () => {
  it("tells names, numbers and marks", () => {
    expect(tokens("const A_1=-0x1F;")).toEqual([
      "name const",
      "name A_1",
      "mark =",
      "mark -",
      "number 0x1F",
      "mark ;",
      "end",
    ]);
  });

  it("ends an empty file", () => {
    expect(tokens("")).toEqual(["end"]);
  });

  it("passes over a byte order mark", () => {
    expect(tokens("\ufeffx")).toEqual(["name x", "end"]);
  });

  it("gives each comment to the token behind it", () => {
    const { tokens: found } = lexed("/* a */ x // b\n/* c */ ;/* d */");
    expect(found.map((token) => token.comments.map(({ kind }) => kind))).toEqual([
      ["block"],
      ["line", "block"],
      ["block"],
    ]);
  });

  it("keeps lines for C", () => {
    const { passThrough, tokens: found } = lexed('%#include "a.h"\nx\n  % b %\r\n');
    expect(passThrough.map(({ text }) => text)).toEqual(['#include "a.h"', " b %"]);
    expect(found).toHaveLength(2);
  });

  it.each(["0", "7", "42", "0x0", "0Xff", "017", "00"])("takes the number %s", (text) => {
    expect(lexed(text).complaints).toBe("");
  });
});

describe("faults", () => {
  it.each([
    [
      "a comment without end",
      "x /* never",
      "t.x:1:3: error: comment is never closed\n  1 | x /* never\n    |   ^^\n  hint: end it with */",
    ],
    ["a stray character", "a ? b", 't.x:1:3: error: unexpected character "?"\n  1 | a ? b\n    |   ^'],
    ["half a pair", "\u{1f600}", 't.x:1:1: error: unexpected character "\u{1f600}"\n  1 | \u{1f600}\n    | ^^'],
    ["a bad hexadecimal", "0x", "t.x:1:1: error: 0x is not a number\n  1 | 0x\n    | ^^"],
    ["letters in a number", "12ab", "t.x:1:1: error: 12ab is not a number\n  1 | 12ab\n    | ^^^^"],
    [
      "a bad octal",
      "089",
      "t.x:1:1: error: 089 is not a number\n  1 | 089\n    | ^^^\n  hint: a leading 0 means octal, digits 0 to 7",
    ],
    [
      "a preprocessor line",
      "  #define A 1\nx",
      [
        "t.x:1:3: error: preprocessor lines are not part of XDR",
        "  1 |   #define A 1",
        "    |   ^^^^^^^^^^^",
        "  hint: give constants with --define NAME=VALUE, or pass the lines to C with %",
      ].join("\n"),
    ],
    ["a percent inside a line", "a %b", 't.x:1:3: error: unexpected character "%"\n  1 | a %b\n    |   ^'],
  ])("%s", (_, text, expected) => {
    expect(lexed(text).complaints).toBe(expected);
  });

  it("goes on behind each", () => {
    expect(tokens("a ? b ! c")).toEqual(["name a", "name b", "name c", "end"]);
  });
});
