import fc from "fast-check";
import { expect, it } from "vitest";
import { Fifo } from "../../src/util/fifo.ts";

it("is an array with push, shift and pop", () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ push: fc.integer({ min: 1, max: 900 }) }) },
    { weight: 4, arbitrary: fc.record({ shift: fc.integer({ min: 1, max: 900 }) }) },
    { weight: 1, arbitrary: fc.constantFrom("pop" as const, "clear" as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const fifo = new Fifo<number>();
      let model: number[] = [];
      let next = 0;
      for (const each of steps) {
        if (each === "pop") expect(fifo.pop()).toBe(model.pop());
        else if (each === "clear") {
          fifo.clear();
          model = [];
        } else if ("push" in each) {
          for (let i = 0; i < each.push; i++, next++) {
            fifo.push(next);
            model.push(next);
          }
        } else for (let i = 0; i < each.shift; i++) expect(fifo.shift()).toBe(model.shift());
        expect(fifo.size).toBe(model.length);
      }
    }),
    { numRuns: 60 },
  );
});

it("keeps items that are undefined", () => {
  const fifo = new Fifo<undefined>();
  fifo.push(undefined);
  expect(fifo.size).toBe(1);
  expect(fifo.shift()).toBeUndefined();
  expect(fifo.size).toBe(0);
});
