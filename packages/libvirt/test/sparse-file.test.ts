import { execFileSync } from "node:child_process";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Part } from "virnet";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { rangesIn, readParts, SparseFileWriter } from "../src/sparse-file.ts";

const folder = { path: "" };

beforeAll(async () => {
  folder.path = await mkdtemp(join(tmpdir(), "virnet-"));
});
afterAll(() => rm(folder.path, { recursive: true, force: true }));

test("what is read with its holes and written again is the same file", async () => {
  const [source, copy] = [join(folder.path, "source"), join(folder.path, "copy")];
  const file = await open(source, "w");
  for (const at of [0, 5_000_000, 9_999_000]) await file.write(Buffer.alloc(70_000, at + 1), 0, undefined, at);
  await file.truncate(20_000_000);
  await file.close();
  const { data } = await copied(source, copy);
  expect(Buffer.compare(await readFile(copy), await readFile(source))).toBe(0);
  expect(data).toBeLessThan(1_000_000);
});

test("where the file system's map of a file can't be had, blocks of zeros are its holes", async () => {
  const [source, copy] = [join(folder.path, "zeros"), join(folder.path, "zeros-copy")];
  const content = Buffer.alloc(3_000_000);
  for (const at of [0, 1_500_000, 2_990_000]) content.fill("x", at, at + 5000);
  await writeFile(source, content);
  vi.stubEnv("PATH", folder.path);
  const { data, holes } = await copied(source, copy);
  vi.unstubAllEnvs();
  expect(Buffer.compare(await readFile(copy), content)).toBe(0);
  expect([data, holes]).toEqual([7 * 4096, 3]);
});

test("what can't be positioned in can be written to: a pipe, or nowhere", async () => {
  const pipe = join(folder.path, "pipe");
  execFileSync("mkfifo", [pipe]);
  const read = readFile(pipe, "latin1");
  for (const path of [pipe, "/dev/null"]) {
    const writer = await SparseFileWriter.open(path);
    for (const text of ["two ", "words"]) await writer.write(Buffer.from(text));
    await writer.end();
    await writer.close();
  }
  expect(await read).toBe("two words");
});

test("a length cuts the file short, and a dense reading has no holes", async () => {
  const path = join(folder.path, "dense");
  await writeFile(path, Buffer.alloc(3_000_000));
  const parts: Part[] = [];
  for await (const part of readParts(path, { sparse: false, length: 2_500_000 })) parts.push(part);
  expect(parts.map((part) => (part instanceof Uint8Array ? part.length : -1))).toEqual([1_048_480, 1_048_480, 403_040]);
});

test("the map of a file is understood; what was only reserved is zeros", () => {
  const map = `Filesystem type is: ef53
File size of h is 20000 (5 blocks of 4096 bytes)
 ext:     logical_offset:        physical_offset: length:   expected: flags:
   0:        0..    4095:   35061760..  35065855:   4096:
   1:     8192..   12287:   35061760..  35065855:   4096:   35065856: unwritten
   2:    16384..   20479:   35061760..  35065855:   4096:   35065856: last,eof
h: 3 extents found`;
  expect(rangesIn(map, 20_000)).toEqual([
    { start: 0, end: 4096 },
    { start: 16_384, end: 20_000 },
  ]);
  expect(rangesIn("h: FIBMAP unsupported", 1)).toBeUndefined();
});

/** Reads a file sparsely and writes it anew; tells what it was made of. */
async function copied(source: string, copy: string): Promise<{ data: number; holes: number }> {
  const writer = await SparseFileWriter.open(copy);
  const seen = { data: 0, holes: 0 };
  for await (const part of readParts(source, { sparse: true, length: undefined })) {
    if (part instanceof Uint8Array) {
      seen.data += part.length;
      await writer.write(part);
    } else {
      seen.holes++;
      writer.skip(part);
    }
  }
  await writer.end();
  await writer.close();
  return seen;
}
