import { describe, expect, it } from "vitest";
import { Fact } from "../../../src/mdns/embedded/fact.ts";

const second = 1000;

describe("Fact", () => {
  it("that nobody told is asked for at once, after 1 s, 2 s, 4 s, and then no more", () => {
    const fact = new Fact<string>(5000);
    const asked = [0, 1, 2, 3].map(() => {
      const at = fact.askAt - 5000;
      fact.asked();
      return at;
    });
    expect(asked).toEqual([0, 1000, 2000, 4000]);
    expect(fact.askAt).toBe(Number.POSITIVE_INFINITY);
    expect([fact.isHopeless(12_999), fact.isHopeless(13_000)]).toEqual([false, true]);
  });

  it("is asked for again at 80, 85, 90 and 95 % of its life, and forgotten at its end", () => {
    const fact = new Fact<string>(0);
    fact.learn("x", 100, 0);
    const asked = [0, 1, 2, 3].map(() => {
      const at = fact.askAt;
      fact.asked();
      return at;
    });
    expect(asked).toEqual([80, 85, 90, 95].map((seconds) => seconds * second));
    expect([fact.due, fact.ttl(30 * second), fact.isFresh(49 * second), fact.isFresh(51 * second)]).toEqual([
      100_000,
      70,
      true,
      false,
    ]);
    expect([fact.expire(99_999), fact.expire(100_000), fact.value]).toEqual([false, true, undefined]);
    expect(fact.askAt).toBe(100_000);
  });

  it("is believed for 75 minutes at most", () => {
    const fact = new Fact<string>(0);
    fact.learn("x", 2 ** 31 - 1, 0);
    expect(fact.due).toBe(4500 * 0.8 * second);
  });

  it("lives one second more after a goodbye, and is not asked for", () => {
    const fact = new Fact<string>(0);
    fact.learn("x", 100, 0);
    fact.learn("x", 0, 10 * second);
    expect([fact.askAt, fact.due]).toEqual([Number.POSITIVE_INFINITY, 11 * second]);
    fact.learn("x", 100, 10.5 * second);
    expect(fact.due).toBe(90.5 * second);
  });

  it("is nothing after a goodbye to what was not known", () => {
    const fact = new Fact<string>(0);
    fact.learn("x", 0, 0);
    expect([fact.value, fact.due]).toEqual([undefined, 0]);
  });
});
