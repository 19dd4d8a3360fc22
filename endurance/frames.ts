import { readdirSync, readFileSync } from "node:fs";
import { HEADER_BYTES } from "virnet/protocol";
import type { Random } from "./random.ts";

const captures = new URL("../../interop/testbed/captures/", import.meta.url);
/** Frames of bulk data teach a fuzzer nothing that small ones don't. */
const LARGEST = 8192;

/** Whole messages of the recorded sessions, by who sent them. */
export interface Corpus {
  readonly toServer: readonly Uint8Array[];
  readonly toClient: readonly Uint8Array[];
}

export function readCorpus(): Corpus {
  const lines = readdirSync(captures)
    .filter((name) => name.endsWith(".jsonl"))
    .flatMap((name) => readFileSync(new URL(name, captures), "utf8").trim().split("\n"))
    // Our own recorder wrote these lines, as interop/testbed/capture describes.
    .map((line) => JSON.parse(line) as { hex: string; dir: string; prog?: number })
    .filter(({ prog, hex }) => prog !== undefined && hex.length <= LARGEST * 2);
  const sentBy = (side: string): Uint8Array[] =>
    lines.filter(({ dir }) => dir === side).map(({ hex }) => new Uint8Array(Buffer.from(hex, "hex")));
  return { toServer: sentBy("c2s"), toClient: sentBy("s2c") };
}

/** A frame of the corpus with up to four things wrong with it, its length word true; one in eight stays as it was. */
export function mutated(frames: readonly Uint8Array[], random: Random): Uint8Array {
  let frame: Uint8Array = (frames[random.below(frames.length)] ?? new Uint8Array(HEADER_BYTES)).slice();
  if (random.below(8) === 0) return frame;
  for (let n = random.below(4); n >= 0; n--) frame = wrong(frame, frames, random);
  return withLength(frame, frame.length);
}

/** The frame with a length word that is not its length. */
export function withLength(frame: Uint8Array, length: number): Uint8Array {
  new DataView(frame.buffer).setUint32(0, length);
  return frame;
}

function wrong(frame: Uint8Array, frames: readonly Uint8Array[], random: Random): Uint8Array {
  switch (random.below(6)) {
    case 0:
      return withByte(frame, random.below(frame.length), random.below(256));
    case 1:
      return withWord(frame, random, temptations[random.below(temptations.length)] ?? 0);
    case 2:
      return frame.slice(0, Math.max(HEADER_BYTES, random.below(frame.length)));
    case 3:
      return joined(frame, (frames[random.below(frames.length)] ?? frame).subarray(HEADER_BYTES));
    case 4:
      return joined(
        frame.subarray(0, HEADER_BYTES),
        (frames[random.below(frames.length)] ?? frame).subarray(HEADER_BYTES),
      );
    default:
      return withWord(frame, random, random.below(0xffff_ffff));
  }
}

/** Words at the edges of what lengths, counts and marks may be. */
const temptations = [
  0, 1, 2, 0x7f, 0x80, 0xffff, 0x1_0000, 0x40_0000, 0x40_0001, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
];

function withByte(frame: Uint8Array, at: number, value: number): Uint8Array {
  frame[at] = value;
  return frame;
}

function withWord(frame: Uint8Array, random: Random, value: number): Uint8Array {
  const at = 4 * random.below(frame.length >> 2);
  new DataView(frame.buffer).setUint32(at, value);
  return frame;
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const all = new Uint8Array(head.length + tail.length);
  all.set(head);
  all.set(tail, head.length);
  return all;
}
