import type { EventType } from "../program/program.ts";
import type { MessageHeader } from "../protocol/message.ts";
import { AsyncQueue, type OverflowPolicy } from "../util/async-queue.ts";
import { nothing } from "../util/nothing.ts";
import { onAbort } from "../util/signals.ts";
import { decodeXdr } from "../xdr/type.ts";

/** How events wait for a reader who is late. */
export interface EventOptions {
  /** Events kept; 1024 unless given. */
  readonly limit?: number;
  /** What happens to the next one: `error` (the default) ends the iteration with a `RangeError`, `dropOldest` counts on. */
  readonly overflow?: OverflowPolicy;
  /** Ends the iteration with its reason. */
  readonly signal?: AbortSignal;
}

/** Payloads of one kind of event, from the moment of the call on. Leaving the loop unsubscribes. */
export interface EventStream<T> extends AsyncIterableIterator<T, undefined>, AsyncDisposable {
  /** How many events `dropOldest` has thrown away so far. */
  readonly dropped: number;
}

interface Subscriber {
  readonly type: EventType<unknown>;
  readonly queue: AsyncQueue<unknown>;
}

/** The events of one connection and who listens to them. */
export class EventHub {
  readonly #subscribers = new Map<string, Set<Subscriber>>();

  subscribe<T>(type: EventType<T>, options: EventOptions): AsyncQueue<T> {
    const key = keyOf(type.program.number, type.program.version, type.number);
    let off = nothing;
    const queue = new AsyncQueue<T>({
      limit: options.limit ?? 1024,
      overflow: options.overflow ?? "error",
      onEnd: () => {
        off();
        this.#remove(key, subscriber);
      },
    });
    const subscriber: Subscriber = { type, queue: queue as AsyncQueue<unknown> };
    const all = this.#subscribers.get(key) ?? new Set();
    this.#subscribers.set(key, all.add(subscriber));
    off = onAbort(options.signal, (reason) => queue.end(reason));
    return queue;
  }

  /** Hands an event to those who listen; each gets a payload of its own. One whose payload is broken is ignored, as libvirt does. */
  take(header: MessageHeader, bytes: Uint8Array, start: number, end: number): void {
    const all = this.#subscribers.get(keyOf(header.program, header.version, header.procedure));
    if (all === undefined) return;
    for (const { type, queue } of all) {
      try {
        queue.push(decodeXdr(type.payload, bytes, type.name, start, end));
      } catch (error) {
        queue.end(error);
      }
    }
  }

  /** Ends every subscription: with `error`, or quietly. */
  endAll(error: unknown): void {
    for (const all of this.#subscribers.values()) for (const { queue } of all) queue.end(error);
  }

  #remove(key: string, subscriber: Subscriber): void {
    const all = this.#subscribers.get(key);
    all?.delete(subscriber);
    if (all?.size === 0) this.#subscribers.delete(key);
  }
}

function keyOf(program: number, version: number, procedure: number): string {
  return `${program}.${version}.${procedure}`;
}
