import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SerialTable } from "../../src/util/serial-table.ts";

interface Entry {
  readonly serial: number;
  readonly name: string;
}

const entry = (serial: number): Entry => ({ serial, name: `entry ${serial}` });

function tableOf(serials: Iterable<number>): SerialTable<Entry> {
  const table = new SerialTable<Entry>();
  for (const serial of serials) table.add(entry(serial));
  return table;
}

const sorted = (table: SerialTable<Entry>): number[] =>
  table
    .values()
    .map(({ serial }) => serial)
    .toSorted((a, b) => a - b);

describe("a table of serials", () => {
  it("has nothing at first", () => {
    const table = tableOf([]);
    expect(table.get(0)).toBeUndefined();
    table.delete(0);
    expect(table.size).toBe(0);
    expect(table.values()).toEqual([]);
  });

  it("keeps an entry that others have left far behind", () => {
    const table = tableOf([0]);
    for (let serial = 1; serial < 1000; serial++) {
      table.add(entry(serial));
      table.delete(serial - 1 === 0 ? 1 : serial);
    }
    expect(table.get(0)).toEqual(entry(0));
    expect(table.size).toBe(1);
    table.delete(0);
    expect(table.has(0)).toBe(false);
    expect(table.size).toBe(0);
  });

  it("goes around at 2^32", () => {
    const serials = [0xffff_fffe, 0xffff_ffff, 0, 1];
    const table = tableOf(serials);
    expect(serials.map((serial) => table.get(serial)?.name)).toEqual(serials.map((serial) => entry(serial).name));
  });

  it("holds more than it has slots for", () => {
    const count = 70_000;
    const table = tableOf(Array.from({ length: count }, (_, serial) => serial));
    expect(table.size).toBe(count);
    expect(sorted(table)).toHaveLength(count);
    for (let serial = 0; serial < count; serial++) table.delete(serial);
    expect(table.size).toBe(0);
    expect(table.values()).toEqual([]);
  });

  it("is what a Map would be", () => {
    const near = fc.nat({ max: 40 });
    const far = fc.nat({ max: 0xffff_ffff });
    const strides = fc.nat({ max: 40 }).map((times) => times * 65_536);
    const steps = fc.array(fc.record({ serial: fc.oneof(near, far, strides), add: fc.boolean() }), { maxLength: 300 });
    fc.assert(
      fc.property(steps, (all) => {
        const table = new SerialTable<Entry>();
        const model = new Map<number, Entry>();
        for (const { serial, add } of all) {
          if (!add) {
            table.delete(serial);
            model.delete(serial);
          } else if (!model.has(serial)) {
            table.add(entry(serial));
            model.set(serial, entry(serial));
          }
          expect(table.get(serial)).toEqual(model.get(serial));
          expect(table.size).toBe(model.size);
        }
        expect(sorted(table)).toEqual([...model.keys()].toSorted((a, b) => a - b));
      }),
    );
  });
});
