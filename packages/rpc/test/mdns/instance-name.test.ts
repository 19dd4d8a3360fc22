import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { alternativeName, checkedName } from "../../src/mdns/instance-name.ts";

describe("checkedName", () => {
  it("takes dots, spaces and 63 bytes", () => {
    for (const name of ["echo on kvm1.example.org", "é".repeat(31), "x".repeat(63)])
      expect(checkedName(name)).toBe(name);
  });

  it.each(["", "x".repeat(64), "é".repeat(32), "a\nb", "a\u007fb"])("refuses %j", (name) => {
    expect(() => checkedName(name)).toThrow(RangeError);
  });
});

describe("alternativeName", () => {
  it.each([
    ["echo", "echo #2"],
    ["echo #2", "echo #3"],
    ["echo #9", "echo #10"],
    ["echo #0", "echo #0 #2"],
    ["echo #x", "echo #x #2"],
    ["#2", "#2 #2"],
  ])("makes of %j what Avahi makes: %j", (name, other) => {
    expect(alternativeName(name)).toBe(other);
  });

  it("never exceeds 63 bytes, and cuts whole characters", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 40 }), (name) => {
        const other = alternativeName(name);
        expect(new TextEncoder().encode(other).length).toBeLessThanOrEqual(63);
        expect(other).not.toBe(name);
      }),
    );
    expect(alternativeName("é".repeat(31))).toBe(`${"é".repeat(30)} #2`);
  });
});
