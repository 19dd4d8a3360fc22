import type { DiagnosticLog } from "./diagnostics.ts";
import { type Doc, leadingDoc, trailingDoc } from "./doc.ts";
import type { Token } from "./lexer.ts";
import type { Source, Span } from "./source.ts";

/** Thrown inside the parser to leave a definition it cannot make sense of; the fault is already logged. */
export class SyntaxFault extends Error {
  override readonly name = "SyntaxFault";
}

const END: Token = { kind: "end", text: "", start: 0, end: 0, comments: [] };

/** The parser's place in the tokens of one source. */
export class TokenStream {
  readonly source: Source;
  readonly #tokens: readonly Token[];
  readonly #log: DiagnosticLog;
  #at = 0;

  constructor(source: Source, tokens: readonly Token[], log: DiagnosticLog) {
    this.source = source;
    this.#tokens = tokens;
    this.#log = log;
  }

  get next(): Token {
    return this.#tokens[this.#at] ?? END;
  }

  get done(): boolean {
    return this.next.kind === "end";
  }

  is(text: string): boolean {
    return this.next.text === text;
  }

  take(): Token {
    const token = this.next;
    if (token.kind !== "end") this.#at++;
    return token;
  }

  /** Takes the next token if it is `text`. */
  accept(text: string): boolean {
    if (this.done || !this.is(text)) return false;
    this.#at++;
    return true;
  }

  expect(text: string, after: string): Token {
    if (!this.done && this.is(text)) return this.take();
    this.fail(`expected ${quote(text)} ${after}, found ${describe(this.next)}`);
  }

  /** The comment that belongs to what the next token begins. */
  leadingDoc(): Doc {
    return leadingDoc(this.source.text, this.next.comments, this.#previous.end, this.next.start);
  }

  /** The comment behind the token just taken, on its line. */
  trailingDoc(): Doc {
    return trailingDoc(this.source.text, this.next.comments, this.#previous.end, this.next.start);
  }

  span(token: Token): Span {
    return { source: this.source, start: token.start, end: token.end };
  }

  /** From `first` to the token just taken. */
  spanFrom(first: Token): Span {
    return { source: this.source, start: first.start, end: Math.max(first.end, this.#previous.end) };
  }

  /** Logs a fault at the next token, or right behind the last one where something is missing at its line's end. */
  fail(message: string, hint?: string): never {
    this.#log.error(this.#faultSpan(), message, hint);
    throw new SyntaxFault(message);
  }

  /** Logs a fault that parsing can go on from. */
  complain(span: Span, message: string, hint?: string): void {
    this.#log.error(span, message, hint);
  }

  get #previous(): Token {
    return this.#tokens[this.#at - 1] ?? END;
  }

  #faultSpan(): Span {
    const { next, source } = this;
    const previous = this.#previous;
    const between = source.text.slice(previous.end, next.start);
    if (this.#at === 0 || (!between.includes("\n") && !this.done)) return this.span(next);
    return { source, start: previous.end, end: previous.end + 1 };
  }
}

export function describe(token: Token): string {
  return token.kind === "end" ? "the end of the file" : quote(token.text);
}

function quote(text: string): string {
  return `"${text.length > 40 ? `${text.slice(0, 40)}…` : text}"`;
}
