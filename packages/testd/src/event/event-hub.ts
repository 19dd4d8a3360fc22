import { Code, From, failure, operationFailed } from "../failure.ts";

/** The kinds of objects that have events; their callbacks share one sequence of ids. */
export type Topic = "domain" | "network" | "pool" | "nodeDevice";

/** An event on its way: what happened to which object. */
export interface Happening {
  readonly topic: Topic;
  /** The event's number within its topic (virDomainEventID and the like). */
  readonly event: number;
  /** UUID or name of the object, for callbacks that follow one object only. */
  readonly key: string;
  readonly payload: Payload;
}

/** What an event tells, by kind; which message that makes on the wire is the subscriber's business. */
export type Payload =
  | { readonly kind: "lifecycle"; readonly object: ObjectHandle; readonly event: number; readonly detail: number }
  | { readonly kind: "refresh"; readonly object: ObjectHandle }
  | { readonly kind: "update"; readonly object: ObjectHandle }
  | { readonly kind: "metadata"; readonly object: ObjectHandle; readonly type: number; readonly nsuri: string | null };

/** Enough to name any object on the wire. */
export interface ObjectHandle {
  readonly name: string;
  readonly uuid: string;
  readonly id: number;
}

/** One callback of one client. */
export interface Subscription {
  readonly owner: object;
  readonly topic: Topic;
  readonly event: number;
  /** Only events of this object; all when `null`. */
  readonly key: string | null;
  /** Asked for through the old procedures, whose messages carry no callback id. */
  readonly legacy: boolean;
  readonly deliver: (payload: Payload, callbackId: number) => void;
}

/** One client needs a callback per event and object; this leaves room for thousands of objects' worth. */
const MOST_PER_OWNER = 1024;

/** Who listens to what. Ids are given out once in the life of a hypervisor, to all clients from one sequence. */
export class EventHub {
  readonly #subscriptions = new Map<number, Subscription>();
  #nextId = 0;

  /** Returns the callback's id. */
  subscribe(subscription: Subscription): number {
    const own = [...this.#subscriptions.values()].filter(({ owner }) => owner === subscription.owner);
    if (own.some((other) => same(other, subscription))) {
      throw failure(Code.INVALID_ARG, From.NONE, "event callback already tracked");
    }
    if (own.length >= MOST_PER_OWNER) throw operationFailed(`at most ${MOST_PER_OWNER} event callbacks of a client`);
    const id = this.#nextId++;
    this.#subscriptions.set(id, subscription);
    return id;
  }

  /** False when that owner has no such callback. */
  unsubscribe(owner: object, topic: Topic, id: number): boolean {
    const found = this.#subscriptions.get(id);
    if (found === undefined || found.owner !== owner || found.topic !== topic || found.legacy) return false;
    return this.#subscriptions.delete(id);
  }

  /** Ends what the old procedures began. */
  unsubscribeLegacy(owner: object, event: number): boolean {
    for (const [id, found] of this.#subscriptions) {
      if (found.owner === owner && found.legacy && found.event === event) return this.#subscriptions.delete(id);
    }
    return false;
  }

  /** Ends all of a client that is gone. */
  forget(owner: object): void {
    for (const [id, found] of this.#subscriptions) if (found.owner === owner) this.#subscriptions.delete(id);
  }

  publish({ topic, event, key, payload }: Happening): void {
    for (const [id, to] of this.#subscriptions) {
      if (to.topic === topic && to.event === event && (to.key === null || to.key === key)) to.deliver(payload, id);
    }
  }

  domainLifecycle(object: ObjectHandle, event: number, detail: number): void {
    this.#lifecycle("domain", object, event, detail);
  }

  networkLifecycle(name: string, uuid: string, event: number): void {
    this.#lifecycle("network", { name, uuid, id: -1 }, event, 0);
  }

  poolLifecycle(name: string, uuid: string, event: number): void {
    this.#lifecycle("pool", { name, uuid, id: -1 }, event, 0);
  }

  nodeDeviceLifecycle(name: string, event: number): void {
    this.#lifecycle("nodeDevice", { name, uuid: name, id: -1 }, event, 0);
  }

  #lifecycle(topic: Topic, object: ObjectHandle, event: number, detail: number): void {
    this.publish({ topic, event: 0, key: object.uuid, payload: { kind: "lifecycle", object, event, detail } });
  }
}

function same(one: Subscription, other: Subscription): boolean {
  return one.topic === other.topic && one.event === other.event && one.key === other.key;
}
