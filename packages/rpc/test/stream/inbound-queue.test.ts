import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BLOCK_BYTES, BlockPool } from "../../src/stream/block-pool.ts";
import { type Block, InboundQueue } from "../../src/stream/inbound-queue.ts";
import type { Hole } from "../../src/stream/part.ts";

function queue() {
  const pool = new BlockPool();
  return { pool, queue: new InboundQueue(pool) };
}

/** All that waits, each byte as its number; a hole is minus its length. */
function readOut(waiting: InboundQueue): number[] {
  const all: number[] = [];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) all.push(...numbersOf(next));
  return all;
}

function numbersOf(part: Block | Hole): number[] {
  return "hole" in part ? [-Number(part.hole)] : [...part.buffer.subarray(part.start, part.end)];
}

describe("what came and was not taken", () => {
  it("is copied, and comes out in order", () => {
    const { queue: waiting } = queue();
    const bytes = Uint8Array.of(9, 1, 2, 3, 9);
    waiting.push(bytes, 1, 3);
    waiting.push(bytes, 3, 4);
    bytes.fill(0);
    waiting.pushHole(5n);
    waiting.pushHole(2n);
    waiting.push(Uint8Array.of(4), 0, 1);
    expect(readOut(waiting)).toEqual([1, 2, 3, -7, 4]);
    expect(waiting.isEmpty).toBe(true);
    expect(waiting.size).toBe(0);
  });

  it("shares buffers: a peer that sends byte by byte costs no more than its bytes", () => {
    const { queue: waiting } = queue();
    for (let i = 0; i < 5000; i++) waiting.push(Uint8Array.of(i), 0, 1);
    expect(waiting.size).toBeLessThanOrEqual(8192);
  });

  it("lies in blocks of the pool, filled to the end, whatever the pieces", () => {
    const { queue: waiting, pool } = queue();
    const blocks = Array.from({ length: 8 }, () => pool.take());
    for (const block of blocks) pool.give(block);
    const piece = new Uint8Array(60_000);
    for (let i = 0; i < 20; i++) waiting.push(piece, 0, piece.length);
    expect(waiting.size).toBe(60_000 + 5 * BLOCK_BYTES); // the first piece is not large, nor has much come yet
    const spare = Array.from({ length: 8 }, () => pool.take());
    expect(blocks.filter((block) => !spare.includes(block))).toHaveLength(5);
  });

  it("gives its blocks back when nobody wants it", () => {
    const { queue: waiting, pool } = queue();
    const block = pool.take();
    pool.give(block);
    waiting.push(new Uint8Array(BLOCK_BYTES), 0, BLOCK_BYTES);
    waiting.pushHole(1n);
    waiting.clear();
    expect([waiting.size, waiting.isEmpty, waiting.shift()]).toEqual([0, true, undefined]);
    expect(pool.take() === block).toBe(true);
  });

  it("is what was pushed, and counts the memory that it takes", () => {
    const data = fc.uint8Array({ minLength: 1, maxLength: 3000 });
    const step = fc.oneof(data, fc.bigInt({ min: 1n, max: 1n << 40n }), fc.constant("take" as const));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { queue: waiting } = queue();
        const pushed: number[] = [];
        const taken: number[] = [];
        for (const what of steps) {
          const next = what === "take" ? waiting.shift() : push(waiting, what, pushed);
          if (next !== undefined) taken.push(...numbersOf(next));
          expect(waiting.size > 0).toBe(!waiting.isEmpty);
        }
        taken.push(...readOut(waiting));
        expect(joined(taken)).toEqual(joined(pushed));
        expect(waiting.size).toBe(0);
      }),
    );
  });
});

function push(waiting: InboundQueue, part: Uint8Array | bigint, pushed: number[]): undefined {
  if (typeof part === "bigint") waiting.pushHole(part);
  else waiting.push(part, 0, part.length);
  pushed.push(...(typeof part === "bigint" ? [-Number(part)] : part));
}

/** Holes that follow one another count as one. */
function joined(numbers: readonly number[]): number[] {
  const all: number[] = [];
  for (const number of numbers) {
    const last = all.at(-1);
    if (number < 0 && last !== undefined && last < 0) all[all.length - 1] = last + number;
    else all.push(number);
  }
  return all;
}
