import { assert, describe, expect, it } from "vitest";
import { XdrError } from "../../src/xdr/error.ts";
import { decodeXdr, encodeXdr, type XdrType } from "../../src/xdr/type.ts";
import { hex } from "../helpers/bytes.ts";
import { Animal, cat, Zoo } from "../helpers/menagerie.ts";
import { thrownBy } from "../helpers/thrown.ts";

const zoo: Zoo = { pens: [{ animals: [] }, { animals: [cat, cat] }] };

const decodeFault = <T>(type: XdrType<T>, bytes: Uint8Array): XdrError => {
  const error = thrownBy(() => decodeXdr(type, bytes, "root"));
  assert(error instanceof XdrError, `threw ${String(error)}`);
  return error;
};

const encodeFault = <T>(type: XdrType<T>, value: T, name = "root"): unknown =>
  thrownBy(() => encodeXdr(type, value, name));

describe("a decoding error names its field", () => {
  it.each([
    ["no bytes at all", "", "root.name", 0],
    ["a cut int", "00000000 0000", "root.legs", 4],
    ["a cut bool", "00000000 00000004", "root.wild", 8],
    ["a cut double", "00000000 00000004 00000000 00000000", "root.weight", 12],
  ])("%s", (_, wire, path, offset) => {
    const fault = decodeFault(Animal, hex(wire));
    expect(fault.path).toBe(path);
    expect(fault.offset).toBe(offset);
    expect(fault.message).toBe(`${fault.detail} at byte ${offset} of ${path}`);
  });

  it("a string in an array of structs in an array of structs", () => {
    const bytes = encodeXdr(Zoo, zoo);
    const oneAnimal = encodeXdr(Animal, cat).length;
    // pens, animals of the first, animals of the second, the first animal; then the name of the second.
    const at = 12 + oneAnimal;
    new DataView(bytes.buffer).setUint32(at, 65);
    expect(decodeFault(Zoo, bytes)).toMatchObject({
      message: `string of 65 bytes exceeds 64 at byte ${at} of root.pens[1].animals[1].name`,
      path: "root.pens[1].animals[1].name",
    });
  });

  it("an item of an array of strings", () => {
    const bytes = encodeXdr(Animal, { ...cat, diet: { kind: 1, grams: 5 } });
    const secondTag = bytes.length - 4 - 4 - 8;
    new DataView(bytes.buffer).setUint32(secondTag, 17);
    expect(decodeFault(Animal, bytes).path).toBe("root.tags[1]");
  });

  it("a count, by the name of its array", () => {
    const bytes = encodeXdr(Zoo, { pens: [{ animals: [] }, { animals: [] }] });
    new DataView(bytes.buffer).setUint32(8, 17);
    expect(decodeFault(Zoo, bytes)).toMatchObject({ path: "root.pens[1].animals", offset: 8 });
    new DataView(bytes.buffer).setUint32(0, 17);
    expect(decodeFault(Zoo, bytes)).toMatchObject({ path: "root.pens", offset: 0 });
  });

  it("a missing mark of an optional, by the optional's name", () => {
    const bytes = encodeXdr(Animal, { ...cat, owner: null, tags: [], diet: { kind: 1, grams: 5 } });
    const mark = bytes.length - 4 - 4 - 8;
    expect(decodeFault(Animal, bytes.subarray(0, mark))).toMatchObject({ offset: mark });
    expect(decodeFault(Animal, bytes.subarray(0, mark)).path).toMatch(/^root\.owner/);
  });

  it("a field behind a present optional", () => {
    const bytes = encodeXdr(Animal, { ...cat, tags: [], diet: { kind: 1, grams: 5 } });
    const age = bytes.length - 4 - 4 - 4 - 4;
    expect(decodeFault(Animal, bytes.subarray(0, age)).path).toBe("root.owner.age");
  });

  it("a union without such a case, and what is wrong within a case", () => {
    const bytes = encodeXdr(Animal, cat);
    const kind = bytes.length - 4 - 4 - 8;
    expect(decodeFault(Animal, bytes.subarray(0, bytes.length - 8)).path).toBe("root.diet.plant");
    new DataView(bytes.buffer).setUint32(kind, 99);
    expect(decodeFault(Animal, bytes)).toMatchObject({
      detail: "diet has no case 99",
      path: "root.diet",
      offset: kind,
    });
  });

  it("a type that is no struct, by the name of the whole", () => {
    const Word: XdrType<number> = { encode: (w, v) => w.int(v), decode: (r) => r.int() };
    expect(decodeFault(Word, hex("0000")).message).toBe("int needs 4 bytes, 2 left at byte 0 of root");
  });

  it("is left without a path rather than hidden when a codec is too clever to be probed", () => {
    const Shouted: XdrType<string> = {
      encode: (w, v) => w.string(v, 8),
      decode: (r) => r.string(8).toUpperCase(),
    };
    expect(decodeFault(Shouted, hex("00000009"))).toMatchObject({ detail: "string of 9 bytes exceeds 8", offset: 0 });
  });

  it("is found in a type that contains itself without end", () => {
    interface Chain {
      next: Chain | null;
      links: Chain[];
    }
    const Chain: XdrType<Chain> = {
      encode() {},
      decode(reader) {
        const next = reader.optional() ? Chain.decode(reader) : null;
        const links: Chain[] = [];
        for (let n = reader.count(4, 8); n > 0; n--) links.push(Chain.decode(reader));
        return { next, links };
      },
    };
    expect(decodeFault(Chain, hex("00000000 00000005"))).toMatchObject({
      offset: 4,
      path: expect.stringMatching(/^root/),
    });
    expect(decodeFault(Chain, hex("00000001"))).toMatchObject({ offset: 4, path: expect.stringMatching(/^root/) });
  });

  it("offsets count from the start of the payload, not of the buffer", () => {
    expect(() => decodeXdr(Animal, hex("ffffffff 00000041"), "root", 4)).toThrow(
      "string of 65 bytes exceeds 64 at byte 0 of root.name",
    );
  });
});

