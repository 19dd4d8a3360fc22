import type { EventType, Procedure, Program, StreamDirection } from "../program/program.ts";
import { AbortHub } from "../util/abort-hub.ts";
import { AsyncQueue } from "../util/async-queue.ts";
import { ConnectionError, type Delivery, undelivered } from "../util/connection-error.ts";
import { deferred } from "../util/deferred.ts";
import { channel } from "../util/diagnostics.ts";
import { nothing } from "../util/nothing.ts";
import { abortable, onAbort } from "../util/signals.ts";
import { sleep } from "../util/sleep.ts";
import { Backoff } from "./backoff.ts";
import { CallGate } from "./call-gate.ts";
import type { Client } from "./client.ts";
import {
  type CallOptions,
  type CallResult,
  type OptionsOf,
  type ProgramClient,
  programClient,
} from "./program-client.ts";
import { attempt } from "./session-attempt.ts";
import { type SessionEventOptions, type SessionEventStream, SessionEvents } from "./session-events.ts";
import { type SessionOptions, type SessionSettings, sessionSettings } from "./session-options.ts";
import type { SessionState } from "./session-state.ts";

/** States kept for who reads them late; older ones are dropped. */
const STATES_KEPT = 256;
/** How often a call is sent that may be repeated. */
const SENDS = 3;
const DRAIN_POLL_MS = 10;

/** `virnet:session:state`: `{ session, state }`. */
const stateChannel = channel("virnet:session:state");

/**
 * A client whose connection comes back. Calls go over the connection at hand, and what is made of a session, such as
 * the programs' methods, outlives them all.
 *
 * A call that was in flight when the connection went rejects with a `ConnectionError` that says, by its `delivery`,
 * whether it may have run. It is repeated only when asked for, and only if that can do no harm. A stream ends with an error.
 */
export class Session implements AsyncDisposable {
  /** Resolves, never rejects, when the session has ended, with a `ConnectionError` whose cause may be what ended it. */
  readonly closed: Promise<ConnectionError>;
  readonly #settings: SessionSettings;
  readonly #backoff: Backoff;
  readonly #life = new AbortController();
  readonly #aborts = new AbortHub();
  readonly #calls = new CallGate(() => this.#client === undefined, this.#aborts);
  readonly #openings = new CallGate(() => this.#client === undefined, this.#aborts);
  readonly #events = new SessionEvents();
  readonly #programs = new Map<Program<object>, unknown>();
  readonly #watchers = new Set<AsyncQueue<SessionState>>();
  readonly #onClosed: (error: ConnectionError) => void;
  readonly #offSignal: () => void;
  #state: SessionState = { state: "connecting", attempt: 1 };
  /** Takes calls. */
  #client: Client | undefined;
  #last: Client | null = null;
  #lastError: unknown;
  #times = 0;
  #closing: Promise<void> | undefined;
  #end: ConnectionError | undefined;

