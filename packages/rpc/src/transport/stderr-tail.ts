import type { Readable } from "node:stream";
import { nothing } from "../util/nothing.ts";

const STDERR_BYTES = 4_096;

/** The last of what a program says on its standard error, which is read to its end so that it may go on talking. */
export class StderrTail {
  readonly #stream: Readable;
  #tail = Buffer.alloc(0);
  ended = false;

  constructor(stream: Readable) {
    this.#stream = stream;
    stream.on("data", (chunk: Buffer) => {
      this.#tail = Buffer.concat([this.#tail, chunk]).subarray(-STDERR_BYTES);
    });
    stream.on("error", nothing);
    stream.once("close", () => {
      this.ended = true;
    });
  }

  get stderr(): string {
    return printable(this.#tail.toString("utf8"));
  }

  whenEnded(then: () => void): void {
    this.#stream.once("close", then);
  }

  close(): void {
    this.#stream.removeAllListeners("close");
    this.#stream.destroy();
  }
}

/** Whoever wrote it may be on another machine, and it may end on a terminal. */
export function printable(text: string): string {
  return text
    .replace(/\r\n?/g, "\n")
    .replace(/[^\P{C}\n\t]/gu, "\uFFFD")
    .trim();
}
