import { type FileHandle, open } from "node:fs/promises";
import { CHUNK_BYTES, RpcError, type RpcStream } from "virnet";
import { Code, From } from "../failure.ts";
import type { Extent } from "./extents.ts";
import type { VolumeFile } from "./volume-files.ts";

const ENOSPC = 28;
/** Bytes read at once: several whole packets. */
const READ_BYTES = CHUNK_BYTES * 4;
/** Written at once. */
const BLOCK_BYTES = 1_048_576;

/** Writes what comes into the volume's file, from `start` on; data that would pass `end` is refused as on a full disk. */
export async function takeIn(
  stream: RpcStream,
  { file, handle }: { file: VolumeFile; handle: FileHandle },
  { start, end }: Extent,
): Promise<void> {
  let position = start;
  await stream.consume(
    async (bytes) => {
      if (position + bytes.length > end) throw noSpace();
      await writeWhole(handle, bytes, position);
      file.extents.add(position, position + bytes.length);
      position += bytes.length;
    },
    {
      blocks: BLOCK_BYTES,
      hole: async ({ hole }) => {
        if (hole > BigInt(end - position)) throw noSpace();
        position += Number(hole);
      },
    },
  );
}

/** A write that fills the disk ends early, and only the next one says why. */
async function writeWhole(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  try {
    for (let at = 0; at < bytes.length; ) {
      at += (await handle.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
    }
  } catch (error) {
    throw isNoSpace(error) ? noSpace() : error;
  }
}

/** Sends a range of a volume, holes as holes where the stream may have them; `file` is missing where all is zeros. */
export async function giveOut(stream: RpcStream, file: VolumeFile | undefined, range: Extent): Promise<void> {
  const pieces = file?.extents.pieces(range.start, range.end) ?? [{ ...range, isData: false }];
  if (file === undefined) return sendPieces(stream, undefined, pieces);
  const handle = await open(file.path, "r");
  try {
    await sendPieces(stream, handle, pieces);
  } finally {
    await handle.close();
  }
}

async function sendPieces(
  stream: RpcStream,
  handle: FileHandle | undefined,
  pieces: Iterable<Extent & { readonly isData: boolean }>,
): Promise<void> {
  for (const { start, end, isData } of pieces) {
    if (isData && handle !== undefined) await sendData(stream, handle, { start, end });
    else if (stream.isSparse) await stream.hole(end - start);
    else await sendZeros(stream, end - start);
  }
}

/** Reads ahead into a second buffer while the first is on its way. */
async function sendData(stream: RpcStream, handle: FileHandle, { start, end }: Extent): Promise<void> {
  const size = Math.min(READ_BYTES, end - start);
  const buffers = [new Uint8Array(size), new Uint8Array(size)];
  let sent = Promise.resolve();
  for (let at = start, turn = 0; at < end; turn++) {
    const buffer = buffers[turn % 2] ?? new Uint8Array(size);
    const { bytesRead } = await handle.read(buffer, 0, Math.min(size, end - at), at);
    await sent;
    if (bytesRead === 0) return;
    sent = stream.write(buffer.subarray(0, bytesRead));
    sent.catch(() => {}); // the next turn, or the end, hears of it
    at += bytesRead;
  }
  await sent;
}

async function sendZeros(stream: RpcStream, length: number): Promise<void> {
  const zeros = new Uint8Array(Math.min(length, CHUNK_BYTES));
  for (let left = length; left > 0; left -= zeros.length) await stream.write(zeros.subarray(0, left));
}

function isNoSpace(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOSPC";
}

function noSpace(): RpcError {
  const message = "cannot write to stream: No space left on device";
  return new RpcError(message, { code: Code.SYSTEM_ERROR, domain: From.STREAMS, int1: ENOSPC });
}
