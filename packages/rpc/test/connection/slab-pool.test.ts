import { describe, expect, it } from "vitest";
import { SlabPool } from "../../src/connection/slab-pool.ts";

describe("a slab", () => {
  it("that was given back is taken again, from its start", () => {
    const pool = new SlabPool();
    const slab = pool.take();
    slab.int(1);
    pool.give(slab);
    expect(pool.take()).toBe(slab);
    expect(slab.position).toBe(0);
  });

  it("that is out is nobody else's", () => {
    const pool = new SlabPool();
    expect(pool.take()).not.toBe(pool.take());
  });

  it("that a large message has blown up is not kept", () => {
    const pool = new SlabPool();
    const slab = pool.take();
    slab.reserve(1_048_577);
    pool.give(slab);
    expect(pool.take()).not.toBe(slab);
  });

  it("too many are not kept", () => {
    const pool = new SlabPool();
    const slabs = Array.from({ length: 20 }, () => pool.take());
    for (const slab of slabs) pool.give(slab);
    const again = new Set(Array.from({ length: 20 }, () => pool.take()));
    expect(slabs.filter((slab) => again.has(slab))).toHaveLength(16);
  });
});
