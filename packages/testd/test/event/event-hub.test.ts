import { expect, it } from "vitest";
import { EventHub, type Payload, type Subscription } from "../../src/event/event-hub.ts";

function listener(to: Partial<Subscription> = {}): { subscription: Subscription; got: [Payload, number][] } {
  const got: [Payload, number][] = [];
  const deliver = (payload: Payload, id: number): void => void got.push([payload, id]);
  return { got, subscription: { owner: got, topic: "domain", event: 0, key: null, legacy: false, deliver, ...to } };
}

const DOMAIN = { name: "a", uuid: "u1", id: 3 };

it("sends an event to those who asked for its kind and object", () => {
  const hub = new EventHub();
  const all = listener();
  const one = listener({ key: "u1" });
  const others = [listener({ key: "u2" }), listener({ event: 1 }), listener({ topic: "network" })];
  for (const { subscription } of [all, one, ...others]) hub.subscribe(subscription);
  hub.domainLifecycle(DOMAIN, 2, 0);
  const payload = { kind: "lifecycle", object: DOMAIN, event: 2, detail: 0 };
  expect(all.got).toEqual([[payload, 0]]);
  expect(one.got).toEqual([[payload, 1]]);
  expect(others.flatMap(({ got }) => got)).toEqual([]);
});

it("gives ids from one sequence, never again", () => {
  const hub = new EventHub();
  const { subscription } = listener();
  expect(hub.subscribe(subscription)).toBe(0);
  expect(hub.unsubscribe(subscription.owner, "domain", 0)).toBe(true);
  expect(hub.subscribe(subscription)).toBe(1);
});

it("refuses the same callback twice, in the old style too", () => {
  const hub = new EventHub();
  const { subscription } = listener();
  hub.subscribe(subscription);
  expect(() => hub.subscribe({ ...subscription, legacy: true })).toThrow("event callback already tracked");
});

it("ends only what is the caller's own", () => {
  const hub = new EventHub();
  const { subscription, got } = listener();
  const id = hub.subscribe(subscription);
  expect(hub.unsubscribe({}, "domain", id)).toBe(false);
  expect(hub.unsubscribe(subscription.owner, "network", id)).toBe(false);
  hub.forget(subscription.owner);
  hub.domainLifecycle(DOMAIN, 2, 0);
  expect(got).toEqual([]);
});

it("bounds the callbacks of a client", () => {
  const hub = new EventHub();
  const { subscription } = listener();
  for (let i = 0; i < 1024; i++) hub.subscribe({ ...subscription, key: `u${i}` });
  expect(() => hub.subscribe(subscription)).toThrow("at most 1024 event callbacks of a client");
});
