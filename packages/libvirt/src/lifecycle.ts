import type { Client, EventOptions, EventStream, ProgramClient } from "virnet";
import { Domain } from "./domain.ts";
import { VirDomainEventType } from "./gen/enums.ts";
import {
  RemoteDomainEventCallbackLifecycle,
  type RemoteDomainEventCallbackLifecycleMsg,
  type RemoteNonnullDomain,
  type RemoteProcedures,
} from "./gen/remote.ts";

/** What happened to a domain: virDomainEventType without its prefix, in lower case. */
export type LifecycleName = Lowercase<keyof typeof VirDomainEventType>;

export interface LifecycleEvent {
  readonly domain: Domain;
  /** `unknown` for a number that this version of libvirt's list lacks. */
  readonly event: LifecycleName | "unknown";
  readonly number: number;
  /** How or why, as the number of the event's own list of details. */
  readonly detail: number;
}

/** virDomainEventID of lifecycle events. */
const EVENT_ID = 0;

/** Events of one registration at the server, which leaving the loop takes back. */
export class LifecycleEvents implements AsyncIterableIterator<LifecycleEvent, undefined>, AsyncDisposable {
  readonly #remote: ProgramClient<RemoteProcedures>;
  readonly #messages: EventStream<RemoteDomainEventCallbackLifecycleMsg>;
  readonly #callbackId: number;
  #left = false;

  private constructor(
    remote: ProgramClient<RemoteProcedures>,
    messages: EventStream<RemoteDomainEventCallbackLifecycleMsg>,
    callbackId: number,
  ) {
    this.#remote = remote;
    this.#messages = messages;
    this.#callbackId = callbackId;
  }

  /** Listens first and registers then: the first event may overtake the reply that names the registration (F060). */
  static async register(
    client: Client,
    remote: ProgramClient<RemoteProcedures>,
    dom: RemoteNonnullDomain | null,
    options: EventOptions,
  ): Promise<LifecycleEvents> {
    const messages = client.events(RemoteDomainEventCallbackLifecycle, options);
    try {
      const args = { eventID: EVENT_ID, dom };
      const { callbackID } = await remote.connectDomainEventCallbackRegisterAny(args, options);
      return new LifecycleEvents(remote, messages, callbackID);
    } catch (error) {
      await messages[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Events that `dropOldest` has thrown away, those of other registrations included. */
  get dropped(): number {
    return this.#messages.dropped;
  }

  async next(): Promise<IteratorResult<LifecycleEvent, undefined>> {
    for (;;) {
      const { value, done } = await this.#messages.next();
      if (done === true) return { value: undefined, done };
      if (value.callbackID === this.#callbackId) return { value: this.#event(value), done: false };
    }
  }

  /** Takes the registration back. A connection that has gone took it along. */
  async return(): Promise<IteratorResult<LifecycleEvent, undefined>> {
    if (!this.#left) {
      this.#left = true;
      await this.#messages[Symbol.asyncDispose]();
      await this.#remote.connectDomainEventCallbackDeregisterAny({ callbackID: this.#callbackId }).catch(ignore);
    }
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #event({ msg }: RemoteDomainEventCallbackLifecycleMsg): LifecycleEvent {
    const domain = new Domain(this.#remote, msg.dom);
    return { domain, event: lifecycleName(msg.event), number: msg.event, detail: msg.detail };
  }
}

function lifecycleName(event: number): LifecycleName | "unknown" {
  for (const [name, number] of Object.entries(VirDomainEventType)) {
    // The keys of an object literal are known; Object.entries forgets them.
    if (number === event) return name.toLowerCase() as LifecycleName;
  }
  return "unknown";
}

function ignore(): void {}
