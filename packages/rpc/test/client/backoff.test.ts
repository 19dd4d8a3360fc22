import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Backoff } from "../../src/client/backoff.ts";

const steady = { initial: 10, factor: 2, max: 50, jitter: 0 };

describe("waits", () => {
  it("grow by the factor up to the maximum", () => {
    const backoff = new Backoff(steady);
    expect([1, 2, 3, 4, 5].map((now) => backoff.failed(now))).toEqual([10, 20, 40, 50, 50]);
    expect(backoff.attempt).toBe(6);
  });

  it("are left to chance as far as the jitter says", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(100), (jitter, failures) => {
        const backoff = new Backoff({ ...steady, jitter });
        for (let n = 0; n < failures; n++) backoff.failed(0);
        const wait = backoff.failed(0) ?? -1;
        expect(wait).toBeLessThanOrEqual(50);
        expect(wait).toBeGreaterThanOrEqual((failures === 0 ? 10 : 20) * (1 - jitter) * (failures === 0 ? 1 : 0.99));
      }),
    );
  });

  it("never exceed the maximum, however many failed", () => {
    const backoff = new Backoff({ initial: 100, factor: 10 });
    for (let n = 0; n < 2000; n++) backoff.failed(0);
    expect(backoff.failed(0)).toBeLessThanOrEqual(30_000);
  });
});

it("of nothing stays nothing, however many failed", () => {
  const backoff = new Backoff({ initial: 0 });
  for (let n = 0; n < 2000; n++) expect(backoff.failed(0)).toBe(0);
});

describe("the end", () => {
  it("comes after so many attempts", () => {
    const backoff = new Backoff({ ...steady, attempts: 3 });
    expect([backoff.failed(0), backoff.failed(0), backoff.failed(0)]).toEqual([10, 20, null]);
  });

  it("comes when the next attempt would begin too late", () => {
    const backoff = new Backoff({ ...steady, total: 100 });
    expect([backoff.failed(1000), backoff.failed(1080), backoff.failed(1061)]).toEqual([10, 20, null]);
  });
});

describe("a lost connection", () => {
  it("that lasted begins a new row", () => {
    const backoff = new Backoff({ ...steady, attempts: 2, total: 100, stable: 1000 });
    expect(backoff.failed(0)).toBe(10);
    expect(backoff.lost(1000, 5000)).toBe(10);
    expect(backoff.attempt).toBe(1);
    expect([backoff.failed(5010), backoff.failed(5020)]).toEqual([10, null]);
  });

  it("that did not last counts as a failure", () => {
    const backoff = new Backoff({ ...steady, stable: 1000 });
    expect([backoff.failed(0), backoff.lost(999, 10), backoff.lost(999, 20)]).toEqual([10, 20, 40]);
  });
});

it.each([
  [{ initial: -1 }, "backoff initial is -1"],
  [{ max: 2 ** 31 }, "backoff max is 2147483648"],
  [{ factor: 0.5 }, "backoff factor is 0.5"],
  [{ jitter: Number.NaN }, "backoff jitter is NaN"],
  [{ attempts: 0 }, "backoff attempts is 0"],
  [{ total: -1 }, "backoff total is -1"],
  [{ stable: -1 }, "backoff stable is -1"],
])("what can't be waited is refused: %o", (options, message) => {
  expect(() => new Backoff(options)).toThrow(message);
});
