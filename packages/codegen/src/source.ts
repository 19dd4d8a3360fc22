/** A `.x` file's text, with the index of its lines. */
export interface Source {
  /** As the caller named it; stands in every diagnostic. */
  readonly name: string;
  readonly text: string;
  /** Offset of the first character of each line. */
  readonly lineStarts: readonly number[];
}

/** A stretch of a source: offsets in UTF-16 units, `end` exclusive. */
export interface Span {
  readonly source: Source;
  readonly start: number;
  readonly end: number;
}

/** Line and column, both counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export function openSource(name: string, text: string): Source {
  const lineStarts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lineStarts.push(at + 1);
  return { name, text, lineStarts };
}

export function placeOf(source: Source, offset: number): Place {
  const index = lineIndex(source.lineStarts, offset);
  return { line: index + 1, column: offset - lineStart(source, index) + 1 };
}

/** The text of a line counted from 1, without its end. */
export function lineText(source: Source, line: number): string {
  const end = source.lineStarts[line] ?? source.text.length;
  return source.text.slice(lineStart(source, line - 1), end).replace(/\r?\n$/, "");
}

function lineStart(source: Source, index: number): number {
  return source.lineStarts[index] ?? source.text.length;
}

function lineIndex(lineStarts: readonly number[], offset: number): number {
  let low = 0;
  let high = lineStarts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((lineStarts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return low;
}
