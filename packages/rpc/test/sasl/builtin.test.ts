import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { builtinClient, builtinServer } from "../../src/sasl/builtin.ts";
import type { SaslClientContext, SaslServerContext, SaslStep } from "../../src/sasl/mechanism.ts";
import { SaslError } from "../../src/sasl/sasl-error.ts";
import { scramKeys } from "../../src/sasl/scram-keys.ts";
import { clientContext, patient, serverContext } from "../helpers/sasl.ts";

const names = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "EXTERNAL", "ANONYMOUS"];
const channelBinding = () => Uint8Array.of(1, 2, 3);
const overTls: SaslServerContext = { ...serverContext, external: { ssf: 256, identity: "CN=x" }, channelBinding };
const keys = scramKeys("a secret that nobody guesses", { iterations: 4096 });
const server = builtinServer(names, async () => [await keys]);
const client = builtinClient();

it("offers what the connection allows, in the given order", async () => {
  expect(await server.mechanisms(overTls)).toEqual(names);
  const unprotected = { ...serverContext, plaintext: false, anonymous: false };
  expect(await server.mechanisms(unprotected)).toEqual(["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1"]);
  expect(await server.mechanisms({ ...overTls, minSsf: 56, maxSsf: 100_000 })).toEqual([]);
});

/** What a peer may say: anything at all, or something near to what it should. */
const anything = fc.oneof(
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 64 }) },
  {
    weight: 5,
    arbitrary: fc
      .array(
        fc.constantFrom(
          ..."n,, y,, p=tls-exporter,, a= n= n=user ,r= r=x ,s=AAAA ,i=4096 ,i=0 c=biws ,p=AAAA v=AAAA e=x m=x \0 user = , é".split(
            " ",
          ),
        ),
        { maxLength: 8 },
      )
      .map((parts) => new TextEncoder().encode(parts.join(""))),
  },
);

describe.each(names)("a server's %s", (name) => {
  const letsEverybodyIn = name === "EXTERNAL" || name === "ANONYMOUS";

  it("takes any message at any step without crash, hang or entry", async () => {
    const said = fc.array(anything, { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(said, async (messages) => {
        const exchange = server.start(name, overTls);
        for (const message of messages) {
          const step = await exchange.step(message, patient).catch((error: unknown) => error);
          if (step instanceof SaslError) break;
          const isIn = (step as SaslStep).done;
          expect(isIn && !letsEverybodyIn).toBe(false);
          if (isIn) break;
        }
        exchange.close();
        await expect(exchange.step(null, patient)).rejects.toThrow(SaslError);
      }),
      { numRuns: 300 },
    );
  });
});

describe.each(names)("a client's %s", (name) => {
  it("takes any message at any step without crash or hang, and is satisfied by none", async () => {
    const context: SaslClientContext = clientContext("user", "pass", {
      external: { ssf: 256, identity: null },
      channelBinding,
      offered: names,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(anything, { minLength: 1, maxLength: 3 }), async (messages) => {
        const exchange = client.start(name, context);
        const first = await exchange.step(null, patient);
        expect(first.done).toBe(!name.startsWith("SCRAM"));
        for (const message of messages) {
          const step = await exchange.step(message, patient).catch((error: unknown) => error);
          if (step instanceof SaslError) break;
          expect(step).toMatchObject({ done: false });
        }
        exchange.close();
      }),
      { numRuns: 300 },
    );
  });
});