  /** Begins to connect. Throws `RangeError` for a limit or a backoff that can't be. */
  constructor(options: SessionOptions) {
    const { promise, resolve } = deferred<ConnectionError>();
    this.closed = promise;
    this.#onClosed = resolve;
    this.#settings = sessionSettings(options);
    this.#backoff = new Backoff(options.backoff);
    this.#offSignal = onAbort(options.signal, (reason) => this.#life.abort(reason));
    queueMicrotask(() => void this.#run());
  }

  get state(): SessionState {
    return this.#state;
  }

  /** The connection at hand; while there is none, the last one. `null` before the first. */
  get client(): Client | null {
    return this.#last;
  }

  /** Calls that wait for a connection. */
  get waiting(): number {
    return this.#calls.size;
  }

  /** The state, and each that follows; the iteration ends after `closed`. Of more than 256 not read the oldest go. */
  states({
    signal,
  }: {
    readonly signal?: AbortSignal;
  } = {}): AsyncIterableIterator<SessionState, undefined> & AsyncDisposable {
    let off = nothing;
    const onEnd = (): void => {
      off();
      this.#watchers.delete(queue);
    };
    const queue = new AsyncQueue<SessionState>({ limit: STATES_KEPT, overflow: "dropOldest", onEnd });
    this.#watchers.add(queue);
    off = onAbort(signal, (reason) => queue.end(reason));
    queue.push(this.#state);
    if (this.#end !== undefined) queue.end();
    return queue;
  }

  /**
   * Resolves once the session is open, at once if it is. Rejects with the error that ended it, and with the signal's reason.
   */
  opened({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (this.#state.state === "closed") throw this.#state.error;
      if (this.#closing !== undefined) throw closedByUs();
      if (this.#client?.isOpen === true) resolve();
      else this.#openings.wait(resolve, reject, signal);
    });
  }

  /** The procedures of a program as methods; the same object each time, over all connections. */
  program<P extends object>(program: Program<P>): ProgramClient<P> {
    const known = this.#programs.get(program);
    // A program maps to nothing but its own client, which the cast recalls.
    if (known !== undefined) return known as ProgramClient<P>;
    const made = programClient(program, (owner, procedure, args, options) =>
      this.call(owner, procedure, args, options),
    );
    this.#programs.set(program, made);
    return made;
  }

  /**
   * One call, as `Client.call`. While there is no connection it waits for one, in bounds, or is rejected, as the session's
   * options say; a `ConnectionError` of the delivery `not-sent` tells what is the matter.
   */
  call<Args, Ret, Stream extends StreamDirection | null>(
    program: Program<object>,
    procedure: Procedure<Args, Ret, Stream>,
    args: Args,
    options?: OptionsOf<Stream>,
  ): Promise<CallResult<Ret, Stream>> {
    const client = this.#client;
    // What can be said about calls that open streams includes all that can be said about others.
    const { retry = this.#settings.retry }: CallOptions = options ?? {};
    if (client?.isOpen === true && retry === undefined) return client.call(program, procedure, args, options);
    return this.#callPatiently(program, procedure, args, options);
  }

  /**
   * Events of one kind over this connection and all that follow, from now on. After a loss they are registered again, and a
   * {@link Resync} tells that something may have been missed.
   */
  events<T>(type: EventType<T>, options: SessionEventOptions = {}): SessionEventStream<T> {
    return this.#events.subscribe(type, options);
  }

  /**
   * Takes no further calls, gives those in flight `drain` milliseconds to end (0 unless given), says goodbye and closes.
   * Resolves when the session has ended.
   */
  close({ drain = 0 }: { readonly drain?: number } = {}): Promise<void> {
    this.#closing ??= this.#shutDown(drain);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #callPatiently<Args, Ret, Stream extends StreamDirection | null>(
    program: Program<object>,
    procedure: Procedure<Args, Ret, Stream>,
    args: Args,
    options?: OptionsOf<Stream>,
  ): Promise<CallResult<Ret, Stream>> {
    const { retry = this.#settings.retry, signal }: CallOptions = options ?? {};
    const mayRepeat = (error: unknown): boolean => retry === "safe" && this.#isHarmless(error, procedure);
    let doubt: unknown;
    try {
      for (let sends = 1; ; sends++) {
        const client = await this.#connection(sends > 1 || this.#settings.whileLost === "wait", signal);
        try {
          return await client.call(program, procedure, args, options);
        } catch (error) {
          if (sends === SENDS || !mayRepeat(error)) throw error;
          if (deliveryOf(error) === "in-doubt") doubt = error;
        }
      }
    } catch (error) {
      // That it was not sent the last time says nothing of the times before.
      throw deliveryOf(error) === "not-sent" ? (doubt ?? error) : error;
    }
  }

  /** Can sending a call again that failed so do harm? */
  #isHarmless(error: unknown, procedure: Procedure<unknown, unknown, StreamDirection | null>): boolean {
    const delivery = deliveryOf(error);
    return delivery === "not-sent" || (delivery === "in-doubt" && this.#settings.isSafe(procedure));
  }

  /** The connection at hand, or the next. */
  async #connection(mayWait: boolean, signal: AbortSignal | undefined): Promise<Client> {
    for (;;) {
      signal?.throwIfAborted();
      if (this.#client?.isOpen === true) return this.#client;
      if (this.#end !== undefined) throw undelivered(this.#end, "not-sent");
      if (this.#closing !== undefined) throw undelivered(closedByUs(), "not-sent");
      if (!mayWait) throw this.#absent("there is no connection now");
      await this.#room(signal);
    }
  }

  #room(signal: AbortSignal | undefined): Promise<void> {
    const { waitingCalls, waitMs } = this.#settings.limits;
    return new Promise((resolve, reject) => {
      if (this.#calls.size >= waitingCalls) throw this.#absent(`${waitingCalls} calls wait for a connection already`);
      const settled = (settle: () => void): void => {
        clearTimeout(timer);
        settle();
      };
      const leave = this.#calls.wait(
        () => settled(resolve),
        (reason) => settled(() => reject(reason)),
        signal,
      );
      const timer = setTimeout(() => leave(this.#absent(`no connection came in ${waitMs} ms`)), waitMs);
    });
  }

  #absent(what: string): ConnectionError {
    const cause = this.#lastError;
    const why = cause instanceof Error ? ` (${cause.message})` : "";
    return new ConnectionError(`${what}${why}; the call was not sent`, "error", { cause, delivery: "not-sent" });
  }

  async #run(): Promise<void> {
    try {
      this.#finish(await this.#live());
    } catch (error) {
      this.#finish(error);
    }
  }

  /** One connection after another. Resolves to, or rejects with, what ends the session. */
  async #live(): Promise<unknown> {
    const { signal } = this.#life;
    for (;;) {
      const { error, age } = await this.#once();
      this.#lastError = error;
      if (signal.aborted) return signal.reason;
      if (this.#closing !== undefined) return closedByUs();
      const wait = age === null ? this.#backoff.failed(now()) : this.#backoff.lost(age, now());
      if (wait === null || this.#settings.isFinal(error)) return error;
      this.#become({ state: "lost", error, attempt: this.#backoff.attempt, wait });
      await sleep(wait, signal);
    }
  }

  async #once(): Promise<Loss> {
    try {
      return await this.#serve(await this.#attempt());
    } catch (error) {
      return { error: rootOf(error), age: null };
    }
  }

  #attempt(): Promise<Client> {
    return attempt({
      settings: this.#settings,
      number: this.#backoff.attempt,
      signal: this.#life.signal,
      become: (state) => this.#become(state),
      attach: (client, signal) => this.#events.attach(client, signal),
    });
  }

  async #serve(client: Client): Promise<Loss> {
    const since = now();
    const off = onAbort(this.#life.signal, () => void client.close());
    this.#last = client;
    this.#client = client;
    try {
      this.#become({ state: "open", times: ++this.#times });
      this.#calls.admit();
      this.#openings.admit();
      this.#settings.opened(client);
      this.#events.resync();
      return { error: await client.closed, age: now() - since };
    } finally {
      off();
      this.#client = undefined;
      // Still open, if what was told of it has thrown.
      void client.close();
    }
  }

  async #shutDown(drain: number): Promise<void> {
    const client = this.#client;
    if (client?.isOpen === true) {
      this.#client = undefined;
      this.#become({ state: "draining" });
      await emptied(client, drain);
      await this.#leave(client);
    }
    this.#life.abort(closedByUs());
    await this.closed;
  }

  async #leave(client: Client): Promise<void> {
    const signal = AbortSignal.timeout(this.#settings.limits.leaveMs);
    // It is over, whatever the server says to that.
    await abortable(this.#settings.leave(client, signal), signal).catch(nothing);
  }

  #become(state: SessionState): void {
    if (this.#state.state === "closed") return;
    const isFirst = this.#state.state === "connecting" && state.state === "connecting";
    this.#state = state;
    if (isFirst) return;
    for (const watcher of this.#watchers) watcher.push(state);
    if (stateChannel.hasSubscribers) stateChannel.publish({ session: this, state });
  }

  #finish(error: unknown): void {
    const end = error instanceof ConnectionError ? error : givenUp(error);
    this.#end = end;
    this.#offSignal();
    this.#become({ state: "closed", error });
    for (const watcher of this.#watchers) watcher.end();
    this.#events.end(end.reason === "closed" ? undefined : end);
    this.#calls.refuseAll(undelivered(end, "not-sent"));
    this.#openings.refuseAll(error);
    this.#onClosed(end);
  }
}

/** How a connection ended: after so many milliseconds in the state `open`, or before it was. */
interface Loss {
  readonly error: unknown;
  readonly age: number | null;
}

function closedByUs(): ConnectionError {
  return new ConnectionError("the session was closed", "closed");
}

function givenUp(error: unknown): ConnectionError {
  const why = error instanceof Error ? error.message : String(error);
  return new ConnectionError(`the session has ended: ${why}`, "error", { cause: error });
}

function deliveryOf(error: unknown): Delivery | null {
  return error instanceof ConnectionError ? error.delivery : null;
}

/** What a step failed with says that its call may have run; of a connection that is beside the point. */
function rootOf(error: unknown): unknown {
  const isCall = error instanceof ConnectionError && error.delivery !== null;
  return isCall && error.cause instanceof ConnectionError ? error.cause : error;
}

/** Resolves when nothing is in flight any more, the connection has gone, or `ms` milliseconds are over. */
async function emptied(client: Client, ms: number): Promise<void> {
  const end = now() + ms;
  const isBusy = (): boolean => client.isOpen && client.pending + client.waiting + client.streams > 0;
  while (isBusy() && now() < end) await sleep(DRAIN_POLL_MS);
}

function now(): number {
  return performance.now();
}
