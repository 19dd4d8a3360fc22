import type { Comment } from "./lexer.ts";

/** One line of a comment without its decoration. */
export interface DocLine {
  readonly text: string;
  /** Offset of `text` in the source. */
  readonly start: number;
}

/** The comment that belongs to a definition, a field or an enum member; empty when there is none. */
export type Doc = readonly DocLine[];

/**
 * The comment right before a token: comments after the previous token on its line belong to that one, and a comment
 * with an empty line below stands for itself.
 */
export function leadingDoc(text: string, comments: readonly Comment[], previousEnd: number, tokenStart: number): Doc {
  const own = comments.filter((comment) => !isTrailing(text, comment, previousEnd, tokenStart));
  const group: Comment[] = [];
  let below = tokenStart;
  for (const comment of own.toReversed()) {
    if (newlines(text, comment.end, below) > 1) break;
    if (group.length > 0 && (comment.kind === "block" || group.at(-1)?.kind === "block")) break;
    group.push(comment);
    below = comment.start;
  }
  return group.toReversed().flatMap((comment) => docLines(text, comment));
}

/** The comments that follow the previous token on its own line. */
export function trailingDoc(text: string, comments: readonly Comment[], previousEnd: number, tokenStart: number): Doc {
  return comments
    .filter((comment) => isTrailing(text, comment, previousEnd, tokenStart))
    .flatMap((comment) => docLines(text, comment));
}

/** The comment that opens a file, when an empty line sets it apart from the first definition. */
export function fileDoc(text: string, comments: readonly Comment[], tokenStart: number): Doc {
  const [first, second] = comments;
  if (first === undefined || newlines(text, first.end, second?.start ?? tokenStart) < 2) return [];
  return docLines(text, first);
}

function isTrailing(text: string, comment: Comment, previousEnd: number, tokenStart: number): boolean {
  if (previousEnd === 0 || newlines(text, previousEnd, comment.start) > 0) return false;
  return (
    newlines(text, comment.end, tokenStart) > 0 || /[},]/.test(text.charAt(tokenStart)) || tokenStart === text.length
  );
}

/** Counts to two and no further: more make no difference, and a hostile file may have millions. */
function newlines(text: string, start: number, end: number): number {
  const first = text.indexOf("\n", start);
  if (first === -1 || first >= end) return 0;
  const second = text.indexOf("\n", first + 1);
  return second === -1 || second >= end ? 1 : 2;
}

function docLines(text: string, comment: Comment): DocLine[] {
  const lines: DocLine[] = [];
  let start = comment.start;
  for (const raw of text.slice(comment.start, comment.end).split("\n")) {
    lines.push(bareLine(raw, start));
    start += raw.length + 1;
  }
  return trimBlank(lines);
}

function bareLine(raw: string, start: number): DocLine {
  const lead = /^\s*(?:\/\*+|\/\/+|\*(?!\/))? ?/.exec(raw)?.[0].length ?? 0;
  const text = withoutClose(raw.slice(lead).trimEnd());
  const indent = text.length - text.trimStart().length;
  return { text: text.trimStart(), start: start + lead + indent };
}

function withoutClose(text: string): string {
  if (!text.endsWith("*/")) return text === "/" ? "" : text;
  let end = text.length - 1;
  while (text[end - 1] === "*") end--;
  return text.slice(0, end).trimEnd();
}

function trimBlank(lines: readonly DocLine[]): DocLine[] {
  const first = lines.findIndex((line) => line.text !== "");
  const last = lines.findLastIndex((line) => line.text !== "");
  return first === -1 ? [] : lines.slice(first, last + 1);
}
