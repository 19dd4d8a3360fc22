import type net from "node:net";

/** Bytes read from the system at once; 64 KiB would cost bulk transfers a sixth of their speed. */
const READ_BYTES = 262_144;

/** A buffer to read into. All sockets of one thread may share one: a chunk is used up before the next is read. */
export function readBuffer(): Uint8Array {
  return new Uint8Array(READ_BYTES);
}

/** Takes chunks, which are only lent. */
export interface ChunkSink {
  receive(chunk: Uint8Array): void;
}

/** What a `net.Socket` reads into: a buffer of ours, from where chunks go to a sink. Until there is one the socket waits. */
export class Intake {
  readonly buffer: Uint8Array;
  #sink: ChunkSink | undefined;
  /** Copies of what came while there was no sink. */
  #early: Uint8Array[] | undefined;

  constructor(buffer: Uint8Array) {
    this.buffer = buffer;
  }

  /** The options that make a new socket read into it. */
  get onread(): net.OnReadOpts {
    return { buffer: this.buffer, callback: (size) => this.take(size) };
  }

  /** Has something come that no sink has taken yet? */
  get hasEarly(): boolean {
    return this.#early !== undefined;
  }

  /** So many bytes have come into the buffer. False: the socket is to wait. */
  take(size: number): boolean {
    const chunk = this.buffer.subarray(0, size);
    if (this.#sink === undefined) this.keep(chunk.slice());
    else this.#sink.receive(chunk);
    return this.#sink !== undefined;
  }

  /** Keeps a chunk, which must not change, for the sink to come. */
  keep(chunk: Uint8Array): void {
    (this.#early ??= []).push(chunk);
  }

  /** Chunks go to `sink` from now on, what came before first. */
  open(sink: ChunkSink): void {
    this.#sink = sink;
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const chunk of early) sink.receive(chunk);
  }

  /** There is no sink any more, until the next. */
  close(): void {
    this.#sink = undefined;
  }
}
