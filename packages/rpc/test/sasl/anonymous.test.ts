import { expect, it } from "vitest";
import { anonymousClient, anonymousServer } from "../../src/sasl/anonymous.ts";
import { SaslError } from "../../src/sasl/sasl-error.ts";
import { bytes, clientContext, converse, patient, serverContext } from "../helpers/sasl.ts";

it("lets everybody in, under one name", async () => {
  const ends = await converse(anonymousClient.start(clientContext(null, null)), anonymousServer.start(serverContext));
  expect(ends.server.user).toBe("anonymous");
});

it("takes RFC 4505's trace, now or later, if it is one", async () => {
  const exchange = anonymousServer.start(serverContext);
  expect(await exchange.step(null, patient)).toEqual({ done: false, output: null });
  expect(await exchange.step(bytes("sirhc"), patient)).toMatchObject({ done: true });
  const step = (length: number) => anonymousServer.start(serverContext).step(bytes("x".repeat(length)), patient);
  expect(await step(255)).toMatchObject({ done: true });
  await expect(step(256)).rejects.toThrow(SaslError);
});

it("is offered only where it may", () => {
  expect(anonymousServer.fits({ ...serverContext, anonymous: false })).toBe(false);
  expect(anonymousClient.fits(clientContext(null, null, { anonymous: false }))).toBe(false);
});
