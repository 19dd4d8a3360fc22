import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Gatherer } from "../../src/stream/gatherer.ts";
import { deferred } from "../../src/util/deferred.ts";

const LEAST = 1000;

/** A taker that is done when the test says so. */
function gathering() {
  const taken: (number | bigint)[] = [];
  const waiting: { resolve: () => void; reject: (reason: unknown) => void }[] = [];
  const take = (what: number | bigint): Promise<void> => {
    taken.push(what);
    const done = deferred<void>();
    waiting.push({ resolve: () => done.resolve(), reject: done.reject });
    return done.promise;
  };
  const gatherer = new Gatherer(
    LEAST,
    (bytes) => take(bytes.length),
    ({ hole }) => take(hole),
  );
  return {
    gatherer,
    taken,
    done: () => waiting.shift()?.resolve(),
    fail: (why: Error) => waiting.shift()?.reject(why),
  };
}

describe("a gatherer", () => {
  it("hands over blocks that are full, and at the end what is left", async () => {
    const { gatherer, taken, done } = gathering();
    expect(gatherer.data(new Uint8Array(999))).toBeUndefined();
    expect(taken).toEqual([]);
    expect(gatherer.data(new Uint8Array(500))).toBeUndefined();
    expect(taken).toEqual([1499]);
    void gatherer.data(new Uint8Array(1));
    const end = gatherer.end();
    done();
    await Promise.resolve();
    await expect.poll(() => taken).toEqual([1499, 1]);
    done();
    await end;
  });

  it("lets the sender wait while one block is being taken and the other is full", async () => {
    const { gatherer, taken, done } = gathering();
    void gatherer.data(new Uint8Array(LEAST));
    const full = gatherer.data(new Uint8Array(LEAST + 1));
    expect(full).toBeInstanceOf(Promise);
    expect(taken).toEqual([LEAST]);
    done();
    await full;
    expect(taken).toEqual([LEAST, LEAST + 1]);
  });

  it("hands over what there is before a hole, and the hole behind it", async () => {
    const { gatherer, taken, done } = gathering();
    void gatherer.data(new Uint8Array(1));
    const hole = gatherer.hole({ hole: 7n });
    await expect.poll(() => taken).toEqual([1]);
    done();
    await expect.poll(() => taken).toEqual([1, 7n]);
    done();
    await hole;
  });

  it("tells the next who comes, and the end, that a block could not be taken", async () => {
    const { gatherer, fail } = gathering();
    void gatherer.data(new Uint8Array(LEAST));
    fail(new Error("full"));
    await expect(gatherer.data(new Uint8Array(LEAST))).rejects.toThrow("full");
    await expect(gatherer.end()).rejects.toThrow("full");
    await expect(gatherer.hole({ hole: 1n })).rejects.toThrow("full");
  });

  it("does not wait for more of what comes slowly", async () => {
    const { gatherer, taken } = gathering();
    const begun = performance.now();
    await expect.poll(() => performance.now() - begun).toBeGreaterThan(100);
    void gatherer.data(new Uint8Array(1));
    expect(taken).toEqual([1]);
  });

  it("takes pieces of any size, and changes no byte", async () => {
    const pieces = fc.array(fc.integer({ min: 1, max: 300_000 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(pieces, fc.integer({ min: 1, max: 100_000 }), async (sizes, least) => {
        const given = Buffer.concat(sizes.map((size, i) => Buffer.alloc(size, `${i},${size};`)));
        const got: Buffer[] = [];
        const gatherer = new Gatherer(
          least,
          async (bytes) => {
            await Promise.resolve();
            got.push(Buffer.from(bytes));
          },
          async () => {},
        );
        for (let at = 0, i = 0; at < given.length; at += sizes[i++] ?? 0) {
          const piece = Uint8Array.from(given.subarray(at, at + (sizes[i] ?? 0)));
          const busy = gatherer.data(piece);
          piece.fill(0); // lent until then
          await busy;
        }
        await gatherer.end();
        expect(Buffer.concat(got).equals(given)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });
});
