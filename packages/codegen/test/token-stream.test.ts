import { describe, expect, it } from "vitest";
import { DiagnosticLog } from "../src/diagnostics.ts";
import { lex } from "../src/lexer.ts";
import { openSource } from "../src/source.ts";
import { SyntaxFault, TokenStream } from "../src/token-stream.ts";

function open(text: string): { stream: TokenStream; log: DiagnosticLog } {
  const log = new DiagnosticLog();
  const source = openSource("t.x", text);
  return { stream: new TokenStream(source, lex(source, log).tokens, log), log };
}

describe("TokenStream", () => {
  it("takes tokens up to the end and stays there", () => {
    const { stream } = open("a b");
    expect([stream.take(), stream.take(), stream.take(), stream.take()].map(({ text }) => text)).toEqual([
      "a",
      "b",
      "",
      "",
    ]);
    expect(stream.done).toBe(true);
  });

  it("accepts only what is there", () => {
    const { stream } = open("a b");
    expect([stream.accept("b"), stream.accept("a"), stream.accept("b"), stream.accept("")]).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it("logs what it expected and leaves the rule", () => {
    const { stream, log } = open("a b");
    expect(() => stream.expect(";", "after all")).toThrow(SyntaxFault);
    expect(log.sorted([]).map(({ message, column }) => [message, column])).toEqual([
      ['expected ";" after all, found "a"', 1],
    ]);
  });

  it("points behind the last token when something is missing at the end of its line", () => {
    const { stream, log } = open("a\n\nb");
    stream.take();
    expect(() => stream.expect(";", "here")).toThrow(SyntaxFault);
    expect(log.sorted([]).map(({ line, column }) => [line, column])).toEqual([[1, 2]]);
  });

  it("spans from a token to the last one taken", () => {
    const { stream } = open("a bc d");
    const first = stream.take();
    stream.take();
    expect(stream.spanFrom(first)).toMatchObject({ start: 0, end: 4 });
  });
});
