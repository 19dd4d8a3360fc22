import type { PieceSink } from "../protocol/framer.ts";
import { HELLO_SERIAL, type MarkKind } from "../protocol/mark.ts";
import type { MessageHeader } from "../protocol/message.ts";
import { BlockPool } from "./block-pool.ts";
import { Intake, intakeLimits } from "./intake.ts";
import { Outbox, type OutboxPort } from "./outbox.ts";
import { StreamCore, type StreamId } from "./stream-core.ts";
import type { ControlPort, StreamWire } from "./stream-wire.ts";

/** What streams need of their connection. */
export interface StreamPort extends OutboxPort, ControlPort {
  hold(): void;
  release(): void;
  sendMark(kind: MarkKind, serial: number): void;
}

export interface StreamTableParts {
  readonly port: StreamPort;
  /** Bytes of data that may wait in memory, see {@link Intake}. */
  readonly bytes: number;
  /** Does a call wait for its reply? */
  readonly callsWait: () => boolean;
}

/** The streams of one connection by serial, from before the opening call leaves until no packet matters any more. */
export class StreamTable<W extends StreamWire> {
  readonly #streams = new Map<number, W>();
  readonly #intake: Intake;
  readonly #outbox: Outbox;
  readonly #blocks = new BlockPool();
  readonly #port: StreamPort;
  #knowsMarks = false;
  #saidHello = false;
  #late = 0;

  constructor({ port, bytes, callsWait }: StreamTableParts) {
    this.#port = port;
    this.#outbox = new Outbox(port);
    this.#intake = new Intake({
      limits: intakeLimits(bytes),
      hold: () => port.hold(),
      release: () => port.release(),
      // A peer that keeps to the window is not in the way of anything.
      callsWait: () => this.#knowsMarks || callsWait(),
    });
  }

  /** Has the peer said that it knows marks? */
  get knowsMarks(): boolean {
    return this.#knowsMarks;
  }

  /** Asks the server, once, whether it knows marks. */
  sayHello(): void {
    if (this.#saidHello) return;
    this.#saidHello = true;
    this.#port.sendMark("mark", HELLO_SERIAL);
  }

  /** A mark came: one for a stream that is no more comes back at once. */
  mark(kind: MarkKind, serial: number): void {
    const wire = this.#streams.get(serial);
    if (serial === HELLO_SERIAL) this.#hello(kind);
    else if (kind === "marked") wire?.core.marked();
    else if (wire === undefined) this.sendMark("marked", serial);
    else wire.core.mark();
  }

  sendMark(kind: MarkKind, serial: number): void {
    this.#port.sendMark(kind, serial);
  }

  #hello(kind: MarkKind): void {
    if (kind === "mark") this.#port.sendMark("marked", HELLO_SERIAL);
    else if (!this.#saidHello) return;
    this.#knowsMarks = true;
  }

  /** What the streams have in memory, and whether they hold up the connection. */
  get intake(): Intake {
    return this.#intake;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** Packets that came for streams that are no more, or never were, and were dropped (F048). */
  get late(): number {
    return this.#late;
  }

  has(serial: number): boolean {
    return this.#streams.has(serial);
  }

  /** The state of a new stream; its wire is to be added. `onEnd` is called when the stream has ended on this side. */
  core(id: StreamId, onEnd: (error: unknown) => void): StreamCore {
    const parts = { intake: this.#intake, outbox: this.#outbox, blocks: this.#blocks, flow: this };
    return new StreamCore({ id, ...parts, onEnd });
  }

  add(wire: W): void {
    this.#streams.set(wire.core.id.serial, wire);
  }

  remove(wire: W): void {
    const { serial } = wire.core.id;
    if (this.#streams.get(serial) === wire) this.#streams.delete(serial);
    if (this.#streams.size === 0) this.#blocks.clear();
  }

  /** Program, version, procedure and serial must all be the stream's (libvirt-rpc §1.4). */
  get(id: StreamId): W | undefined {
    const wire = this.#streams.get(id.serial);
    if (wire === undefined) return undefined;
    const { program, version, procedure } = wire.core.id;
    return program === id.program && version === id.version && procedure === id.procedure ? wire : undefined;
  }

  /** A packet of type STREAM or STREAM_HOLE. */
  take(header: MessageHeader, bytes: Uint8Array, start: number, end: number): void {
    const wire = this.get(header);
    if (wire === undefined) this.#late++;
    else wire.take(header, bytes, start, end);
  }

  /** Who takes the payload of a large data packet. */
  partial(header: MessageHeader): PieceSink {
    const wire = this.get(header);
    if (wire !== undefined) return wire.core.piece;
    this.#late++;
    return drop;
  }

  /** Ends every stream, and tells the peer. */
  abortAll(reason: unknown): void {
    for (const wire of this.#streams.values()) void wire.abort(reason);
  }

  /** The connection is gone. */
  loseAll(error: unknown): void {
    this.#outbox.close();
    for (const wire of this.#streams.values()) wire.lost(error);
  }
}

function drop(): void {}
