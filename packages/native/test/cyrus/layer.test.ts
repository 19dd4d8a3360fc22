import * as fc from "fast-check";
import { type SaslContext, SaslError, type SecurityLayer } from "virnet/sasl";
import { afterAll, beforeAll, expect, it } from "vitest";
import { cyrusClient, cyrusServer } from "../../src/cyrus/index.ts";
import { authenticate, clientContext, type Sides, serverContext, wantsLayer } from "../helpers/authenticate.ts";
import { type SaslConfig, saslConfig } from "../helpers/sasl-config.ts";
import { describeWithCyrus } from "../helpers/with-cyrus.ts";

const alice = { authname: "alice", passphrase: "alice-secret" };
const strengths = [
  ["signed", 1],
  ["encrypted", 128],
] as const;

describeWithCyrus("a security layer of Cyrus", () => {
  let config: SaslConfig;
  let sides: Sides;
  beforeAll(async () => {
    config = await saslConfig({ alice: alice.passphrase });
    sides = {
      client: await cyrusClient(),
      server: await cyrusServer({ configPath: config.path, mechanisms: ["DIGEST-MD5"] }),
    };
  });
  afterAll(() => config[Symbol.asyncDispose]());

  it.each(strengths)("%s: what is wrapped comes out, both ways, however it is cut", async (_, ssf) => {
    using layers = await layersOf(sides, ssf);
    const { client, server } = layers;
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      const texts = fc.array(fc.uint8Array({ minLength: 1, maxLength: 3000 }), { minLength: 1, maxLength: 8 });
      const cuts = fc.array(fc.nat(), { maxLength: 12 });
      fc.assert(
        fc.property(texts, cuts, (plain, at) => {
          const frames = joined(plain.map((text) => from.wrap(text)));
          const out = joined(pieces(frames, at).map((piece) => to.unwrap(piece).slice()));
          expect(out).toEqual(joined(plain));
        }),
        { numRuns: 60 },
      );
    }
  });

  it.each(strengths)("%s: takes the largest text whole and no byte more", async (_, ssf) => {
    using layers = await layersOf(sides, ssf);
    const { client, server } = layers;
    const text = new Uint8Array(client.maxPlain).map((_value, i) => i % 251);
    const frame = client.wrap(text);
    expect(frame.length).toBeLessThanOrEqual(4 + 65536);
    expect(areEqual(server.unwrap(frame), text)).toBe(true);
    expect(() => client.wrap(new Uint8Array(client.maxPlain + 1))).toThrow(RangeError);
  });

  it("takes many frames in one chunk that is larger than libsasl2 takes at once", async () => {
    using layers = await layersOf(sides, 128);
    const { client, server } = layers;
    const texts = Array.from({ length: 10 }, (_, i) => new Uint8Array(30_000).fill(i));
    expect(areEqual(server.unwrap(joined(texts.map((text) => client.wrap(text)))), joined(texts))).toBe(true);
  });

  it("has its own keys, also after a connection of another strength to the same host", async () => {
    for (const ssf of [128, 1, 128, 128, 1, 1]) {
      using layers = await layersOf(sides, ssf);
      expect(layers.server.unwrap(layers.client.wrap(new Uint8Array(9)))).toHaveLength(9);
      expect(layers.client.unwrap(layers.server.wrap(new Uint8Array(9)))).toHaveLength(9);
    }
  });

  it("nothing in is nothing out", async () => {
    using layers = await layersOf(sides, 128);
    expect(layers.client.wrap(new Uint8Array(0))).toHaveLength(0);
    expect(layers.server.unwrap(new Uint8Array(0))).toHaveLength(0);
  });

  it("keeps within what the peer has announced", async () => {
    using layers = await layersOf(sides, 128, { maxBuffer: 2048 });
    const { client, server } = layers;
    expect(client.maxPlain).toBeLessThan(2048);
    const frame = client.wrap(new Uint8Array(client.maxPlain));
    expect(frame.length).toBeLessThanOrEqual(4 + 2048);
    expect(server.unwrap(frame)).toHaveLength(client.maxPlain);
  });

  it.each(strengths)("%s: a damaged frame is refused, and the layer stays broken", async (_, ssf) => {
    for (const at of [4, 10, 20, 33]) {
      using layers = await layersOf(sides, ssf);
      const { client, server } = layers;
      const frame = client.wrap(new TextEncoder().encode("a text that nobody changes"));
      frame[at] = (frame[at] ?? 0) ^ 1;
      expect(() => server.unwrap(frame)).toThrow(SaslError);
      expect(() => server.unwrap(client.wrap(new Uint8Array(1)))).toThrow("has failed before");
    }
  });

  it("a frame that comes again is refused", async () => {
    using layers = await layersOf(sides, 128);
    const frame = layers.client.wrap(new Uint8Array(5));
    expect(layers.server.unwrap(frame)).toHaveLength(5);
    expect(() => layers.server.unwrap(frame)).toThrow(SaslError);
  });

  it.each([65_537, 0x00_ff_ff_ff, 0x7f_ff_ff_ff, 0xff_ff_ff_ff])(
    "a frame of %i bytes is refused at once",
    async (n) => {
      using layers = await layersOf(sides, 128);
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, n);
      expect(() => layers.server.unwrap(joined([length, new Uint8Array(1)]))).toThrow(SaslError);
    },
  );

  it("anything else in its place is refused or waits for more, and crashes nothing", async () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(chunks, async (garbage) => {
        using layers = await layersOf(sides, 128);
        expect(garbage.map((chunk) => readOf(layers.server, chunk)).every((read) => read === 0)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it("closed it is of no use, and says so", async () => {
    const { client, server } = await layersOf(sides, 128);
    client.close();
    server.close();
    expect(() => client.wrap(new Uint8Array(1))).toThrow("was closed");
    expect(() => server.unwrap(new Uint8Array(1))).toThrow("was closed");
  });
});

interface Layers extends Disposable {
  readonly client: SecurityLayer;
  readonly server: SecurityLayer;
}

async function layersOf(sides: Sides, ssf: number, changes: Partial<SaslContext> = {}): Promise<Layers> {
  const exactly: Partial<SaslContext> = { ...wantsLayer, minSsf: ssf, maxSsf: ssf, ...changes };
  const both = await authenticate(sides, "DIGEST-MD5", clientContext(alice, exactly), serverContext(exactly));
  const [client, server] = [both.client.layer, both.server.layer];
  if (client === null || server === null) throw new Error("no layer");
  const close = (): void => {
    client.close();
    server.close();
  };
  return { client, server, [Symbol.dispose]: close };
}

/** Bytes of text that come of a chunk; none of one that is refused. */
function readOf(layer: SecurityLayer, chunk: Uint8Array): number {
  try {
    return layer.unwrap(chunk).length;
  } catch (error) {
    if (!(error instanceof SaslError)) throw error;
    return 0;
  }
}

/** For long ones, of which a difference is of no help. */
function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** The bytes cut at these places, taken modulo their number. */
function pieces(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  return places.slice(1).map((end, i) => bytes.subarray(places[i], end));
}
