import type { EventType } from "../program/program.ts";
import { AsyncQueue } from "../util/async-queue.ts";
import { deferred } from "../util/deferred.ts";
import { nothing } from "../util/nothing.ts";
import { onAbort } from "../util/signals.ts";
import type { Client } from "./client.ts";
import { type EventOptions, type EventStream, Lagged } from "./event-hub.ts";

/** There has been another connection, and what happened meanwhile is unknown: list anew. */
export class Resync {
  /** How many connections these events have come over by now. */
  readonly connections: number;

  constructor(connections: number) {
    this.connections = connections;
  }
}

export interface SessionEventOptions extends EventOptions {
  /**
   * Has the server send these events over a connection, and is called for each. What it rejects with ends the iteration,
   * unless that is the end of the connection.
   */
  readonly register?: (client: Client, signal: AbortSignal) => Promise<unknown>;
}

/** Events of one kind over all connections of a session. Leaving the loop unsubscribes. */
export interface SessionEventStream<T> extends EventStream<T | Resync | Lagged> {
  /** Resolves once it has been registered for the first time; rejects, as the iteration does, when it can't be. */
  readonly ready: Promise<void>;
}

/** Bytes that events may wait in. */
const MOST_BYTES = 16_777_216;

/** The subscriptions of one session. */
export class SessionEvents {
  readonly #live = new Set<Subscription>();
  #over: Over | undefined;
  #error: unknown;
  #ended = false;

  /** A new one, over the connection at hand or the next. */
  subscribe<T>(type: EventType<T>, options: SessionEventOptions): SessionEventStream<T> {
    const subscription = new Subscription(type, options, () => this.#live.delete(subscription));
    this.#live.add(subscription);
    subscription.begin(options.signal);
    if (this.#ended) subscription.end(this.#error);
    else if (this.#over !== undefined && this.#live.has(subscription)) void subscription.enrol(this.#over);
    // It is given payloads of its type, and of no other.
    return subscription as AsyncQueue<unknown> as SessionEventStream<T> & AsyncQueue<T | Resync | Lagged>;
  }

  /** All of them come over this connection from now on, until the signal aborts. Resolves when they are registered. */
  async attach(client: Client, signal: AbortSignal): Promise<void> {
    const over = { client, signal };
    this.#over = over;
    await Promise.all([...this.#live].map((subscription) => subscription.enrol(over)));
  }

  /** Calls can be made again: tells those who may have missed something. */
  resync(): void {
    for (const subscription of this.#live) subscription.resync();
  }

  /** There will be no further connection. */
  end(error: unknown): void {
    this.#ended = true;
    this.#error = error;
    for (const subscription of this.#live) subscription.end(error);
  }
}

interface Over {
  readonly client: Client;
  readonly signal: AbortSignal;
}

class Subscription extends AsyncQueue<unknown> {
  readonly ready: Promise<void>;
  readonly #type: EventType<unknown>;
  readonly #register: (client: Client, signal: AbortSignal) => Promise<unknown>;
  readonly #settleReady: { readonly resolve: () => void; readonly reject: (reason: unknown) => void };
  #offClient: () => void = nothing;
  #offSignal: () => void = nothing;
  #connections = 0;
  #isBehind = false;

  constructor(type: EventType<unknown>, options: SessionEventOptions, left: () => void) {
    const { limit = 1024, overflow = "error", register = () => Promise.resolve() } = options;
    const { promise, ...settle } = deferred<void>();
    super({
      limit,
      bytes: MOST_BYTES,
      overflow,
      lagged: (lost) => new Lagged(lost),
      spare: (item) => item instanceof Resync,
      onEnd: () => {
        this.#offClient();
        this.#offSignal();
        left();
      },
    });
    this.ready = promise;
    this.ready.catch(nothing); // who does not ask learns it from the iteration
    this.#settleReady = settle;
    this.#type = type;
    this.#register = register;
  }

  begin(signal: AbortSignal | undefined): void {
    this.#offSignal = onAbort(signal, (reason) => this.end(reason));
  }

  /** Listens first and registers then, for the first event may overtake the reply. */
  async enrol({ client, signal }: Over): Promise<void> {
    this.#offClient();
    this.#offClient = client.listen(this.#type, {
      event: (payload, size) => this.push(payload, size),
      broken: (error) => this.end(error),
      ended: nothing,
    });
    this.carry((change) => client.weigh(change));
    try {
      await this.#register(client, signal);
      if (signal.aborted) return;
      this.#isBehind ||= this.#connections++ > 0;
      this.#settleReady.resolve();
    } catch (error) {
      if (!signal.aborted && client.isOpen) this.end(error);
    }
  }

  resync(): void {
    if (!this.#isBehind) return;
    this.#isBehind = false;
    this.push(new Resync(this.#connections));
  }

  override end(error?: unknown): void {
    if (error === undefined) this.#settleReady.resolve();
    else this.#settleReady.reject(error);
    super.end(error);
  }
}
