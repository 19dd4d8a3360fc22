import type { Client, EventListener } from "virnet";
import type { Domain } from "../domain.ts";
import type { EventKind, LibvirtEvent } from "./event.ts";
import { EventOrder, type Lane } from "./event-order.ts";
import { type EventForm, eventKinds, type RemoteClient } from "./kinds.ts";

/** Takes the events of a registration. */
export interface EventSink {
  /** `size` is that of the message, in bytes. */
  take(event: LibvirtEvent, size: number): void;
  /** An event whose message could not be decoded. */
  broken(error: unknown): void;
}

export interface RegistrationsParts {
  readonly client: Client;
  /** Does the server know callback ids (feature 14)? */
  readonly callbacks: boolean;
  /** What objects in events make their calls through. */
  readonly remote: RemoteClient;
}

/** What is registered at the server over one connection: each kind once for all domains, and once for each domain asked for. */
export class Registrations {
  readonly #parts: RegistrationsParts;
  readonly #order = new EventOrder();
  readonly #routes = new Map<EventKind, Route>();

  constructor(parts: RegistrationsParts) {
    this.#parts = parts;
  }

  /** Messages of callbacks that nobody has registered, dropped. */
  get unknown(): number {
    return this.#order.unknown;
  }

  /**
   * Has the sink take all events of the kind, or those of one domain, from now on. Resolves once the server has registered
   * them, and rejects when it does not. The call is on its way when this returns.
   */
  join(kind: EventKind, domain: Domain | null, sink: EventSink): Promise<void> {
    return this.#route(kind).join(domain, sink);
  }

  /** Resolves once the server has deregistered what nobody wants any more, or refused to. */
  leave(kind: EventKind, domain: Domain | null, sink: EventSink): Promise<void> {
    return this.#routes.get(kind)?.leave(domain, sink) ?? Promise.resolve();
  }

  #route(kind: EventKind): Route {
    const known = this.#routes.get(kind);
    if (known !== undefined) return known;
    const { present, old } = eventKinds[kind];
    const form = this.#parts.callbacks || kind === "connection-closed" ? present : old;
    const route = new Route(this.#parts, { kind, form, order: this.#order });
    this.#routes.set(kind, route);
    return route;
  }
}

interface RouteParts {
  readonly kind: EventKind;
  /** `null`: the server has none. */
  readonly form: EventForm | null;
  readonly order: EventOrder;
}

/** One kind's messages, and for whom they are. */
class Route implements EventListener<unknown>, Lane {
  readonly #parts: RegistrationsParts;
  readonly #kind: EventKind;
  readonly #form: EventForm | null;
  readonly #order: EventOrder;
  readonly #registrations = new Map<string, Registration>();
  /** Those the server has registered, by callback; under `null` where messages carry none. */
  readonly #byCallback = new Map<number | null, Registration>();
  /** Registrations on their way. */
  #pending = 0;
  #off: (() => void) | undefined;

  constructor(parts: RegistrationsParts, { kind, form, order }: RouteParts) {
    this.#parts = parts;
    this.#kind = kind;
    this.#form = form;
    this.#order = order;
  }

  get isPending(): boolean {
    return this.#pending > 0;
  }

