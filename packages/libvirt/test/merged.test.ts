import { describe, expect, it } from "vitest";
import { Merged, mapped, once } from "../src/merged.ts";

/** A source that a test feeds; `asked` is how often it was asked for an item. */
function feed() {
  const items: string[] = [];
  const readers: ((result: IteratorResult<string, undefined>) => void)[] = [];
  const state = { asked: 0, left: false };
  const give = (item: string): void => {
    const reader = readers.shift();
    if (reader === undefined) items.push(item);
    else reader({ value: item, done: false });
  };
  const iterator: AsyncIterableIterator<string, undefined> = {
    next() {
      state.asked++;
      const item = items.shift();
      if (item !== undefined) return Promise.resolve({ value: item, done: false });
      return new Promise((resolve) => readers.push(resolve));
    },
    async return() {
      state.left = true;
      for (const reader of readers) reader({ value: undefined, done: true });
      return { value: undefined, done: true };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
  return { give, state, iterator };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const ended = (error: unknown): string | undefined => (error instanceof Error ? `failed: ${error.message}` : undefined);

describe("merged iterations", () => {
  it("give what comes from any of them, and take one item of each ahead", async () => {
    const merged = new Merged<string>(() => {});
    const [a, b] = [feed(), feed()];
    for (const { iterator } of [a, b]) merged.add({ items: iterator, ended });
    for (const item of ["a1", "a2", "a3"]) a.give(item);
    b.give("b1");
    await settled();
    expect([a.state.asked, b.state.asked]).toEqual([1, 1]);
    expect((await merged.next()).value).toBe("a1");
    expect((await merged.next()).value).toBe("b1");
    expect((await merged.next()).value).toBe("a2");
    const waiting = [merged.next(), merged.next()];
    b.give("b2");
    expect((await Promise.all(waiting)).map(({ value }) => value)).toEqual(["a3", "b2"]);
    await merged.return();
  });

  it("go on when one of them fails, and tell it", async () => {
    const merged = new Merged<string>(() => {});
    const sound = feed();
    const failing = mapped(sound.iterator, (item) => {
      if (item === "bad") throw new Error("broken");
      return item;
    });
    const other = feed();
    merged.add({ items: failing, ended });
    merged.add({ items: other.iterator, ended });
    sound.give("bad");
    expect((await merged.next()).value).toBe("failed: broken");
    other.give("still here");
    expect((await merged.next()).value).toBe("still here");
    await merged.return();
  });

  it("leave all of them when the loop is left, and any that comes after", async () => {
    let left = 0;
    const merged = new Merged<string>(() => left++);
    const [a, late] = [feed(), feed()];
    merged.add({ items: a.iterator, ended });
    a.give("one");
    for await (const item of merged) {
      expect(item).toBe("one");
      break;
    }
    merged.add({ items: late.iterator, ended });
    expect([a.state.left, late.state.left, left]).toEqual([true, true, 1]);
    expect(await merged.next()).toEqual({ value: undefined, done: true });
  });

  it("end with an error, after what is ready, or with the last of them", async () => {
    const merged = new Merged<string>(() => {});
    const a = feed();
    merged.add({ items: a.iterator, ended });
    a.give("one");
    await settled();
    merged.end(new Error("enough"));
    expect((await merged.next()).value).toBe("one");
    await expect(merged.next()).rejects.toThrow("enough");
    expect((await merged.next()).done).toBe(true);
    const finishing = new Merged<string>(() => {});
    finishing.add({ items: once(Promise.resolve("last")), ended });
    finishing.add({ items: once(Promise.reject(new Error("never mind"))), ended });
    finishing.finish();
    const items: string[] = [];
    for await (const item of finishing) items.push(item);
    expect(items).toEqual(["last"]);
  });
});
