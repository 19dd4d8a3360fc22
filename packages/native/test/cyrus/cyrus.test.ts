import { expect, it } from "vitest";
import { loadCyrus } from "../../src/cyrus/cyrus.ts";
import { describeWithCyrus } from "../helpers/with-cyrus.ts";

describeWithCyrus("libsasl2", () => {
  it("is loaded and says its version", async () => {
    expect((await loadCyrus()).version).toMatch(/^2\./);
  });
});
