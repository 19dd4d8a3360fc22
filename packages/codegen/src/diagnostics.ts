import { lineText, placeOf, type Span } from "./source.ts";

/** One fault of a `.x` file, as plain data. */
export interface Diagnostic {
  readonly severity: "error" | "warning";
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1. */
  readonly column: number;
  /** Characters at fault, at least 1; never beyond the line. */
  readonly length: number;
  /** The line at fault. */
  readonly source: string;
}

/** Beyond this many the rest is noise. */
const DIAGNOSTICS_MAX = 100;

/** Collects faults while the stages of the compiler go on. */
export class DiagnosticLog {
  readonly #list: Diagnostic[] = [];
  #errors = 0;

  get failed(): boolean {
    return this.#errors > 0;
  }

  error(span: Span, message: string, hint?: string): void {
    this.#errors++;
    this.#add("error", span, message, hint);
  }

  warning(span: Span, message: string, hint?: string): void {
    this.#add("warning", span, message, hint);
  }

  /** By file in the order given, then by position. */
  sorted(files: readonly string[]): Diagnostic[] {
    const rank = new Map(files.map((file, index) => [file, index]));
    return this.#list.toSorted(
      (a, b) => (rank.get(a.file) ?? 0) - (rank.get(b.file) ?? 0) || a.line - b.line || a.column - b.column,
    );
  }

  #add(severity: Diagnostic["severity"], span: Span, message: string, hint: string | undefined): void {
    if (this.#list.length >= DIAGNOSTICS_MAX) return;
    const { line, column } = placeOf(span.source, span.start);
    const source = lineText(span.source, line);
    const length = Math.max(1, Math.min(span.end - span.start, source.length - column + 1));
    const place = { file: span.source.name, line, column, length, source };
    this.#list.push({ severity, message, ...(hint === undefined ? {} : { hint }), ...place });
  }
}

/** Characters of a line that are shown; more would bury the caret. */
const SHOWN = 120;

/** `file:line:column: severity: message`, the line with a caret below, and the hint. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { file, line, column, severity, message, hint } = diagnostic;
  const number = String(line);
  const { text, caret } = excerpt(diagnostic);
  const lines = [
    `${file}:${line}:${column}: ${severity}: ${message}`,
    `  ${number} | ${text}`,
    `  ${" ".repeat(number.length)} | ${caret}`,
  ];
  if (hint !== undefined) lines.push(`  hint: ${hint}`);
  return lines.join("\n");
}

function excerpt({ source, column, length }: Diagnostic): { text: string; caret: string } {
  const from = column > SHOWN ? column - SHOWN / 2 : 0;
  const text = source.slice(from, from + SHOWN);
  const before = text.slice(0, column - 1 - from).replace(/[^\t]/g, " ");
  const marks = Math.max(1, Math.min(length, text.length - before.length));
  return { text, caret: before + "^".repeat(marks) };
}
