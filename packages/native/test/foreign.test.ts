import { expect, it } from "vitest";
import { asyncStackSize, type CFunction, loadForeign } from "../src/foreign.ts";

it("opens the first library that is there", async () => {
  const foreign = await loadForeign();
  expect(foreign.open(["nowhere.so"])).toBeNull();
  const { abs } = foreign.open(["nowhere.so", null])?.bind<{ abs: CFunction<[number], number> }>({
    abs: "int abs(int n)",
  }) ?? { abs: null };
  expect(abs?.(-3)).toBe(3);
});

it("lacking functions are told at once", async () => {
  const library = (await loadForeign()).open([null]);
  expect(() => library?.bind({ no_such_function: "void no_such_function()" })).toThrow("no_such_function");
});

it("memory is empty at first, and copies go both ways", async () => {
  const foreign = await loadForeign();
  const at = foreign.allocate(8);
  const bytes = new Uint8Array(8).fill(1);
  foreign.read(at, bytes);
  expect(bytes).toEqual(new Uint8Array(8));
  foreign.write(at + 1n, new TextEncoder().encode("text"));
  foreign.read(at, bytes);
  expect(new TextDecoder().decode(bytes)).toBe("\0text\0\0\0");
  expect(foreign.text(at + 1n)).toBe("text");
  foreign.read(at, new Uint8Array(0));
  foreign.write(at, new Uint8Array(0));
  foreign.free(at);
});

it("structs have the layout of C here", async () => {
  const foreign = await loadForeign();
  const pair = foreign.struct<{ small: number; pointer: bigint | null }>({ small: "char", pointer: "void *" });
  expect(pair.size).toBe(16);
  const at = foreign.allocate(pair.size);
  pair.write(at, { small: 7, pointer: at });
  expect(pair.read(at)).toEqual({ small: 7, pointer: at });
  pair.write(at, { small: 7, pointer: null });
  expect(pair.read(at)).toEqual({ small: 7, pointer: null });
  foreign.free(at);
});

it("a view into a buffer is passed from where it begins", async () => {
  const foreign = await loadForeign();
  const library = foreign.open([null]);
  const { strlen } = library?.bind<{ strlen: CFunction<[Uint8Array], number> }>({
    strlen: "size_t strlen(const void *text)",
  }) ?? { strlen: null };
  const bytes = new TextEncoder().encode("0123456789\0");
  expect(Number(strlen?.(bytes.subarray(4)))).toBe(6);
});

it("gives asynchronous calls a stack that is large enough for libraries that look hosts up", async () => {
  await loadForeign();
  const { config } = await import("koffi");
  expect(config()["async_stack_size"]).toBeGreaterThanOrEqual(asyncStackSize);
});
