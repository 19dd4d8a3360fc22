import { type Deferred, deferred } from "../util/deferred.ts";
import { onAbort } from "../util/signals.ts";
import type { BrowseSink, Closer, Query } from "./backend.ts";
import type { FoundService, ServiceEvent } from "./service.ts";
import { Sightings } from "./sightings.ts";

/**
 * What is advertised, as events. It looks from its birth on, not from the first `next()`, and keeps no event but what
 * changed since the reader was told last: a slow reader misses the steps in between and never the outcome.
 */
export class ServiceBrowse implements AsyncIterableIterator<ServiceEvent>, AsyncDisposable {
  readonly #query: Query;
  readonly #sightings: Sightings;
  readonly #now = new Map<string, FoundService>();
  readonly #told = new Map<string, FoundService>();
  readonly #dirty = new Set<string>();
  readonly #readers: Deferred<IteratorResult<ServiceEvent, undefined>>[] = [];
  readonly #browser: Promise<Closer | undefined>;
  readonly #off: () => void;
  #ended = false;
  #error: unknown;
  #closing: Promise<void> | undefined;

  /** `start` begins to look and tells the sink. `signal` ends it; the reader gets its reason. */
  constructor(query: Query, start: (sink: BrowseSink) => Promise<Closer>, signal?: AbortSignal) {
    this.#query = query;
    this.#sightings = new Sightings(query.limit, (key, service) => this.#note(key, service));
    this.#browser = this.#begin(start);
    this.#off = onAbort(signal, (reason) => this.#end(reason));
    if (signal?.aborted === true) this.#end(signal.reason);
  }

  /** Services that there was no room for (`limit`). */
  get refused(): number {
    return this.#sightings.refused;
  }

  next(): Promise<IteratorResult<ServiceEvent, undefined>> {
    const reader = deferred<IteratorResult<ServiceEvent, undefined>>();
    this.#readers.push(reader);
    this.#serve();
    return reader.promise;
  }

  /** Leaves the loop; resolves when no socket, timer or listener is left. */
  async return(): Promise<IteratorResult<ServiceEvent, undefined>> {
    this.#dirty.clear();
    await this.close();
    return { value: undefined, done: true };
  }

  /** Stops looking; resolves when no socket, timer or listener is left. The reader gets the end. */
  async close(): Promise<void> {
    this.#end(undefined);
    await this.#closing;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #begin(start: (sink: BrowseSink) => Promise<Closer>): Promise<Closer | undefined> {
    const { type, domain } = this.#query;
    const sink: BrowseSink = {
      saw: (source, service) => this.#sightings.saw(source, service),
      lost: (source, name) => this.#sightings.lost(source, { name, type, domain }),
      lostAll: () => this.#sightings.lostAll(),
    };
    try {
      return await start(sink);
    } catch (error) {
      this.#end(error);
      return undefined;
    }
  }

  #note(key: string, service: FoundService | undefined): void {
    if (this.#ended) return;
    if (service === undefined) this.#now.delete(key);
    else this.#now.set(key, service);
    this.#dirty.add(key);
    queueMicrotask(() => this.#serve()); // what is seen in one go is one event
  }

  #serve(): void {
    while (this.#readers.length > 0) {
      const event = this.#nextEvent();
      if (event !== undefined) this.#readers.shift()?.resolve({ value: event, done: false });
      else if (this.#ended) this.#finish();
      else return;
    }
  }

  #nextEvent(): ServiceEvent | undefined {
    for (const key of this.#dirty) {
      this.#dirty.delete(key);
      const event = this.#tell(key);
      if (event !== undefined) return event;
    }
    return undefined;
  }

  #tell(key: string): ServiceEvent | undefined {
    const told = this.#told.get(key);
    const service = this.#now.get(key);
    if (service === undefined) {
      this.#told.delete(key);
      return told === undefined ? undefined : { kind: "down", service: told };
    }
    this.#told.set(key, service);
    if (told === undefined) return { kind: "up", service };
    return sameService(told, service) ? undefined : { kind: "changed", service };
  }

  #end(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#closing = this.#shut();
    this.#serve();
  }

  async #shut(): Promise<void> {
    const browser = await this.#browser;
    await browser?.close();
    this.#off();
  }

  /** The first reader after the end learns of the error, those after it of the end only. */
  #finish(): void {
    const error = this.#error;
    this.#error = undefined;
    const reader = this.#readers.shift();
    if (error === undefined) reader?.resolve({ value: undefined, done: true });
    else reader?.reject(error);
  }
}

function sameService(a: FoundService, b: FoundService): boolean {
  return JSON.stringify(comparable(a)) === JSON.stringify(comparable(b));
}

/** Keys of a text have no order. */
function comparable({ host, port, addresses, txt }: FoundService): unknown[] {
  return [host.toLowerCase(), port, addresses, Object.entries(txt).toSorted(byKey)];
}

function byKey([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}
