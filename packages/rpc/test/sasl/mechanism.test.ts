import { expect, it } from "vitest";
import { mechanismProvider, type SaslServerMechanism } from "../../src/sasl/mechanism.ts";
import { SaslError } from "../../src/sasl/sasl-error.ts";
import { serverContext as context } from "../helpers/sasl.ts";

const greeting: SaslServerMechanism = {
  name: "GREETING",
  fits: ({ plaintext }) => plaintext,
  start: () => ({
    step: async () => ({ done: true, output: null, user: "anybody", layer: null, ssf: 0 }),
    close() {},
  }),
};

const provider = mechanismProvider([greeting]);

it("offers the mechanisms that fit", async () => {
  expect(await provider.mechanisms(context)).toEqual(["GREETING"]);
  expect(await provider.mechanisms({ ...context, plaintext: false })).toEqual([]);
});

it("offers none where a layer is demanded", async () => {
  expect(await provider.mechanisms({ ...context, minSsf: 1, maxSsf: 256 })).toEqual([]);
});

it("starts what it offers, and nothing else", () => {
  expect(provider.start("GREETING", context)).toBeDefined();
  expect(() => provider.start("OTHER", context)).toThrow(SaslError);
  expect(() => provider.start("GREETING", { ...context, plaintext: false })).toThrow("GREETING can't be used here");
});
