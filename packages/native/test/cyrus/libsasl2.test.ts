import { expect, it } from "vitest";
import { openLibsasl2 } from "../../src/cyrus/libsasl2.ts";
import { loadForeign } from "../../src/foreign.ts";

it("where there is no libsasl2, says what to install", async () => {
  const foreign = await loadForeign();
  expect(() => openLibsasl2(foreign, ["libsasl2-that-is-nowhere.so"])).toThrow(
    /^Cyrus SASL is not installed .* libsasl2-2, libsasl2-modules .* libsasl2-modules-gssapi-mit .*\.$/,
  );
});
