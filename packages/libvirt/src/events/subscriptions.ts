import { type Client, ConnectionError } from "virnet";
import type { EventKind } from "./event.ts";
import { eventKinds, type RemoteClient } from "./kinds.ts";
import { Registrations } from "./registrations.ts";
import {
  type Demand,
  type EventGroup,
  type Events,
  type EventsOptions,
  type KindsOf,
  Subscription,
} from "./subscription.ts";

export interface AttachOptions {
  /** Does the server know callback ids (feature 14)? */
  readonly callbacks: boolean;
}

/**
 * All iterations over events of one hypervisor, whatever connection they come over: `attach` it to a connection, and to
 * the next when that is lost, and every one that is alive is registered there.
 */
export class Subscriptions {
  readonly #remote: RemoteClient;
  readonly #live = new Set<Subscription>();
  #client: Client | undefined;
  #registrations: Registrations | undefined;
  #unknown = 0;
  #ended = false;
  #error: unknown;

  /** `remote` is what objects in events make their calls through. */
  constructor(remote: RemoteClient) {
    this.#remote = remote;
  }

  /** Iterations that are alive. */
  get size(): number {
    return this.#live.size;
  }

  /** Messages of callbacks that nobody has registered, dropped. */
  get unknown(): number {
    return this.#unknown + (this.#registrations?.unknown ?? 0);
  }

  /** A new iteration. Without a connection it waits for one. Throws `TypeError` and `RangeError` for options that make no sense. */
  subscribe<const Name extends EventKind | EventGroup>(options: EventsOptions<Name>): Events<KindsOf<Name>> {
    const onEnd = (ended: Subscription): Promise<void> => this.#leave(ended);
    const subscription = new Subscription({ options, kinds: demandsOf(options), onEnd });
    if (this.#ended) subscription.end(this.#error);
    if (!subscription.ended) {
      this.#live.add(subscription);
      if (this.#registrations !== undefined) void this.#enrol(subscription, this.#registrations);
    }
    // It is given events of the kinds it has asked for, and of no others.
    return subscription as Events as Events<KindsOf<Name>>;
  }

  /**
   * Events come over this connection from now on. Resolves when all that is alive has been registered, has been refused, or
   * the connection has gone. Say `resync` when calls can be made.
   */
  async attach(client: Client, { callbacks }: AttachOptions): Promise<void> {
    this.detach();
    const registrations = new Registrations({ client, callbacks, remote: this.#remote });
    this.#client = client;
    this.#registrations = registrations;
    await Promise.all([...this.#live].map((subscription) => this.#enrol(subscription, registrations)));
  }

  /** Each iteration that had another connection before gets a `resync`: now is the time to list anew. */
  resync(): void {
    for (const subscription of this.#live) subscription.resync();
  }

  /** The connection has gone, and iterations wait for the next. */
  detach(): void {
    this.#unknown += this.#registrations?.unknown ?? 0;
    this.#registrations = undefined;
    this.#client = undefined;
  }

  /** There will be no further connection: iterations end, with `error` if one is given. */
  end(error?: unknown): void {
    this.detach();
    this.#ended = true;
    this.#error = error;
    for (const subscription of this.#live) subscription.end(error);
  }

  /** Never rejects: what goes wrong ends the iteration, unless it is the connection, after which there may be another. */
  async #enrol(subscription: Subscription, registrations: Registrations): Promise<void> {
    if (this.#client !== undefined) subscription.carriedBy(this.#client);
    const joins = [...subscription.kinds].map(([kind, demand]) =>
      this.#join(subscription, registrations, kind, demand),
    );
    const failures = (await Promise.all(joins)).filter((failure) => failure !== undefined);
    if (failures.some(isConnectionError) || registrations !== this.#registrations) return;
    if (failures.length > 0) subscription.end(failures[0]);
    else subscription.registered();
  }

  /** Resolves to why the iteration has to do without a kind that it can't do without. */
  async #join(
    subscription: Subscription,
    registrations: Registrations,
    kind: EventKind,
    demand: Demand,
  ): Promise<unknown> {
    try {
      await registrations.join(kind, subscription.domain, subscription);
      subscription.missing.delete(kind);
      return undefined;
    } catch (error) {
      void registrations.leave(kind, subscription.domain, subscription);
      if (demand === "required" || isConnectionError(error)) return error;
      subscription.missing.set(kind, error);
      return undefined;
    }
  }

  async #leave(subscription: Subscription): Promise<void> {
    this.#live.delete(subscription);
    const registrations = this.#registrations;
    if (registrations === undefined) return;
    const kinds = [...subscription.kinds.keys()];
    await Promise.all(kinds.map((kind) => registrations.leave(kind, subscription.domain, subscription)));
  }
}

// The keys of an object literal are known; Object.keys forgets them.
const allKinds = Object.keys(eventKinds) as EventKind[];
const groups: readonly EventGroup[] = ["domain", "network", "pool", "node-device", "secret"];

function demandsOf({ kinds, domain }: EventsOptions): ReadonlyMap<EventKind, Demand> {
  const demands = new Map<EventKind, Demand>();
  for (const name of kinds ??
    (domain === undefined ? [...groups, "connection-closed" as const] : ["domain" as const])) {
    if (isGroup(name)) for (const kind of kindsOf(name)) demands.set(kind, demands.get(kind) ?? "optional");
    else if (name in eventKinds) demands.set(name, kinds === undefined ? "optional" : "required");
    else throw new TypeError(`there are no events of kind ${JSON.stringify(name)}`);
  }
  if (demands.size === 0) throw new TypeError("events of no kind were asked for");
  const foreign = [...demands.keys()].find((kind) => !isOfDomains(kind));
  if (domain !== undefined && foreign !== undefined) throw new TypeError(`events of kind ${foreign} have no domain`);
  return demands;
}

function isGroup(name: EventKind | EventGroup): name is EventGroup {
  return (groups as readonly string[]).includes(name);
}

function kindsOf(group: EventGroup): EventKind[] {
  return allKinds.filter((kind) => kind.startsWith(`${group}-`));
}

function isOfDomains(kind: EventKind): boolean {
  return kind.startsWith("domain-") || kind === "qemu-monitor";
}

function isConnectionError(error: unknown): boolean {
  return error instanceof ConnectionError;
}
