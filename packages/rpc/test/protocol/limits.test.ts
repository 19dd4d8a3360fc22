import { describe, expect, it } from "vitest";
import { defaultLimits, withDefaults } from "../../src/protocol/limits.ts";

describe("withDefaults", () => {
  it("is libvirt's 32 MiB and the length word unless given", () => {
    expect(withDefaults(undefined)).toEqual({ frame: 33_554_436 });
    expect(withDefaults({})).toEqual(defaultLimits);
  });

  it.each([28, 262_144, 0xffff_ffff])("takes a frame of %d bytes", (frame) => {
    expect(withDefaults({ frame })).toEqual({ frame });
  });

  it.each([0, 27, -1, 0x1_0000_0000, Number.NaN])(
    "refuses a frame of %d bytes, which no message could meet",
    (frame) => {
      expect(() => withDefaults({ frame })).toThrow(RangeError);
    },
  );
});
