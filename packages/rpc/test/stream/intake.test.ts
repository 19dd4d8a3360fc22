import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Intake, intakeLimits } from "../../src/stream/intake.ts";

const KIB = 1024;
const limits = { idle: 1024 * KIB, streams: 2048 * KIB, calls: 4096 * KIB };

function intaking() {
  const told: string[] = [];
  const calls = { wait: false };
  const intake = new Intake({
    limits,
    hold: () => told.push("hold"),
    release: () => told.push("release"),
    callsWait: () => calls.wait,
  });
  return { intake, told, calls };
}

describe("an intake", () => {
  it("holds at its limit, not before, and releases once there is room for a packet", () => {
    const { intake, told } = intaking();
    intake.changed(limits.idle - 1);
    expect(told).toEqual([]);
    intake.changed(1);
    expect(told).toEqual(["hold"]);
    intake.changed(-256 * KIB + 1);
    expect(told).toEqual(["hold"]);
    intake.changed(-1);
    expect(told).toEqual(["hold", "release"]);
    expect(intake.queued).toBe(768 * KIB);
  });

  it("goes on to a larger limit while a reader of another stream waits", () => {
    const { intake, told } = intaking();
    intake.changed(limits.idle);
    intake.reader(1);
    expect(told).toEqual(["hold", "release"]);
    intake.changed(limits.streams - limits.idle);
    expect(intake.isHolding).toBe(true);
    expect(intake.waiting).toBe(1);
  });

  it("goes on to the largest while a stream's end is to be confirmed", () => {
    const { intake } = intaking();
    intake.changed(limits.streams);
    intake.confirmation(1);
    expect(intake.isHolding).toBe(false);
    intake.changed(limits.calls - limits.streams);
    expect(intake.isHolding).toBe(true);
    intake.confirmation(-1);
    expect(intake.waiting).toBe(0);
  });

  it("goes on to the largest while a call waits, once it is told to look", () => {
    const { intake, calls } = intaking();
    intake.changed(limits.idle);
    calls.wait = true;
    expect(intake.isHolding).toBe(true);
    intake.update();
    expect(intake.isHolding).toBe(false);
    calls.wait = false;
    intake.update();
    expect(intake.isHolding).toBe(true);
  });

  it("holds and releases in turn, and never beyond what it should", () => {
    const change = fc.record({ bytes: fc.integer({ min: -1_048_576, max: 1_048_576 }), wait: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 100 }), (changes) => {
        const { intake, told, calls } = intaking();
        for (const { bytes, wait } of changes) {
          calls.wait = wait;
          intake.changed(Math.max(bytes, -intake.queued));
          const limit = wait ? limits.calls : limits.idle;
          expect(intake.isHolding || intake.queued < limit).toBe(true);
          expect(!intake.isHolding || intake.queued > limit - 256 * KIB).toBe(true);
        }
        told.forEach((word, at) => expect(word).toBe(at % 2 === 0 ? "hold" : "release"));
        expect(intake.isHolding).toBe(told.length % 2 === 1);
      }),
    );
  });
});

describe("the limits that go with the largest", () => {
  it.each([
    [16_777_216, { idle: 1_048_576, streams: 8_388_608, calls: 16_777_216 }],
    [1_048_576, { idle: 524_288, streams: 524_288, calls: 1_048_576 }],
    [1, { idle: 524_288, streams: 524_288, calls: 524_288 }],
  ])("of %d bytes leave room for two packets", (most, expected) => {
    expect(intakeLimits(most)).toEqual(expected);
  });
});
