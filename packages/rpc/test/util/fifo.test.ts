import * as fc from "fast-check";
import { expect, it } from "vitest";
import { Fifo } from "../../src/util/fifo.ts";

type Step = { readonly push: number } | { readonly shift: number } | "pop" | "clear";

it("is an array with push, shift and pop", () => {
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 5, arbitrary: fc.record({ push: fc.integer({ min: 1, max: 900 }) }) },
    { weight: 4, arbitrary: fc.record({ shift: fc.integer({ min: 1, max: 900 }) }) },
    { weight: 1, arbitrary: fc.constantFrom("pop" as const, "clear" as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const fifo = new Fifo<number>();
      const array: number[] = [];
      const model = {
        push: (item: number) => array.push(item),
        shift: () => array.shift(),
        pop: () => array.pop(),
        clear: () => (array.length = 0),
      };
      expect(outcome(fifo, steps)).toEqual(outcome(model, steps));
      expect(fifo.size).toBe(array.length);
    }),
    { numRuns: 60 },
  );
});

/** All that comes out. */
function outcome(
  queue: { push(item: number): unknown; shift(): unknown; pop(): unknown; clear(): unknown },
  steps: readonly Step[],
): unknown[] {
  const taken: unknown[] = [];
  let next = 0;
  for (const step of steps) {
    if (step === "pop") taken.push(queue.pop());
    else if (step === "clear") queue.clear();
    else if ("push" in step) for (let i = 0; i < step.push; i++) queue.push(next++);
    else for (let i = 0; i < step.shift; i++) taken.push(queue.shift());
  }
  return taken;
}

it("keeps items that are undefined", () => {
  const fifo = new Fifo<undefined>();
  fifo.push(undefined);
  expect(fifo.size).toBe(1);
  expect(fifo.shift()).toBeUndefined();
  expect(fifo.size).toBe(0);
});
