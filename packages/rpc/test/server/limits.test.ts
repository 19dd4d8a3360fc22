import { describe, expect, it } from "vitest";
import { serverLimits } from "../../src/server/limits.ts";

describe("serverLimits", () => {
  it("are libvirtd's unless given", () => {
    expect(serverLimits()).toMatchObject({
      clientRequests: 5,
      clients: 5000,
      queuedBytes: 16_777_216,
      frame: 33_554_436,
    });
    expect(serverLimits({ clients: 1, frame: 28 })).toMatchObject({ clients: 1, frame: 28, clientRequests: 5 });
  });

  it.each(["clientRequests", "clients", "queuedBytes", "frame"] as const)("refuse a %s that is none", (name) => {
    for (const value of [0, -1, Number.NaN]) expect(() => serverLimits({ [name]: value })).toThrow(RangeError);
  });
});
