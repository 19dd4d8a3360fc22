import { describe, expect, it } from "vitest";
import { AsyncQueue, type OverflowPolicy } from "../../src/util/async-queue.ts";

function queueOf<T>(limit = 3, overflow: OverflowPolicy = "error") {
  let ends = 0;
  const queue = new AsyncQueue<T>({ limit, overflow, onEnd: () => ends++ });
  return { queue, ends: () => ends };
}

const end = { value: undefined, done: true };
const item = <T>(value: T) => ({ value, done: false });

describe("items", () => {
  it("wait for the reader, in order", async () => {
    const { queue } = queueOf<number>();
    queue.push(1);
    queue.push(2);
    expect([await queue.next(), await queue.next()]).toEqual([item(1), item(2)]);
  });

  it("go to the readers that wait, first come first served", async () => {
    const { queue } = queueOf<number>();
    const readers = [queue.next(), queue.next()];
    queue.push(1);
    queue.push(2);
    expect(await Promise.all(readers)).toEqual([item(1), item(2)]);
  });

  it("may be undefined and every other empty value", async () => {
    const { queue } = queueOf<unknown>(8);
    const values = [undefined, null, 0, "", false];
    for (const value of values) queue.push(value);
    const got = [];
    for (const _ of values) got.push(await queue.next());
    expect(got).toEqual(values.map(item));
  });

  it("are not kept after the end", async () => {
    const { queue } = queueOf<number>();
    queue.end();
    queue.push(1);
    expect(await queue.next()).toEqual(end);
  });
});

describe("the end", () => {
  it("comes after the items, and stays", async () => {
    const { queue, ends } = queueOf<number>();
    queue.push(1);
    queue.end();
    queue.end(new Error("too late"));
    expect([await queue.next(), await queue.next(), await queue.next()]).toEqual([item(1), end, end]);
    expect(ends()).toBe(1);
  });

  it("with an error tells it once, after the items", async () => {
    const { queue } = queueOf<number>();
    queue.push(1);
    queue.end(new Error("broken"));
    expect(await queue.next()).toEqual(item(1));
    await expect(queue.next()).rejects.toThrow("broken");
    expect(await queue.next()).toEqual(end);
  });

  it("reaches all readers that wait, the first with the error", async () => {
    const { queue } = queueOf<number>();
    const readers = [queue.next(), queue.next()];
    queue.end(new Error("broken"));
    await expect(readers[0]).rejects.toThrow("broken");
    expect(await readers[1]).toEqual(end);
  });
});

describe("overflow", () => {
  it("of policy error keeps what fits and then says how far behind the reader is", async () => {
    const { queue, ends } = queueOf<number>(2);
    for (const n of [1, 2, 3, 4]) queue.push(n);
    expect(ends()).toBe(1);
    expect([await queue.next(), await queue.next()]).toEqual([item(1), item(2)]);
    await expect(queue.next()).rejects.toThrow(new RangeError("the reader is 2 items behind"));
    expect(queue.dropped).toBe(0);
  });

  it("of policy dropOldest keeps the newest and counts", async () => {
    const { queue } = queueOf<number>(2, "dropOldest");
    for (const n of [1, 2, 3, 4, 5]) queue.push(n);
    expect(queue.dropped).toBe(3);
    expect([await queue.next(), await queue.next()]).toEqual([item(4), item(5)]);
  });

  it.each([0, -1, Number.NaN])("a limit of %d is refused", (limit) => {
    expect(() => queueOf(limit)).toThrow(RangeError);
  });
});

describe("a reader that leaves", () => {
  it("by break ends the queue and forgets what was in it", async () => {
    const { queue, ends } = queueOf<number>();
    queue.push(1);
    queue.push(2);
    for await (const n of queue) if (n === 1) break;
    expect(ends()).toBe(1);
    expect(await queue.next()).toEqual(end);
  });

  it("by await using ends the queue", async () => {
    const { queue, ends } = queueOf<number>();
    {
      await using used = queue;
      used.push(1);
    }
    expect(ends()).toBe(1);
  });

  it("hears no more of an error", async () => {
    const { queue } = queueOf<number>(1);
    queue.push(1);
    queue.push(2);
    await queue.return();
    expect(await queue.next()).toEqual(end);
  });

  it("releases readers that wait", async () => {
    const { queue } = queueOf<number>();
    const reader = queue.next();
    await queue.return();
    expect(await reader).toEqual(end);
  });
});

