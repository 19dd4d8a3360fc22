import { expect, it } from "vitest";
import { churn, grounds } from "../../../../endurance/churn.ts";
import { loadUnix } from "../../src/unix/unix.ts";
import { temporaryFolder } from "../helpers/descriptors.ts";

it.each(grounds)("connections that come and go over %s leave nothing behind", { timeout: 60_000 }, async (ground) => {
  const { before, after } = await churn(ground, {
    cycles: ground === "tls" ? 60 : 300,
    folder: temporaryFolder(),
    unix: await loadUnix(),
  });
  expect(after).toEqual(before);
});
