import { type ReconnectOptions, type SessionState, Turns } from "virnet";
import type { EventKind } from "./events/event.ts";
import type { EventGroup, EventItem, EventsOptions, KindsOf } from "./events/subscription.ts";
import { Libvirt, type OpenOptions } from "./libvirt.ts";
import { Merged, mapped, once } from "./merged.ts";

const READ_BYTES = 262_144;

export interface FleetOptions extends Omit<OpenOptions, "reconnect" | "signal"> {
  readonly reconnect?: Omit<ReconnectOptions, "turns">;
  /**
   * Hosts that are connected to at a time, 50 unless given. One that has not answered within a second does not count any
   * more, so that dead ones hold up nobody.
   */
  readonly atOnce?: number;
  /** Closes the fleet. */
  readonly signal?: AbortSignal;
}

/** One host of a fleet. */
export interface FleetHost {
  /** As it was added. */
  readonly uri: string;
  /** Its calls wait while the host can't be reached, or reject, as the options say. */
  readonly libvirt: Libvirt;
  readonly state: SessionState;
}

/** No more events of this host will come: it was taken out, or given up, or refused what was asked for. */
export interface EndedItem {
  readonly kind: "ended";
  /** `null` when it was taken out. */
  readonly error: unknown;
}

/** An event, or other item, of one host. */
export interface FleetItem<Kind extends EventKind = EventKind> {
  readonly host: FleetHost;
  readonly item: EventItem<Kind> | EndedItem;
}

/** Where the session of a host stands. */
export interface FleetState {
  readonly host: FleetHost;
  readonly state: SessionState;
}

/**
 * What can be said about the events of a fleet; limit and overflow are those of each host. A domain belongs to one host, so
 * none can be asked for here.
 */
export type FleetEventsOptions<Name extends EventKind | EventGroup = EventKind | EventGroup> = Omit<
  EventsOptions<Name>,
  "domain"
>;

/** Items of many hosts, as they come. Leaving the loop ends it at all of them. */
export type FleetIterator<T> = AsyncIterableIterator<T, undefined> & AsyncDisposable;

/**
 * A session to each of these hosts, thousands if need be. Returns at once, while they are being connected to. One that can't
 * be reached is tried again and again; one that never can, as its URI is wrong or its server refuses us, is `closed`; both
 * are seen in its `state`, and neither concerns the others. Throws `RangeError` for options that can't be.
 */
export function fleet(uris: Iterable<string>, options: FleetOptions = {}): Fleet {
  const made = new Fleet(options);
  for (const uri of uris) made.add(uri);
  return made;
}

/** Hosts, each with a session of its own. */
export class Fleet implements AsyncDisposable {
  readonly #hosts = new Map<string, FleetHost>();
  readonly #options: FleetOptions;
  readonly #turns: Turns;
  /** All hosts' connections read into one: what comes has been used up before the next is read. */
  readonly #buffer = new Uint8Array(READ_BYTES);
  readonly #joiners = new Set<(host: FleetHost) => void>();
  readonly #merges = new Set<{ finish(): void }>();
  readonly #offSignal: () => void;
  #closing: Promise<void> | undefined;

  /** Throws the signal's reason when that has aborted before. */
  constructor(options: FleetOptions = {}) {
    options.signal?.throwIfAborted();
    this.#options = options;
    this.#turns = new Turns(options.atOnce ?? 50);
    this.#offSignal = whenAborted(options.signal, () => void this.close());
  }

  /** By URI, in the order in which they were added. */
  get hosts(): ReadonlyMap<string, FleetHost> {
    return this.#hosts;
  }

