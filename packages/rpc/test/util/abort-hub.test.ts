import { getEventListeners } from "node:events";
import { expect, it } from "vitest";
import { AbortHub } from "../../src/util/abort-hub.ts";

it("puts one listener on a signal, however many want to know", () => {
  const hub = new AbortHub();
  const { signal, abort } = controlled();
  const told: string[] = [];
  for (const name of ["a", "b", "c"]) hub.on(signal, (reason) => told.push(`${name}: ${String(reason)}`));
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  abort("enough");
  expect(told).toEqual(["a: enough", "b: enough", "c: enough"]);
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

it("takes the listener off with the last who wanted to know", () => {
  const hub = new AbortHub();
  const { signal, abort } = controlled();
  const told: string[] = [];
  const offs = ["a", "b"].map((name) => hub.on(signal, () => told.push(name)));
  offs[0]?.();
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  offs[1]?.();
  offs[1]?.();
  expect(getEventListeners(signal, "abort")).toEqual([]);
  abort("enough");
  expect(told).toEqual([]);
});

it("lets one who is told take others off", () => {
  const hub = new AbortHub();
  const { signal, abort } = controlled();
  const told: string[] = [];
  hub.on(signal, () => off());
  const off = hub.on(signal, () => told.push("too late"));
  abort("enough");
  expect(told).toEqual([]);
});

it("keeps signals apart, and begins anew after the last has gone", () => {
  const hub = new AbortHub();
  const [first, second] = [controlled(), controlled()];
  const told: string[] = [];
  hub.on(first.signal, () => told.push("first"))();
  hub.on(first.signal, () => told.push("first again"));
  hub.on(second.signal, () => told.push("second"));
  second.abort("");
  first.abort("");
  expect(told).toEqual(["second", "first again"]);
});

function controlled() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: (reason: string) => controller.abort(reason) };
}
