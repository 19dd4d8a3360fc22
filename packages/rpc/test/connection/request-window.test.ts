import { describe, expect, it } from "vitest";
import { RequestWindow } from "../../src/connection/request-window.ts";

function counting(size: number) {
  const told: string[] = [];
  const window = new RequestWindow(size, {
    hold: () => told.push("stop"),
    release: () => told.push("go"),
  });
  return { window, told };
}

describe("a request window", () => {
  it("stops at its size, not before, and goes on with the first that leaves", () => {
    const { window, told } = counting(3);
    window.enter();
    window.enter();
    expect(told).toEqual([]);
    window.enter();
    expect(told).toEqual(["stop"]);
    window.leave();
    expect(told).toEqual(["stop", "go"]);
    window.leave();
    window.leave();
    expect(told).toEqual(["stop", "go"]);
    expect(window.inside).toBe(0);
  });

  it("stops again each time it fills", () => {
    const { window, told } = counting(1);
    for (let i = 0; i < 3; i++) {
      window.enter();
      window.leave();
    }
    expect(told).toEqual(["stop", "go", "stop", "go", "stop", "go"]);
  });

  it.each([0, -1, Number.NaN])("of %d is none", (size) => {
    expect(() => counting(size)).toThrow(RangeError);
  });
});
