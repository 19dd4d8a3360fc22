import { describe, expect, it } from "vitest";
import { DiagnosticLog, formatDiagnostic } from "../src/diagnostics.ts";
import { openSource } from "../src/source.ts";

function logged(text: string, start: number, end: number, hint?: string): string {
  const log = new DiagnosticLog();
  log.error({ source: openSource("t.x", text), start, end }, "no good", hint);
  return log.sorted(["t.x"]).map(formatDiagnostic).join("\n");
}

describe("formatDiagnostic", () => {
  it("shows the line with a caret below what is wrong", () => {
    expect(logged("one\ntwo three\n", 8, 13)).toBe(
      ["t.x:2:5: error: no good", "  2 | two three", "    |     ^^^^^"].join("\n"),
    );
  });

  it("adds the hint", () => {
    expect(logged("x", 0, 1, "try y").split("\n").at(-1)).toBe("  hint: try y");
  });

  it("keeps tabs before the caret, so that it stands right whatever their width", () => {
    expect(logged("\tx\ty", 3, 4).split("\n").at(-1)).toBe("    | \t \t^");
  });

  it("marks no more than the line", () => {
    expect(logged("ab\ncd", 1, 5).split("\n").at(-1)).toBe("    |  ^");
  });

  it("marks the place behind the line where something is missing", () => {
    expect(logged("ab\ncd", 2, 3).split("\n").slice(-2)).toEqual(["  1 | ab", "    |   ^"]);
  });

  it("cuts a long line around the caret", () => {
    const lines = logged(`${"x".repeat(500)}!${"y".repeat(500)}`, 500, 501).split("\n");
    expect(lines[1]?.length).toBe(126);
    expect(lines[1]?.charAt(lines[2]?.indexOf("^") ?? 0)).toBe("!");
  });
});

describe("DiagnosticLog", () => {
  const source = openSource("t.x", "abcdef");

  it("has not failed for a warning", () => {
    const log = new DiagnosticLog();
    log.warning({ source, start: 0, end: 1 }, "hm");
    expect(log.failed).toBe(false);
    log.error({ source, start: 0, end: 1 }, "no");
    expect(log.failed).toBe(true);
  });

  it("sorts by the files' order, then by place", () => {
    const other = openSource("a.x", "abc");
    const log = new DiagnosticLog();
    log.error({ source: other, start: 1, end: 2 }, "third");
    log.error({ source, start: 4, end: 5 }, "second");
    log.error({ source, start: 1, end: 2 }, "first");
    expect(log.sorted(["t.x", "a.x"]).map(({ message }) => message)).toEqual(["first", "second", "third"]);
  });

  it("stops collecting when there are too many", () => {
    const log = new DiagnosticLog();
    for (let i = 0; i < 1000; i++) log.error({ source, start: 0, end: 1 }, "again");
    expect(log.sorted([])).toHaveLength(100);
  });
});
