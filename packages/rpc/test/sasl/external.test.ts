import { expect, it } from "vitest";
import { externalClient, externalServer } from "../../src/sasl/external.ts";
import { SaslError } from "../../src/sasl/sasl-error.ts";
import { bytes, clientContext, converse, patient, serverContext } from "../helpers/sasl.ts";

const identity = "O=Testbed,CN=good-client";
const shown = { ...serverContext, external: { ssf: 256, identity } };
const client = clientContext(null, null, { external: { ssf: 256, identity: "CN=server" } });

it("says an empty word, not none, and is who its certificate says", async () => {
  expect(await externalClient.start(client).step(null, patient)).toMatchObject({ output: new Uint8Array() });
  const ends = await converse(externalClient.start(client), externalServer.start(shown));
  expect(ends.server).toEqual({ done: true, output: null, user: identity, layer: null, ssf: 0 });
});

it("takes its word later, and only its own name", async () => {
  const exchange = externalServer.start(shown);
  expect(await exchange.step(null, patient)).toEqual({ done: false, output: null });
  expect(await exchange.step(bytes(identity), patient)).toMatchObject({ user: identity });
  await expect(externalServer.start(shown).step(bytes("CN=root"), patient)).rejects.toThrow(SaslError);
});

it("needs a certificate", async () => {
  expect(externalServer.fits(serverContext)).toBe(false);
  expect(externalServer.fits({ ...serverContext, external: { ssf: 256, identity: null } })).toBe(false);
  expect(externalServer.fits(shown)).toBe(true);
  expect(externalClient.fits(clientContext(null, null))).toBe(false);
  await expect(externalServer.start(serverContext).step(bytes(""), patient)).rejects.toThrow("no certificate");
});
