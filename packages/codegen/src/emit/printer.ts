import type { Doc } from "../doc.ts";

/** Generated lines are broken where they would get longer. */
export const WIDTH = 120;

export function indented(lines: readonly string[]): string[] {
  return lines.map((line) => (line === "" ? "" : `  ${line}`));
}

/** `head {`, the lines, `}tail`. */
export function block(head: string, lines: readonly string[], tail = ""): string[] {
  if (lines.length === 0) return [`${head}{}${tail}`];
  return [`${head}{`, ...indented(lines), `}${tail}`];
}

/**
 * `open items close` on one line if it fits behind `indent` columns, or one item per line with a comma behind each.
 */
export function list(open: string, items: readonly string[], close: string, indent: number): string[] {
  const spaced = open.endsWith("{") && items.length > 0 ? " " : "";
  const line = `${open}${spaced}${items.join(", ")}${spaced}${close}`;
  if (indent + line.length <= WIDTH) return [line];
  return [open, ...indented(items.map((item) => `${item},`)), close];
}

/** `head text` on one line if it fits, or the text on the next. */
export function assigned(head: string, text: string): string[] {
  const line = `${head} ${text}`;
  return line.length <= WIDTH ? [line] : [head, ...indented([text])];
}

/** A body behind its head, on the same line if it is one line that fits behind `indent` columns. */
export function controlled(head: string, body: readonly string[], indent: number): string[] {
  const [only = "", second] = body;
  if (second === undefined && !CONTROL.test(only) && indent + head.length + 1 + only.length <= WIDTH) {
    return [`${head} ${only}`];
  }
  return block(`${head} `, body);
}

/** A `.x` comment as a doc comment; no lines when it is empty. */
export function docComment(doc: readonly string[]): string[] {
  const safe = doc.map((line) => line.replaceAll("*/", "*\\/"));
  const [only = "", second] = safe;
  if (safe.length === 0) return [];
  if (second === undefined) return [`/** ${only} */`];
  return ["/**", ...safe.map((line) => ` * ${line}`.trimEnd()), " */"];
}

export function docText(doc: Doc): string[] {
  return doc.map((line) => line.text);
}

const CONTROL = /^(?:if|for|const|let) ?\b/;
