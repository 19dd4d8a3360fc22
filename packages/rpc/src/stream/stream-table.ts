import type { PieceSink } from "../protocol/framer.ts";
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
  #late = 0;

  constructor({ port, bytes, callsWait }: StreamTableParts) {
    this.#outbox = new Outbox(port);
    this.#intake = new Intake({
      limits: intakeLimits(bytes),
      hold: () => port.hold(),
      release: () => port.release(),
      callsWait,
    });
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
    return new StreamCore({ id, intake: this.#intake, outbox: this.#outbox, blocks: this.#blocks, onEnd });
  }

  add(wire: W): void {
    this.#streams.set(wire.core.id.serial, wire);
  }

  remove(wire: W): void {
    const { serial } = wire.core.id;
    if (this.#streams.get(serial) === wire) this.#streams.delete(serial);
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
