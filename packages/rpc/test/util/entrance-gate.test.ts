import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { EntranceGate, type Entrant } from "../../src/util/entrance-gate.ts";

/** Notes what becomes of each, by its name. */
function entrants(gate: EntranceGate): { readonly log: string[]; readonly enter: (name: string) => Entrant } {
  const log: string[] = [];
  const enter = (name: string): Entrant => {
    const entrant: Entrant = {
      begin: () => void log.push(`${name} begins`),
      drop: ({ message }) => {
        log.push(`${name}: ${message}`);
        gate.leave(entrant);
      },
    };
    gate.enter(entrant);
    return entrant;
  };
  return { log, enter };
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

it("lets the next in when one is done, the newest first", () => {
  const gate = new EntranceGate({ what: "handshake", atOnce: 1, graceMs: 1000 });
  const { log, enter } = entrants(gate);
  const [a] = ["a", "b", "c"].map(enter);
  if (a !== undefined) gate.leave(a);
  expect(log).toEqual(["a begins", "c begins"]);
});

it("drops who has had its turn for a second, but only when others wait", () => {
  const { log, enter } = entrants(new EntranceGate({ what: "handshake", atOnce: 2, graceMs: 1000 }));
  enter("a");
  vi.advanceTimersByTime(60_000);
  enter("b");
  expect(log).toEqual(["a begins", "b begins"]);
  enter("c");
  expect(log.slice(2)).toEqual(["a: the handshake was slow, and others wait", "c begins"]);
  enter("d");
  vi.advanceTimersByTime(999);
  expect(log).toHaveLength(4);
  vi.advanceTimersByTime(1);
  expect(log.slice(4)).toEqual(["b: the handshake was slow, and others wait", "d begins"]);
});

it("lets a thousand wait, and drops the first of them for the next", () => {
  const { log, enter } = entrants(new EntranceGate({ what: "handshake", atOnce: 1, graceMs: 1000 }));
  for (let i = 0; i <= 1000; i++) enter(`${i}`);
  expect(log).toEqual(["0 begins"]);
  enter("one too many");
  expect(log.slice(1)).toEqual(["1: too many handshakes wait"]);
});

it("ends all when it closes", () => {
  const gate = new EntranceGate({ what: "handshake", atOnce: 1, graceMs: 1000 });
  const { log, enter } = entrants(gate);
  enter("a");
  enter("b");
  gate.close(new ConnectionError("over", "closed"));
  expect(log).toEqual(["a begins", "b: over", "a: over"]);
  expect(vi.getTimerCount()).toBe(0);
});

it("refuses a number that lets nobody in", () => {
  expect(() => new EntranceGate({ what: "handshake", atOnce: 0, graceMs: 1000 })).toThrow(RangeError);
});