  /** One more host; the same one for a URI that is there already, unless that one was given up. Throws `TypeError` when the fleet is closed. */
  add(uri: string): FleetHost {
    const known = this.#hosts.get(uri);
    if (known !== undefined && known.state.state !== "closed") return known;
    if (this.#closing !== undefined) throw new TypeError(`${uri} can't be added to a fleet that is closed`);
    const host = hostOf(uri, this.#session(uri));
    this.#hosts.set(uri, host);
    for (const join of this.#joiners) join(host);
    return host;
  }

  /** Takes a host out and closes its session. Does nothing for one that is not there. */
  async remove(uri: string): Promise<void> {
    const host = this.#hosts.get(uri);
    this.#hosts.delete(uri);
    await host?.libvirt.close();
  }

  /**
   * The events of all hosts, those that come later too, in one stream, each item with its host. A host that is there for
   * the first time, or again, tells it by a `resync`: list anew.
   */
  events<const Name extends EventKind | EventGroup = Exclude<EventKind, "qemu-monitor">>({
    signal,
    ...options
  }: FleetEventsOptions<Name> = {}): FleetIterator<FleetItem<KindsOf<Name>>> {
    return this.#merge<FleetItem<KindsOf<Name>>>(signal, async (host, merged, over) => {
      const events = host.libvirt.events<Name>(options);
      const itemOf = (item: EventItem<KindsOf<Name>> | EndedItem) => ({ host, item });
      const ended = (error: unknown) => itemOf({ kind: "ended", error: error ?? null });
      merged.add({ items: mapped(events, itemOf), ended });
      const there = Promise.all([events.ready, host.libvirt.session?.opened({ signal: over })]);
      merged.add({ items: once(there.then(() => itemOf({ kind: "resync" }))), ended: none });
      await there.catch(none);
    });
  }

  /** The state of each host, and each state that follows, of hosts that come later too. */
  states({ signal }: { readonly signal?: AbortSignal } = {}): FleetIterator<FleetState> {
    return this.#merge<FleetState>(signal, async (host, merged) => {
      const { session } = host.libvirt;
      if (session === null) return;
      merged.add({ items: mapped(session.states(), (state) => ({ host, state })), ended: none });
    });
  }

  /** Says goodbye to all hosts. Resolves when the last session has ended. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #session(uri: string): Libvirt {
    const { signal: _, atOnce: __, reconnect, ...options } = this.#options;
    const buffer = this.#buffer;
    return Libvirt.session(uri, {
      buffer,
      ...options,
      reconnect: { ...reconnect, fromStart: true, turns: this.#turns },
    });
  }

  /** One iteration over all hosts that there are and will be. What `join` is given last aborts when it is over; what it rejects with ends it. */
  #merge<T>(
    signal: AbortSignal | undefined,
    join: (host: FleetHost, merged: Merged<T>, over: AbortSignal) => Promise<void>,
  ): Merged<T> {
    // One for each host: Node takes the eleventh listener of a signal for a leak.
    const overs = new Set<AbortController>();
    const merged = new Merged<T>(() => {
      offSignal();
      this.#joiners.delete(joiner);
      this.#merges.delete(merged);
      for (const over of overs) over.abort();
    });
    const joiner = (host: FleetHost): void => {
      const over = new AbortController();
      overs.add(over);
      join(host, merged, over.signal)
        .catch((error: unknown) => merged.end(error))
        .finally(() => overs.delete(over));
    };
    let offSignal = nothing;
    this.#joiners.add(joiner);
    this.#merges.add(merged);
    for (const host of this.#hosts.values()) joiner(host);
    offSignal = whenAborted(signal, () => merged.end(signal?.reason));
    if (this.#closing !== undefined) merged.finish();
    return merged;
  }

  async #close(): Promise<void> {
    this.#offSignal();
    await Promise.all([...this.#hosts.values()].map(({ libvirt }) => libvirt.close()));
    for (const merged of this.#merges) merged.finish();
  }
}

function hostOf(uri: string, libvirt: Libvirt): FleetHost {
  return {
    uri,
    libvirt,
    get state(): SessionState {
      return libvirt.session?.state ?? { state: "closed", error: null };
    },
  };
}

function nothing(): void {}

function none(): undefined {
  return undefined;
}

/** Calls `then` once the signal aborts, at once if it has; returns what takes the listener off. */
function whenAborted(signal: AbortSignal | undefined, then: () => void): () => void {
  if (signal?.aborted === true) then();
  signal?.addEventListener("abort", then, { once: true });
  return () => signal?.removeEventListener("abort", then);
}
