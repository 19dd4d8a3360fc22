import type { EventType } from "../program/program.ts";
import type { MessageHeader } from "../protocol/message.ts";
import { AsyncQueue, type OverflowPolicy } from "../util/async-queue.ts";
import { nothing } from "../util/nothing.ts";
import { onAbort } from "../util/signals.ts";
import { decodeXdr } from "../xdr/type.ts";

/** How events wait for a reader who is late. */
export interface EventOptions {
  /** Events kept; 1024 unless given, and never more than 16 MiB of them. */
  readonly limit?: number;
  /**
   * What happens when there are more:
   * - `error`, the default: the iteration ends with a `RangeError` after those that are kept;
   * - `dropOldest`: the oldest go, and in their place comes a {@link Lagged} that says how many;
   * - `block`: nothing is lost, and the connection is read no further until the reader has caught up, so replies and data
   *   of streams behind the events wait with them. While calls or readers of streams wait, reading goes on until sixteen
   *   times as many events are kept.
   */
  readonly overflow?: OverflowPolicy;
  /** Ends the iteration with its reason. */
  readonly signal?: AbortSignal;
}

/** So many events were thrown away, where this item stands: see `dropOldest`. */
export class Lagged {
  readonly lost: number;

  constructor(lost: number) {
    this.lost = lost;
  }
}

/** Payloads of one kind of event, from the moment of the call on. Leaving the loop unsubscribes. */
export interface EventStream<T> extends AsyncIterableIterator<T, undefined>, AsyncDisposable {
  /** How many events `dropOldest` has thrown away so far. */
  readonly dropped: number;
}

/** Is called for each event of one kind. It must not throw. */
export interface EventListener<T> {
  /** `size` is that of the message, in bytes. */
  event(payload: T, size: number): void;
  /** An event whose payload could not be decoded. */
  broken(error: unknown): void;
  /** No more events will come; with the error by which the connection ended, unless it was closed on purpose. */
  ended(error: unknown): void;
}

interface Entry {
  readonly type: EventType<unknown>;
  readonly listener: EventListener<unknown>;
}

/** Bytes that a subscriber's events may wait in. */
const MOST_BYTES = 16_777_216;

/** The events of one connection and who listens to them. */
export class EventHub {
  /** By number, as most programs' events differ in that already. */
  readonly #entries = new Map<number, Set<Entry>>();
  readonly #weigh: (change: number) => void;
  #unheard = 0;

  /** `weigh` is told how many bytes more or fewer wait for readers that may hold up the connection. */
  constructor(weigh: (change: number) => void) {
    this.#weigh = weigh;
  }

  /** Events that nobody listened for, and that were dropped. */
  get unheard(): number {
    return this.#unheard;
  }

  /** Returns what ends it. */
  listen<T>(type: EventType<T>, listener: EventListener<T>): () => void {
    // What comes has been decoded by the type's own codec, so it is a T.
    const entry = { type, listener: listener as EventListener<unknown> };
    const { number } = type;
    this.#entries.set(number, (this.#entries.get(number) ?? new Set()).add(entry));
    return () => this.#remove(number, entry);
  }

  subscribe<T>(type: EventType<T>, options: EventOptions): AsyncQueue<T> {
    let off = nothing;
    let offSignal = nothing;
    const queue = new AsyncQueue<T>({
      limit: options.limit ?? 1024,
      bytes: MOST_BYTES,
      overflow: options.overflow ?? "error",
      // Whoever asks for `dropOldest` is given a queue of both.
      lagged: (lost) => new Lagged(lost) as T,
      onEnd: () => {
        off();
        offSignal();
      },
    });
    queue.carry(this.#weigh);
    off = this.listen(type, {
      event: (payload, size) => queue.push(payload, size),
      broken: (error) => queue.end(error),
      ended: (error) => queue.end(error),
    });
    offSignal = onAbort(options.signal, (reason) => queue.end(reason));
    return queue;
  }

  /** Hands an event to those who listen; each gets a payload of its own. */
  take(header: MessageHeader, bytes: Uint8Array, start: number, end: number): void {
    let heard = false;
    for (const { type, listener } of this.#entries.get(header.procedure) ?? nobody) {
      const { program, name, payload } = type;
      if (program.number !== header.program || program.version !== header.version) continue;
      heard = true;
      try {
        listener.event(decodeXdr(payload, bytes, name, start, end), end - start);
      } catch (error) {
        listener.broken(error);
      }
    }
    if (!heard) this.#unheard++;
  }

  /** Ends every subscription: with `error`, or quietly. */
  endAll(error: unknown): void {
    for (const entries of this.#entries.values()) for (const { listener } of entries) listener.ended(error);
  }

  #remove(number: number, entry: Entry): void {
    const entries = this.#entries.get(number);
    entries?.delete(entry);
    if (entries?.size === 0) this.#entries.delete(number);
  }
}

const nobody: ReadonlySet<Entry> = new Set();
