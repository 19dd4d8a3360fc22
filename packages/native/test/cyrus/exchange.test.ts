import * as fc from "fast-check";
import { SaslError, type SaslExchange } from "virnet/sasl";
import { afterAll, beforeAll, expect, it } from "vitest";
import { cyrusClient, cyrusServer } from "../../src/cyrus/index.ts";
import { clientContext, type Sides, serverContext, wantsLayer } from "../helpers/authenticate.ts";
import { type SaslConfig, saslConfig } from "../helpers/sasl-config.ts";
import { describeWithCyrus } from "../helpers/with-cyrus.ts";

const alice = { authname: "alice", passphrase: "alice-secret", realm: "here" };
const mechanisms = [
  "SCRAM-SHA-256",
  "DIGEST-MD5",
  "CRAM-MD5",
  "PLAIN",
  "LOGIN",
  "NTLM",
  "GSSAPI",
  "GSS-SPNEGO",
  "GS2-KRB5",
  "EXTERNAL",
];

/** What peers might say: nothing, no bytes, noise, and what looks like the real thing. */
const messages = fc.oneof(
  fc.constant(null),
  fc.constant(new Uint8Array(0)),
  fc.uint8Array({ maxLength: 200 }),
  fc
    .array(
      fc.constantFrom(
        "n,,",
        "y,,",
        "p=tls-exporter,,",
        "n=alice,",
        "r=abc,",
        "s=YWJj,",
        "i=4096,",
        "i=99999999999,",
        "c=biws,",
        "p=AAAA",
        "v=AAAA",
        'realm="here",',
        'nonce="abc",',
        'qop="auth-conf",',
        "nc=00000001,",
        'cipher="rc4",',
        "maxbuf=17,",
        "maxbuf=0,",
        "maxbuf=99999999999,",
        "algorithm=md5-sess,",
        'digest-uri="libvirt/localhost",',
        "response=00000000000000000000000000000000,",
        'username="alice",',
        "rspauth=0",
        "charset=utf-8,",
        "alice",
        "\0alice\0wrong",
        "NTLMSSP\0\x01\0\0\0",
        '"',
        "\\",
        "=",
      ),
      { maxLength: 12 },
    )
    .map((parts) => new TextEncoder().encode(parts.join(""))),
);
const talk = fc.array(messages, { minLength: 1, maxLength: 5 });

describeWithCyrus("a peer that says anything at any step", () => {
  let config: SaslConfig;
  let sides: Sides;
  beforeAll(async () => {
    config = await saslConfig({ alice: alice.passphrase });
    sides = { client: await cyrusClient(), server: await cyrusServer({ configPath: config.path, mechanisms }) };
  });
  afterAll(() => config[Symbol.asyncDispose]());

  it.each(mechanisms)("is never let in by a server of %s", { timeout: 60_000 }, async (mechanism) => {
    await fc.assert(
      fc.asyncProperty(talk, fc.boolean(), async (said, wantsIt) => {
        const exchange = sides.server.start(mechanism, serverContext(wantsIt ? wantsLayer : {}));
        expect(await endOf(exchange, said)).not.toBe("let in");
      }),
      { numRuns: 60 },
    );
  });

  it.each(mechanisms)(
    "is never believed by a client of %s that expects proof",
    { timeout: 60_000 },
    async (mechanism) => {
      const provesNothing = ["PLAIN", "LOGIN", "CRAM-MD5", "EXTERNAL", "NTLM"].includes(mechanism);
      await fc.assert(
        fc.asyncProperty(talk, fc.boolean(), async (said, wantsIt) => {
          const exchange = sides.client.start(mechanism, clientContext(alice, wantsIt ? wantsLayer : {}));
          const end = await endOf(exchange, [null, ...said]);
          expect(end === "let in" && !provesNothing).toBe(false);
        }),
        { numRuns: 60 },
      );
    },
  );
});

async function endOf(exchange: SaslExchange, said: readonly (Uint8Array | null)[]): Promise<string> {
  try {
    for (const message of said) {
      const step = await exchange.step(message, AbortSignal.timeout(30_000));
      if (step.done) step.layer?.close();
      if (step.done) return "let in";
    }
    return "wants more";
  } catch (error) {
    if (!(error instanceof SaslError)) throw error;
    return "refused";
  } finally {
    exchange.close();
  }
}
