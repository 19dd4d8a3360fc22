import { describe, expect, it } from "vitest";
import { BLOCK_BYTES, BlockPool } from "../../src/stream/block-pool.ts";

describe("a block", () => {
  it("that was given back is taken again", () => {
    const pool = new BlockPool();
    const block = pool.take();
    expect(block.length).toBe(BLOCK_BYTES);
    pool.give(block);
    expect(pool.take() === block).toBe(true);
  });

  it("that is out is nobody else's", () => {
    const pool = new BlockPool();
    expect(pool.take() === pool.take()).toBe(false);
  });

  it("of another size is not kept", () => {
    const pool = new BlockPool();
    pool.give(new Uint8Array(BLOCK_BYTES - 1));
    expect(pool.take().length).toBe(BLOCK_BYTES);
  });

  it("too many are not kept, and none once all are to go", () => {
    const pool = new BlockPool();
    const blocks = Array.from({ length: 65 }, () => pool.take());
    for (const block of blocks) pool.give(block);
    const again = Array.from({ length: 65 }, () => pool.take());
    expect(again.filter((block) => blocks.includes(block))).toHaveLength(64);
    for (const block of again) pool.give(block);
    pool.clear();
    expect(again.includes(pool.take())).toBe(false);
  });
});