describe("an encoding error names its field", () => {
  it("in arrays of structs, with its kind and its cause", () => {
    const broken: Zoo = { pens: [{ animals: [cat] }, { animals: [cat, { ...cat, legs: 2 ** 31 }] }] };
    const fault = encodeFault(Zoo, broken);
    expect(fault).toBeInstanceOf(RangeError);
    expect(fault).toMatchObject({
      message: "root.pens[1].animals[1].legs: 2147483648 is out of range for int",
      cause: expect.any(RangeError) as unknown,
    });
  });

  it.each<[string, Partial<Animal>, string]>([
    ["a long string", { name: "x".repeat(65) }, "root.name: string of 65 bytes exceeds 64"],
    ["an item of an array", { tags: ["ok", "x".repeat(17)] }, "root.tags[1]: string of 17 bytes exceeds 16"],
    ["an array", { tags: Array<string>(9).fill("") }, "root.tags: array of 9 items exceeds 8"],
    ["an opaque", { chip: new Uint8Array(5) }, "root.chip: opaque of 5 bytes, expected exactly 6"],
    ["within an optional", { owner: { name: "", age: -1 } }, "root.owner.age: -1 is out of range for unsigned int"],
    [
      "within a case",
      { diet: { kind: 1, grams: 65_536 } },
      "root.diet.grams: 65536 is out of range for unsigned short",
    ],
  ])("%s", (_, change, message) => {
    expect(encodeFault(Animal, { ...cat, ...change })).toMatchObject({ message });
  });

  it("names what is missing altogether", () => {
    const { legs: _, ...headless } = cat;
    const fault = encodeFault(Animal, headless as Animal);
    expect(fault).toBeInstanceOf(TypeError);
    expect(fault).toMatchObject({ message: "root.legs: undefined is not a number for int" });
  });

  it("names a union's unknown case", () => {
    const fault = encodeFault(Animal, { ...cat, diet: { kind: 9 } as unknown as Animal["diet"] });
    expect(fault).toMatchObject({ message: "root.diet.kind: diet has no case 9" });
  });

  it("says value when there is no name", () => {
    const Word: XdrType<number> = { encode: (w, v) => w.int(v), decode: (r) => r.int() };
    expect(encodeFault(Word, 0.5, "")).toMatchObject({ message: "value: 0.5 is out of range for int" });
  });

  it("leaves foreign errors as they are", () => {
    const mine = new SyntaxError("mine");
    const failing: XdrType<null> = {
      encode() {
        throw mine;
      },
      decode: () => null,
    };
    expect(encodeFault(failing, null)).toBe(mine);
  });
});