  join(domain: Domain | null, sink: EventSink): Promise<void> {
    const scope = this.#scope(domain);
    const known = this.#registrations.get(scope?.uuid ?? "");
    return (known ?? this.#registration(scope)).join(sink);
  }

  leave(domain: Domain | null, sink: EventSink): Promise<void> {
    return this.#registrations.get(this.#scope(domain)?.uuid ?? "")?.leave(sink) ?? Promise.resolve();
  }

  event(message: unknown, size: number): void {
    this.#order.take(this, this.#form?.callbackOf(message) ?? null, message, size);
  }

  /** Once for all who take it. Nobody may be left who does, when the server is just being told so. */
  deliver(callback: number | null, message: unknown, size: number): boolean {
    const registration = this.#byCallback.get(callback);
    if (registration === undefined || this.#form === null) return false;
    if (registration.sinks.size === 0) return true;
    const event = this.#form.read(message, this.#parts.remote);
    for (const sink of registration.sinks) sink.take(event, size);
    return true;
  }

  broken(error: unknown): void {
    for (const registration of this.#registrations.values()) {
      for (const sink of registration.sinks) sink.broken(error);
    }
  }

  ended(): void {}

  /** Old servers register a kind once, for all domains. */
  #scope(domain: Domain | null): Domain | null {
    return this.#parts.callbacks ? domain : null;
  }

  #registration(scope: Domain | null): Registration {
    const key = scope?.uuid ?? "";
    const made: Registration = new Registration({
      register: () => this.#register(scope, made),
      deregister: (callback) => this.#deregister(callback),
      forget: () => this.#registrations.delete(key),
    });
    this.#registrations.set(key, made);
    return made;
  }

  /** Listens first, for an event may come before the reply that names its callback (F060). */
  async #register(domain: Domain | null, registration: Registration): Promise<number | null> {
    const form = this.#form;
    if (form === null) throw new TypeError(`the server is too old for events of kind ${this.#kind}`);
    const { client } = this.#parts;
    this.#off ??= client.listen(form.type, this);
    this.#pending++;
    try {
      const callback = await form.register(client, domain?.reference ?? null);
      this.#byCallback.set(callback, registration);
      return callback;
    } finally {
      this.#pending--;
      this.#order.settle();
      this.#listenNoMore();
    }
  }

  /** What comes until the server has answered is for nobody. */
  async #deregister(callback: number | null): Promise<void> {
    try {
      await this.#form?.deregister(this.#parts.client, callback);
    } finally {
      this.#byCallback.delete(callback);
      this.#listenNoMore();
    }
  }

  #listenNoMore(): void {
    if (this.#pending > 0 || this.#byCallback.size > 0) return;
    this.#off?.();
    this.#off = undefined;
  }
}

interface RegistrationParts {
  /** Resolves to the callback's id. */
  readonly register: () => Promise<number | null>;
  readonly deregister: (callback: number | null) => Promise<void>;
  /** Nobody wants it any more, and the server knows. */
  readonly forget: () => void;
}

/** One callback at the server, and all who share it. Its calls are made one after another, as the server may turn their order around. */
class Registration {
  readonly sinks = new Set<EventSink>();
  readonly #parts: RegistrationParts;
  #registered = false;
  #callback: number | null = null;
  #work: Promise<void> | undefined;

  constructor(parts: RegistrationParts) {
    this.#parts = parts;
  }

  join(sink: EventSink): Promise<void> {
    this.sinks.add(sink);
    const isSettled = this.#registered && this.#work === undefined;
    return isSettled ? Promise.resolve() : this.#settle();
  }

  leave(sink: EventSink): Promise<void> {
    if (!this.sinks.delete(sink) || this.sinks.size > 0) return Promise.resolve();
    return this.#settle().catch(ignore);
  }

  /** At once, when no call is on its way. */
  #settle(): Promise<void> {
    const step = (): Promise<void> => this.#step();
    const work = this.#work === undefined ? step() : this.#work.then(step, step);
    this.#work = work;
    void this.#finish(work);
    return work;
  }

  async #finish(work: Promise<void>): Promise<void> {
    await work.catch(ignore);
    if (this.#work !== work) return;
    this.#work = undefined;
    if (!this.#registered && this.sinks.size === 0) this.#parts.forget();
  }

  async #step(): Promise<void> {
    const wanted = this.sinks.size > 0;
    if (wanted && !this.#registered) {
      this.#callback = await this.#parts.register();
      this.#registered = true;
    } else if (!wanted && this.#registered) {
      this.#registered = false;
      await this.#parts.deregister(this.#callback);
    }
  }
}

function ignore(): void {}
