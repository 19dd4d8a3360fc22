import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { deferred } from "../../src/util/deferred.ts";
import { abortable, onAbort } from "../../src/util/signals.ts";

describe("onAbort", () => {
  it("runs once, with the reason, and at once when it is too late to listen", () => {
    const reasons: unknown[] = [];
    const controller = new AbortController();
    onAbort(controller.signal, (reason) => reasons.push(reason));
    controller.abort("why");
    controller.abort("again");
    onAbort(controller.signal, (reason) => reasons.push(reason));
    expect(reasons).toEqual(["why", "why"]);
  });

  it("takes its listener off", () => {
    const controller = new AbortController();
    const off = onAbort(controller.signal, () => expect.unreachable());
    off();
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    controller.abort();
  });

  it("does nothing without a signal", () => {
    expect(() => onAbort(undefined, () => expect.unreachable())()).not.toThrow();
  });
});

describe("abortable", () => {
  it("is the promise, and leaves no listener behind", async () => {
    const { signal } = new AbortController();
    expect(await abortable(Promise.resolve(5), signal)).toBe(5);
    await expect(abortable(Promise.reject(new Error("no")), signal)).rejects.toThrow("no");
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("is the reason when that comes first; a later failure bothers nobody", async () => {
    const controller = new AbortController();
    const slow = deferred<never>();
    const wait = abortable(slow.promise, controller.signal);
    controller.abort(new Error("enough"));
    await expect(wait).rejects.toThrow("enough");
    slow.reject(new Error("late"));
    await expect(slow.promise).rejects.toThrow("late");
  });
});
