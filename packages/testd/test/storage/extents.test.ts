import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Extents } from "../../src/storage/extents.ts";

const SIZE = 400;
const writes = fc.array(fc.tuple(fc.nat({ max: SIZE }), fc.nat({ max: 60 })), { maxLength: 30 });

test("data is where a block was written to, and holes are all the rest", () => {
  fc.assert(
    fc.property(writes, fc.nat({ max: SIZE }), fc.nat({ max: SIZE }), (given, a, b) => {
      const [start, end] = [Math.min(a, b), Math.max(a, b)];
      const extents = new Extents(8);
      const isData = new Set<number>();
      for (const [at, size] of given) {
        extents.add(at, at + size);
        const first = at - (at % 8);
        const last = size === 0 ? first : Math.ceil((at + size) / 8) * 8;
        for (let i = first; i < last; i++) isData.add(i);
      }
      let position = start;
      for (const piece of extents.pieces(start, end)) {
        expect(piece.start).toBe(position);
        for (let i = piece.start; i < piece.end; i++) expect(isData.has(i)).toBe(piece.isData);
        position = piece.end;
      }
      expect(position).toBe(end);
      expect(extents.bytes).toBe(isData.size);
    }),
  );
});
