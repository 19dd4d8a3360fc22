import { AsyncQueue, type Client, type OverflowPolicy } from "virnet";
import type { Domain } from "../domain.ts";
import type { EventKind, EventOf, LaggedItem, LibvirtEvent, ResyncItem } from "./event.ts";
import type { EventSink } from "./registrations.ts";

/** Names for many kinds: all of domains, of networks and so on. A server need not have all of a group. */
export type EventGroup = "domain" | "network" | "pool" | "node-device" | "secret";

export interface EventsOptions<Kind extends EventKind | EventGroup = EventKind | EventGroup> {
  /**
   * Kinds, or groups of them; all but `qemu-monitor` unless given. A kind by its own name must be there: when the server
   * refuses it, the iteration rejects with why. Of a group those are left out that the server does not have.
   */
  readonly kinds?: readonly Kind[];
  /** Only events of this domain. Other things than domains have none then. */
  readonly domain?: Domain;
  /** Events kept for a reader who is late; 1024 unless given, and never more than 16 MiB of them. */
  readonly limit?: number;
  /** What happens when there are more, as with `client.events`: `error`, the default, `dropOldest` or `block`. */
  readonly overflow?: OverflowPolicy;
  /** Ends the iteration with its reason. */
  readonly signal?: AbortSignal;
}

/** The kinds that names of kinds and groups stand for. */
export type KindsOf<Name extends EventKind | EventGroup> =
  | Extract<Name, EventKind>
  | (Name extends EventGroup ? Extract<EventKind, `${Name}-${string}`> : never);

/** What an iteration over events gives. */
export type EventItem<Kind extends EventKind> = EventOf<Kind> | LaggedItem | ResyncItem;

/** Events as they come, from the moment of the call on. Leaving the loop deregisters. */
export interface Events<Kind extends EventKind = EventKind>
  extends AsyncIterableIterator<EventItem<Kind>, undefined>,
    AsyncDisposable {
  /** Resolves once the server has registered all, and rejects, as the iteration does, when it has not. */
  readonly ready: Promise<void>;
  /** Why kinds of groups are left out. */
  readonly missing: ReadonlyMap<EventKind, unknown>;
  /** How many events `dropOldest` has thrown away so far. */
  readonly dropped: number;
  /** Leaves; resolves once the server has deregistered, and after five seconds when it does not answer. */
  return(): Promise<IteratorResult<EventItem<Kind>, undefined>>;
}

export interface SubscriptionParts {
  readonly options: EventsOptions;
  readonly kinds: ReadonlyMap<EventKind, Demand>;
  /** Called once, when nobody reads any more; resolves when the server knows. */
  readonly onEnd: (subscription: Subscription) => Promise<void>;
}

/** Must the server have a kind, or may it be left out? */
export type Demand = "required" | "optional";

/** Bytes that a subscription's events may wait in. */
const MOST_BYTES = 16_777_216;
/** Milliseconds that leaving a loop waits for a server that does not answer. */
const LEAVE_MS = 5_000;

/** One iteration over events. It outlives connections: what it wants is registered again on the next one. */
export class Subscription implements Events, EventSink {
  readonly ready: Promise<void>;
  readonly missing: Map<EventKind, unknown> = new Map();
  readonly domain: Domain | null;
  readonly kinds: ReadonlyMap<EventKind, Demand>;
  readonly #queue: AsyncQueue<EventItem<EventKind>>;
  #settleReady: { resolve: () => void; reject: (reason: unknown) => void } = { resolve: ignore, reject: ignore };
  #left: Promise<void> = Promise.resolve();
  #isReady = false;
  #isBehind = false;
  #ended = false;

  constructor({ options, kinds, onEnd }: SubscriptionParts) {
    const { domain = null, limit = 1024, overflow = "error", signal } = options;
    this.domain = domain;
    this.kinds = kinds;
    let offSignal = ignore;
    this.#queue = new AsyncQueue<EventItem<EventKind>>({
      limit,
      bytes: MOST_BYTES,
      overflow,
      lagged: (lost) => ({ kind: "lagged", lost }),
      spare: ({ kind }) => kind === "resync",
      onEnd: () => {
        offSignal();
        this.#ended = true;
        this.#left = onEnd(this);
      },
    });
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
    // Who does not ask learns it from the iteration.
    this.ready.catch(ignore);
    if (signal !== undefined) offSignal = this.#endWith(signal);
  }

  get dropped(): number {
    return this.#queue.dropped;
  }

  /** Nobody reads any more, or an error has ended it. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The connection that events come over from now on: with `block` it is the one that waits. */
  carriedBy(client: Client): void {
    this.#queue.carry((change) => client.weigh(change));
  }

  /** All is registered. The first time it is ready; after that there has been another connection. */
  registered(): void {
    this.#isBehind ||= this.#isReady;
    this.#isReady = true;
    this.#settleReady.resolve();
  }

  /** Calls can be made again: the reader is told if there was something to miss. */
  resync(): void {
    if (!this.#isBehind) return;
    this.#isBehind = false;
    this.#queue.push({ kind: "resync" });
  }

  take(event: LibvirtEvent, size: number): void {
    if (this.domain === null || ("domain" in event && event.domain.uuid === this.domain.uuid))
      this.#queue.push(event, size);
  }

  broken(error: unknown): void {
    this.end(error);
  }

  /** No more events: what waits can still be read, then comes `error`, if one is given. */
  end(error?: unknown): void {
    if (error === undefined) this.#settleReady.resolve();
    else this.#settleReady.reject(error);
    this.#queue.end(error);
  }

  next(): Promise<IteratorResult<EventItem<EventKind>, undefined>> {
    return this.#queue.next();
  }

  async return(): Promise<IteratorResult<EventItem<EventKind>, undefined>> {
    const result = await this.#queue.return();
    this.#settleReady.resolve();
    await inTime(this.#left);
    return result;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #endWith(signal: AbortSignal): () => void {
    const abort = (): void => this.end(signal.reason);
    if (signal.aborted) {
      abort();
      return ignore;
    }
    signal.addEventListener("abort", abort, { once: true });
    return () => signal.removeEventListener("abort", abort);
  }
}

function inTime(left: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const impatience = setTimeout(resolve, LEAVE_MS).unref();
    void left.finally(() => {
      clearTimeout(impatience);
      resolve();
    });
  });
}

function ignore(): void {}
