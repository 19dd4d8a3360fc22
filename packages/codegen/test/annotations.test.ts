import { describe, expect, it } from "vitest";
import { type AnnotatedDoc, readAnnotations } from "../src/annotations.ts";
import { DiagnosticLog, formatDiagnostic } from "../src/diagnostics.ts";
import { openSource } from "../src/source.ts";

function read(text: string): AnnotatedDoc & { complaints: string } {
  const log = new DiagnosticLog();
  const source = openSource("t.x", text);
  const doc = text.split("\n").map((line, index) => ({ text: line, start: source.lineStarts[index] ?? 0 }));
  return { ...readAnnotations(doc, source, log), complaints: log.sorted([]).map(formatDiagnostic).join("\n") };
}

describe("readAnnotations", () => {
  it.each([
    ["@generate: both", { generate: "both" }],
    ["@priority: high", { priority: "high" }],
    ["@priority high", { priority: "high" }],
    ["@readstream: 2", { readStream: 2 }],
    ["@writestream:1", { writeStream: 1 }],
    ["@sparseflag: VIR_SPARSE", { sparseFlag: "VIR_SPARSE" }],
    ["@insert: 1", { insert: 1 }],
    ["@since: 11.2.0", { since: "11.2.0" }],
    ["@open", { open: true }],
    ["@acl: none", { acl: ["none"] }],
    ["@acl: a:b\n@acl: c:d:!X|Y", { acl: ["a:b", "c:d:!X|Y"] }],
    ["@acl: domain:write::source:AGENT", { acl: ["domain:write::source:AGENT"] }],
    ["@aclfilter: a:b", { aclFilter: ["a:b"] }],
  ])("reads %s", (text, expected) => {
    const { annotations, complaints } = read(text);
    expect(complaints).toBe("");
    expect(annotations).toEqual({ acl: [], aclFilter: [], ...expected });
  });

  it("leaves the other lines", () => {
    const { doc } = read("Says it.\n@priority: high\nMail a@b.c.");
    expect(doc.map(({ text }) => text)).toEqual(["Says it.", "Mail a@b.c."]);
  });

  it("warns about names it does not know", () => {
    expect(read("text\n@prio: high").complaints).toBe(
      [
        "t.x:2:1: warning: unknown annotation @prio",
        "  2 | @prio: high",
        "    | ^^^^^",
        "  hint: known are @generate, @priority, @readstream, @writestream, @insert, @sparseflag, @acl, @aclfilter, @since, @open",
      ].join("\n"),
    );
  });

  it.each([
    ["@priority: urgent", '1:12: error: @priority wants high or low, found "urgent"'],
    ["@priority:", '1:1: error: @priority wants high or low, found ""'],
    ["@generate: all", '1:12: error: @generate wants none, client, server or both, found "all"'],
    ["@readstream: 0", '1:14: error: @readstream wants a position from 1, found "0"'],
    ["@writestream: x", '1:15: error: @writestream wants a position from 1, found "x"'],
    ["@sparseflag: 1", '1:14: error: @sparseflag wants the name of a constant, found "1"'],
    ["@acl: domain", '1:7: error: @acl wants object:permission, or none, found "domain"'],
    ['@acl: a:b"', '1:7: error: @acl wants object:permission, or none, found "a:b\\""'],
    ["@aclfilter: none", '1:13: error: @aclfilter wants object:permission, found "none"'],
    ["@since: soon", '1:9: error: @since wants a version such as 9.7.0, found "soon"'],
    ["@open: yes", '1:8: error: @open wants no value, found "yes"'],
  ])("refuses %s", (text, expected) => {
    expect(read(text).complaints.split("\n")[0]).toBe(`t.x:${expected}`);
  });
});