describe("a queue that tells what it has lost", () => {
  const lossy = (limit: number, bytes?: number) =>
    new AsyncQueue<string>({
      limit,
      ...(bytes !== undefined && { bytes }),
      overflow: "dropOldest",
      lagged: (lost) => `lost ${lost}`,
      onEnd() {},
    });

  it("says so once, in the place of what is gone", async () => {
    const queue = lossy(2);
    for (const value of ["a", "b", "c", "d"]) queue.push(value);
    expect(await queue.next()).toEqual(item("lost 2"));
    expect(await queue.next()).toEqual(item("c"));
    for (const value of ["e", "f"]) queue.push(value);
    expect([await queue.next(), await queue.next(), await queue.next()]).toEqual([
      item("lost 1"),
      item("e"),
      item("f"),
    ]);
    expect(queue.dropped).toBe(3);
  });

  it("spares the last of what must not be lost", async () => {
    const spare = (value: string): boolean => value.startsWith("!");
    const queue = new AsyncQueue<string>({ limit: 1, overflow: "dropOldest", lagged: String, spare, onEnd() {} });
    for (const value of ["a", "!b", "c", "!d", "e"]) queue.push(value);
    queue.end();
    const all = [await queue.next(), await queue.next(), await queue.next(), await queue.next()];
    expect(all).toEqual([item("2"), item("!d"), item("e"), end]);
    expect(queue.dropped).toBe(2);
  });

  it("says so before its end, too, unless the reader has left", async () => {
    const queue = lossy(1);
    for (const value of ["a", "b"]) queue.push(value);
    queue.end();
    expect([await queue.next(), await queue.next(), await queue.next()]).toEqual([item("lost 1"), item("b"), end]);
    const left = lossy(1);
    for (const value of ["a", "b"]) left.push(value);
    await left.return();
    expect(await left.next()).toEqual(end);
  });

  it("counts bytes as well, and keeps one item however large", async () => {
    const queue = lossy(10, 100);
    queue.push("a", 60);
    queue.push("b", 40);
    queue.push("c", 1);
    expect([await queue.next(), await queue.next(), await queue.next()]).toEqual([
      item("lost 1"),
      item("b"),
      item("c"),
    ]);
    queue.push("d", 1000);
    expect(await queue.next()).toEqual(item("d"));
  });
});

describe("a queue that ends when it is too full", () => {
  it("counts bytes as well", async () => {
    const queue = new AsyncQueue<string>({ limit: 10, bytes: 100, overflow: "error", onEnd() {} });
    queue.push("a", 100);
    queue.push("b", 1);
    expect(await queue.next()).toEqual(item("a"));
    await expect(queue.next()).rejects.toThrow("the reader is 1 items behind");
  });
});

describe("a queue that blocks", () => {
  function weighed(limit: number) {
    const weights = { now: 0 };
    const queue = new AsyncQueue<number>({ limit, overflow: "block", onEnd() {} });
    queue.carry((change) => {
      weights.now += change;
    });
    return { queue, weights };
  }

  it("weighs a mebibyte at its limit, whatever the limit, and nothing when it is empty", async () => {
    for (const limit of [1, 64, 1024]) {
      const { queue, weights } = weighed(limit);
      for (let i = 0; i < limit; i++) queue.push(i, 10);
      expect(weights.now).toBe(1_048_576);
      for (let i = 0; i < limit; i++) await queue.next();
      expect(weights.now).toBe(0);
    }
  });

  it("weighs what large items really take", () => {
    const { queue, weights } = weighed(1024);
    queue.push(1, 50_000);
    expect(weights.now).toBe(50_256);
  });

  it("weighs nothing for a reader who waits, and after the end", async () => {
    const { queue, weights } = weighed(1);
    const reader = queue.next();
    queue.push(1, 10);
    expect(weights.now).toBe(0);
    expect(await reader).toEqual(item(1));
    queue.push(2, 10);
    queue.end();
    expect(weights.now).toBe(0);
    expect([await queue.next(), await queue.next()]).toEqual([item(2), end]);
    expect(weights.now).toBe(0);
  });

  it("is carried by another from then on, with all that waits", () => {
    const { queue, weights } = weighed(1);
    queue.push(1, 10);
    let other = 0;
    queue.carry((change) => {
      other += change;
    });
    expect([weights.now, other]).toEqual([0, 1_048_576]);
  });

  it("throws nothing away", async () => {
    const { queue } = weighed(1);
    for (let i = 0; i < 100; i++) queue.push(i);
    for (let i = 0; i < 100; i++) expect(await queue.next()).toEqual(item(i));
    expect(queue.dropped).toBe(0);
  });
});
