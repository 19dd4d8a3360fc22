import { describe, expect, it } from "vitest";
import { type PendingCall, PendingCalls } from "../../src/client/pending-calls.ts";
import { Echo } from "../helpers/echo.ts";

function call(serial: number, rejected: unknown[] = [], position = 0): PendingCall {
  const pending = {
    serial,
    program: Echo,
    procedure: Echo.procedures.say,
    wire: undefined,
    position,
    onDescriptors: undefined,
    resolve: () => {},
    reject: (reason: unknown) => rejected.push(reason),
    off: () => {},
  };
  return pending;
}

describe("serials", () => {
  it("begin with 0 and grow by one", () => {
    const calls = new PendingCalls();
    expect([calls.reserve(), calls.reserve(), calls.reserve()]).toEqual([0, 1, 2]);
  });

  it("go on with 0 after 2^32 - 1", () => {
    const calls = new PendingCalls(0xffff_fffe);
    expect([calls.reserve(), calls.reserve(), calls.reserve()]).toEqual([0xffff_fffe, 0xffff_ffff, 0]);
  });

  it("pass over those of calls that wait or that are owed a reply", () => {
    const calls = new PendingCalls(0xffff_fffe);
    for (const serial of [0xffff_ffff, 0, 1]) calls.open(call(serial));
    calls.abandon(0);
    calls.settle(1);
    expect([calls.reserve(), calls.reserve()]).toEqual([0xffff_fffe, 1]);
  });
});

describe("abandoned calls", () => {
  it("are owed one reply, which is dropped and counted", () => {
    const calls = new PendingCalls();
    calls.open(call(0));
    expect(calls.abandon(0)).toBe(true);
    expect(calls.size).toBe(0);
    expect(calls.takeLate(0)).toBe(true);
    expect(calls.takeLate(0)).toBe(false);
    expect(calls.late).toBe(1);
  });

  it("are remembered up to 65536", () => {
    const calls = new PendingCalls();
    for (let serial = 0; serial < 65_536; serial++) expect(calls.abandon(serial)).toBe(true);
    expect(calls.abandon(65_536)).toBe(false);
  });
});

describe("rejectAll", () => {
  it("ends every call once, with what is said of it, and forgets what was abandoned", () => {
    const calls = new PendingCalls();
    const rejected: unknown[] = [];
    calls.open(call(0, rejected, 28));
    calls.open(call(1, rejected, 56));
    calls.abandon(2);
    calls.rejectAll(({ position }) => `over at ${position}`);
    calls.rejectAll(() => "again");
    expect(rejected).toEqual(["over at 28", "over at 56"]);
    expect(calls.takeLate(2)).toBe(false);
  });
});
