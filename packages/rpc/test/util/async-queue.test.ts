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
