import { execFile } from "node:child_process";
import { type FileHandle, open } from "node:fs/promises";
import { promisify } from "node:util";
import { CHUNK_BYTES, type Hole, type Part } from "virnet";

/** Bytes from `start` to before `end`. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/** File systems keep holes in blocks of this size, and virsh finds them so. */
const BLOCK_BYTES = 4096;
/** Bytes read at once: several whole packets. */
const READ_BYTES = CHUNK_BYTES * 4;
/** The same where blocks of zeros are looked for. */
const SCAN_BYTES = BLOCK_BYTES * 256;
const MAP_MS = 10_000;
const MAP_BYTES = 64 * 1024 * 1024;

export interface ReadOptions {
  /** Finds holes and gives them as such. */
  readonly sparse: boolean;
  /** Bytes from the beginning of the file; all of them unless given. */
  readonly length: number | undefined;
}

/**
 * The content of a file. Chunks are lent: each is read over once the next but one is asked for. With `sparse`, holes come
 * as the file system's own map of the file tells, where it can be had, and else where blocks of zeros are read.
 */
export async function* readParts(path: string, { sparse, length = Infinity }: ReadOptions): AsyncGenerator<Part> {
  const file = await open(path, "r");
  try {
    const size = Math.min((await file.stat()).size, length);
    const whole = [{ start: 0, end: size }];
    const map = sparse ? await dataRanges(path, size) : whole;
    if (map === undefined) yield* withoutZeros(readRanges(file, whole, size, SCAN_BYTES));
    else yield* readRanges(file, map, size, READ_BYTES);
  } finally {
    await file.close();
  }
}

/** Writes what comes to a file that it makes anew; holes are left out, so that they are holes there too. */
export class SparseFileWriter {
  readonly #file: FileHandle;
  #position = 0;
  #hadHole = false;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(path: string): Promise<SparseFileWriter> {
    return new SparseFileWriter(await open(path, "w"));
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      // Without holes one write follows the other, so the file may also be a pipe.
      const position = this.#hadHole ? this.#position : null;
      const { bytesWritten } = await this.#file.write(bytes, at, bytes.length - at, position);
      at += bytesWritten;
      this.#position += bytesWritten;
    }
  }

  skip({ hole }: Hole): void {
    const position = BigInt(this.#position) + hole;
    if (position > Number.MAX_SAFE_INTEGER) throw new RangeError(`a hole up to ${position} is beyond any file`);
    this.#position = Number(position);
    this.#hadHole = true;
  }

  /** A hole at the end is part of the file's length. */
  async end(): Promise<void> {
    if (this.#hadHole) await this.#file.truncate(this.#position);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

async function* readRanges(
  file: FileHandle,
  ranges: readonly Range[],
  size: number,
  pieceBytes: number,
): AsyncGenerator<Part> {
  let position = 0;
  for await (const { start, chunk } of readAhead(file, ranges, pieceBytes)) {
    if (start > position) yield { hole: BigInt(start - position) };
    yield chunk;
    position = start + chunk.length;
  }
  if (size > position) yield { hole: BigInt(size - position) };
}

/** A piece of a file, and where it was. */
interface Piece {
  readonly start: number;
  readonly chunk: Uint8Array;
}

/** Reads the ranges, always one piece ahead, into two buffers in turn. */
async function* readAhead(file: FileHandle, ranges: readonly Range[], pieceBytes: number): AsyncGenerator<Piece> {
  const longest = ranges.reduce((most, { start, end }) => Math.max(most, end - start), 0);
  const buffers = [0, 1].map(() => new Uint8Array(Math.min(pieceBytes, longest)));
  let reading: Promise<Piece> | undefined;
  let turn = 0;
  for (const { start, end } of piecesOf(ranges, pieceBytes)) {
    const buffer = buffers[turn++ % 2] ?? new Uint8Array(end - start);
    const done = reading === undefined ? undefined : await reading;
    reading = readPiece(file, buffer.subarray(0, end - start), start);
    reading.catch(() => {}); // whoever asks for the piece hears of it
    if (done !== undefined) yield done;
  }
  if (reading !== undefined) yield await reading;
}

async function readPiece(file: FileHandle, buffer: Uint8Array, start: number): Promise<Piece> {
  let size = 0;
  while (size < buffer.length) {
    const { bytesRead } = await file.read(buffer, size, buffer.length - size, start + size);
    if (bytesRead === 0) throw new RangeError(`the file was cut short at ${start + size} while it was read`);
    size += bytesRead;
  }
  return { start, chunk: buffer };
}

function* piecesOf(ranges: readonly Range[], pieceBytes: number): Generator<Range> {
  for (const { start, end } of ranges) {
    for (let at = start; at < end; at += pieceBytes) yield { start: at, end: Math.min(at + pieceBytes, end) };
  }
}

/** Cuts blocks of zeros out of what is read. */
async function* withoutZeros(chunks: AsyncIterable<Part>): AsyncGenerator<Part> {
  const zeros = new Uint8Array(BLOCK_BYTES);
  let hole = 0;
  for await (const chunk of chunks) {
    if (!(chunk instanceof Uint8Array)) continue; // the whole file is read, holes and all
    for (let at = 0; at < chunk.length; ) {
      const end = endOfRun(chunk, at, zeros);
      if (isZero(chunk, at, zeros)) {
        hole += end - at;
      } else {
        if (hole > 0) yield { hole: BigInt(hole) };
        hole = 0;
        yield chunk.subarray(at, end);
      }
      at = end;
    }
  }
  if (hole > 0) yield { hole: BigInt(hole) };
}

/** Where the blocks that are like the first, zeros or not, end. */
function endOfRun(chunk: Uint8Array, start: number, zeros: Uint8Array): number {
  const kind = isZero(chunk, start, zeros);
  let end = start + BLOCK_BYTES;
  while (end < chunk.length && isZero(chunk, end, zeros) === kind) end += BLOCK_BYTES;
  return Math.min(end, chunk.length);
}

function isZero(chunk: Uint8Array, at: number, zeros: Uint8Array): boolean {
  const block = chunk.subarray(at, at + BLOCK_BYTES);
  return Buffer.compare(block, zeros.subarray(0, block.length)) === 0;
}

/**
 * Where a file has data, as its file system says; `undefined` where that can't be had. Node has no SEEK_DATA, so the
 * `filefrag` of e2fsprogs is asked, which every Linux with an ext file system has.
 */
async function dataRanges(path: string, size: number): Promise<Range[] | undefined> {
  try {
    const options = { timeout: MAP_MS, maxBuffer: MAP_BYTES, env: { ...process.env, LC_ALL: "C" } };
    const { stdout } = await promisify(execFile)("filefrag", ["-s", "-e", "-b1", "--", path], options);
    return rangesIn(stdout, size);
  } catch {
    return undefined;
  }
}

/** Lines such as `   0:        0..    4095:  35061760..  35065855:   4096:   last,unwritten,eof`; unwritten is zeros. */
export function rangesIn(map: string, size: number): Range[] | undefined {
  if (!map.includes("extent")) return undefined;
  const ranges: Range[] = [];
  for (const [, first, last, flags] of map.matchAll(/^\s*\d+:\s*(\d+)\.\.\s*(\d+):.*:(.*)$/gm)) {
    const start = Number(first);
    const end = Math.min(Number(last) + 1, size);
    if (start < end && !(flags ?? "").includes("unwritten")) ranges.push({ start, end });
  }
  return ranges;
}
