import type { DiagnosticLog } from "./diagnostics.ts";
import type { Source } from "./source.ts";

export interface Comment {
  readonly kind: "block" | "line";
  readonly start: number;
  readonly end: number;
}

export interface Token {
  readonly kind: "name" | "number" | "mark" | "end";
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** What stands between the previous token and this one. */
  readonly comments: readonly Comment[];
}

/** A `%` line, which rpcgen copies into its C output. */
export interface PassThrough {
  readonly text: string;
  readonly start: number;
}

export interface Lexed {
  /** Always ends with one token of kind `end`. */
  readonly tokens: readonly Token[];
  readonly passThrough: readonly PassThrough[];
}

/** Cuts a source into tokens (RFC 4506 §6.2, with rpcgen's `%` lines and C++ comments). */
export function lex(source: Source, log: DiagnosticLog): Lexed {
  const { text } = source;
  const tokens: Token[] = [];
  const passThrough: PassThrough[] = [];
  let comments: Comment[] = [];
  let at = 0;
  while (at < text.length) {
    const piece = nextPiece(source, at, log);
    if (piece.kind === "block" || piece.kind === "line") comments.push({ kind: piece.kind, start: at, end: piece.end });
    if (piece.kind === "passThrough") passThrough.push({ text: text.slice(at + 1, piece.end).trimEnd(), start: at });
    if (piece.kind === "name" || piece.kind === "number" || piece.kind === "mark") {
      tokens.push({ kind: piece.kind, text: text.slice(at, piece.end), start: at, end: piece.end, comments });
      comments = [];
    }
    at = piece.end;
  }
  tokens.push({ kind: "end", text: "", start: text.length, end: text.length, comments });
  return { tokens, passThrough };
}

interface Piece {
  readonly kind: "space" | "block" | "line" | "passThrough" | "name" | "number" | "mark";
  readonly end: number;
}

const SPACE = /[\s\ufeff]/;
const WORD = /\w/;
const DIGIT = /\d/;
const GOOD_NUMBER = /^(?:0[xX][\da-fA-F]+|0[0-7]*|[1-9]\d*)$/;

function nextPiece(source: Source, at: number, log: DiagnosticLog): Piece {
  const { text } = source;
  const char = text.charAt(at);
  if (SPACE.test(char)) return { kind: "space", end: runEnd(text, at, SPACE) };
  if (text.startsWith("/*", at)) return blockComment(source, at, log);
  if (text.startsWith("//", at)) return { kind: "line", end: lineEnd(text, at) };
  if (char === "%" && opensLine(text, at)) return { kind: "passThrough", end: lineEnd(text, at) };
  if (DIGIT.test(char)) return number(source, at, log);
  if (WORD.test(char)) return { kind: "name", end: runEnd(text, at, WORD) };
  if ("{}()[]<>;:,=*-".includes(char)) return { kind: "mark", end: at + 1 };
  return unexpected(source, at, log);
}

function blockComment(source: Source, at: number, log: DiagnosticLog): Piece {
  const close = source.text.indexOf("*/", at + 2);
  if (close !== -1) return { kind: "block", end: close + 2 };
  log.error({ source, start: at, end: at + 2 }, "comment is never closed", "end it with */");
  return { kind: "space", end: source.text.length };
}

function number(source: Source, at: number, log: DiagnosticLog): Piece {
  const end = runEnd(source.text, at, WORD);
  const text = source.text.slice(at, end);
  if (!GOOD_NUMBER.test(text)) {
    log.error({ source, start: at, end }, `${clip(text)} is not a number`, numberHint(text));
  }
  return { kind: "number", end };
}

function numberHint(text: string): string | undefined {
  return /^0\d+$/.test(text) ? "a leading 0 means octal, digits 0 to 7" : undefined;
}

function unexpected(source: Source, at: number, log: DiagnosticLog): Piece {
  const char = String.fromCodePoint(source.text.codePointAt(at) ?? 0);
  const end = at + char.length;
  if (char === "#" && opensLine(source.text, at)) {
    const hint = "give constants with --define NAME=VALUE, or pass the lines to C with %";
    log.error({ source, start: at, end: lineEnd(source.text, at) }, "preprocessor lines are not part of XDR", hint);
    return { kind: "space", end: lineEnd(source.text, at) };
  }
  log.error({ source, start: at, end }, `unexpected character ${JSON.stringify(char)}`);
  return { kind: "space", end };
}

function opensLine(text: string, at: number): boolean {
  for (let before = at - 1; before >= 0 && text.charAt(before) !== "\n"; before--) {
    if (!SPACE.test(text.charAt(before))) return false;
  }
  return true;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end === -1 ? text.length : end;
}

function runEnd(text: string, at: number, chars: RegExp): number {
  let end = at + 1;
  while (end < text.length && chars.test(text.charAt(end))) end++;
  return end;
}

function clip(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
