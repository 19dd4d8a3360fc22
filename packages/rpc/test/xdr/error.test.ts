import { describe, expect, it } from "vitest";
import { XdrError } from "../../src/xdr/error.ts";

describe("XdrError", () => {
  it("says what is wrong and where", () => {
    const error = new XdrError("int needs 4 bytes, 2 left", { offset: 8, path: "root.legs" });
    expect(error.message).toBe("int needs 4 bytes, 2 left at byte 8 of root.legs");
    expect(error).toMatchObject({
      name: "XdrError",
      detail: "int needs 4 bytes, 2 left",
      offset: 8,
      path: "root.legs",
    });
  });

  it("has neither path nor cause unless given", () => {
    const error = new XdrError("bad", { offset: 0 });
    expect(error.path).toBe("");
    expect("cause" in error).toBe(false);
    expect(new XdrError("bad", { offset: 0, cause: 5 }).cause).toBe(5);
  });
});
