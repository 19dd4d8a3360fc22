import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Part } from "virnet";
import { afterAll, beforeAll, expect, test } from "vitest";
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
  const writer = await SparseFileWriter.open(copy);
  let data = 0;
  for await (const part of readParts(source, { sparse: true, length: undefined })) {
    if (part instanceof Uint8Array) {
      data += part.length;
      await writer.write(part);
    } else {
      writer.skip(part);
    }
  }
  await writer.end();
  await writer.close();
  expect(Buffer.compare(await readFile(copy), await readFile(source))).toBe(0);
  expect(data).toBeLessThan(1_000_000);
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
