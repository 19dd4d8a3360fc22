import type { XdrType } from "../../src/xdr/type.ts";

/** One field of every kind that the compiler knows, nested as `.x` files nest them. */
export interface Animal {
  name: string;
  legs: number;
  wild: boolean;
  weight: number;
  born: bigint;
  dna: Uint8Array;
  chip: Uint8Array;
  label: Uint8Array;
  owner: { name: string; age: number } | null;
  tags: string[];
  diet: { kind: 1; grams: number } | { kind: 2; plant: string };
}

const Owner: XdrType<{ name: string; age: number }> = {
  encode(writer, value) {
    writer.string(value.name, 32);
    writer.uint(value.age);
  },
  decode(reader) {
    return { name: reader.string(32), age: reader.uint() };
  },
};

const Diet: XdrType<Animal["diet"]> = {
  encode(writer, value) {
    writer.int(value.kind);
    switch (value.kind) {
      case 1:
        writer.ushort(value.grams);
        return;
      case 2:
        writer.string(value.plant, 32);
        return;
      default:
        writer.unknownCase("diet", (value as { kind: unknown }).kind);
    }
  },
  decode(reader) {
    const kind = reader.int();
    switch (kind) {
      case 1:
        return { kind, grams: reader.ushort() };
      case 2:
        return { kind, plant: reader.string(32) };
      default:
        return reader.unknownCase("diet", kind);
    }
  },
};

export const Animal: XdrType<Animal> = {
  encode(writer, value) {
    writer.string(value.name, 64);
    writer.int(value.legs);
    writer.bool(value.wild);
    writer.double(value.weight);
    writer.hyper(value.born);
    writer.opaque(value.dna, 256);
    writer.fixedOpaque(value.chip, 6);
    writer.chars(value.label, 16);
    writer.optional(value.owner !== null);
    if (value.owner !== null) Owner.encode(writer, value.owner);
    writer.count(value.tags.length, 8);
    for (const tag of value.tags) writer.string(tag, 16);
    Diet.encode(writer, value.diet);
  },
  decode(reader) {
    return {
      name: reader.string(64),
      legs: reader.int(),
      wild: reader.bool(),
      weight: reader.double(),
      born: reader.hyper(),
      dna: reader.opaque(256),
      chip: reader.fixedOpaque(6),
      label: reader.chars(16),
      owner: reader.optional() ? Owner.decode(reader) : null,
      tags: Array.from({ length: reader.count(8, 4) }, () => reader.string(16)),
      diet: Diet.decode(reader),
    };
  },
};

export interface Zoo {
  pens: { animals: Animal[] }[];
}

export const Zoo: XdrType<Zoo> = {
  encode(writer, value) {
    writer.count(value.pens.length, 16);
    for (const pen of value.pens) {
      writer.count(pen.animals.length, 16);
      for (const animal of pen.animals) Animal.encode(writer, animal);
    }
  },
  decode(reader) {
    const pens: Zoo["pens"] = [];
    for (let n = reader.count(16, 4); n > 0; n--) {
      const animals: Animal[] = [];
      for (let m = reader.count(16, 72); m > 0; m--) animals.push(Animal.decode(reader));
      pens.push({ animals });
    }
    return { pens };
  },
};

export const cat: Animal = {
  name: "Félix",
  legs: 4,
  wild: false,
  weight: 4.25,
  born: 1_500_000_000_000n,
  dna: Uint8Array.of(1, 2, 3),
  chip: Uint8Array.of(1, 2, 3, 4, 5, 6),
  label: Uint8Array.of(0x41, 0x82),
  owner: { name: "Otto", age: 30 },
  tags: ["soft", "loud"],
  diet: { kind: 2, plant: "grass" },
};
