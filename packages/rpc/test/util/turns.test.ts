import { describe, expect, it } from "vitest";
import { Turns } from "../../src/util/turns.ts";
import { nextTurn } from "../helpers/turns.ts";

function waiting(turns: Turns) {
  const order: string[] = [];
  const { signal } = new AbortController();
  const take = async (name: string, rank = 0, own = signal): Promise<() => void> => {
    const giveBack = await turns.take(rank, own);
    order.push(name);
    return giveBack;
  };
  return { order, take };
}

describe("turns", () => {
  it("are so many at a time, in order", async () => {
    const { order, take } = waiting(new Turns(2));
    const all = ["a", "b", "c", "d"].map((name) => take(name));
    await nextTurn();
    expect(order).toEqual(["a", "b"]);
    (await all[0])?.();
    await nextTurn();
    expect(order).toEqual(["a", "b", "c"]);
  });

  it("are for the lowest rank first", async () => {
    const { order, take } = waiting(new Turns(1));
    const first = take("first");
    const rest = [take("late", 1), take("early", 0), take("later", 1)];
    (await first)();
    for (const _ of rest) {
      await nextTurn();
      for (const turn of rest) void turn.then((giveBack) => giveBack());
    }
    await Promise.all(rest);
    expect(order).toEqual(["first", "early", "late", "later"]);
  });

  it("that were given back twice count once", async () => {
    const { order, take } = waiting(new Turns(1));
    const giveBack = await take("a");
    giveBack();
    giveBack();
    void take("b");
    void take("c");
    await nextTurn();
    expect(order).toEqual(["a", "b"]);
  });

  it("are not for those whose signal has aborted", async () => {
    const turns = new Turns(1);
    const { order, take } = waiting(turns);
    const giveBack = await take("a");
    const abort = new AbortController();
    const left = take("b", 0, abort.signal).catch((reason: unknown) => reason);
    abort.abort("gone");
    expect(await left).toBe("gone");
    giveBack();
    await take("c");
    expect(order).toEqual(["a", "c"]);
    await expect(turns.take(0, abort.signal)).rejects.toBe("gone");
  });

  it("are at least one", () => {
    expect(() => new Turns(0)).toThrow("0 turns at a time, expected at least 1");
  });
});
