import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Flow } from "../../src/stream/flow.ts";

const MIB = 1_048_576;

function flowing(knowsMarks = true) {
  const sent: string[] = [];
  const port = { knowsMarks, sendMark: (kind: string, serial: number) => void sent.push(`${kind} ${serial}`) };
  return { flow: new Flow(port, 7), sent };
}

describe("the flow of what is sent", () => {
  it("has a mark behind each mebibyte", () => {
    const { flow, sent } = flowing();
    flow.sent(MIB - 1);
    expect(sent).toEqual([]);
    flow.sent(1);
    flow.sent(MIB);
    expect(sent).toEqual(["mark 7", "mark 7"]);
  });

  it("stops at four mebibytes, and goes on when a mark comes back", () => {
    const { flow } = flowing();
    for (let i = 0; i < 3; i++) flow.sent(MIB);
    flow.sent(MIB - 1);
    expect(flow.isOpen).toBe(true);
    flow.sent(1);
    expect(flow.isOpen).toBe(false);
    flow.marked();
    expect(flow.isOpen).toBe(true);
  });

  it("never stops, and has no marks, for a peer that does not know them", () => {
    const { flow, sent } = flowing(false);
    flow.sent(100 * MIB);
    expect(flow.isOpen).toBe(true);
    expect(sent).toEqual([]);
  });

  it("is not opened by marks that were never set", () => {
    const { flow } = flowing();
    for (let i = 0; i < 10; i++) flow.marked();
    for (let i = 0; i < 4; i++) flow.sent(MIB);
    expect(flow.isOpen).toBe(false);
  });

  it("is open again once every mark has come back, whatever was sent", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 262_120 }), { maxLength: 60 }), (sizes) => {
        const { flow, sent } = flowing();
        for (const size of sizes) if (flow.isOpen) flow.sent(size);
        for (const _ of sent) flow.marked();
        expect(flow.isOpen).toBe(true);
      }),
    );
  });
});

describe("the flow of what comes", () => {
  it("sends a mark back at once while little waits", () => {
    const { flow, sent } = flowing();
    flow.mark(524_288);
    expect(sent).toEqual(["marked 7"]);
  });

  it("sends marks back late, all of them, once little waits", () => {
    const { flow, sent } = flowing();
    flow.mark(MIB);
    flow.mark(2 * MIB);
    flow.consumed(524_289);
    expect(sent).toEqual([]);
    flow.consumed(524_288);
    expect(sent).toEqual(["marked 7", "marked 7"]);
    flow.consumed(0);
    expect(sent).toHaveLength(2);
  });

  it("owes a flood of marks 64 answers", () => {
    const { flow, sent } = flowing();
    for (let i = 0; i < 1000; i++) flow.mark(MIB);
    flow.consumed(0);
    expect(sent).toHaveLength(64);
  });
});
