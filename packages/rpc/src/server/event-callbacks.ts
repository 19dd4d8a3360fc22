import type { EventType } from "../program/program.ts";
import { ConnectionError } from "../util/connection-error.ts";
import type { Call } from "./handlers.ts";
import type { ServerClient } from "./server-client.ts";
import { SharedEvent } from "./shared-event.ts";

/** One client's wish for the events of a topic. */
interface Callback {
  readonly client: ServerClient;
  readonly id: number;
  readonly topic: string;
  readonly object: string | null;
  /** Events of the time before the client knows the id. */
  held: SharedEvent<unknown>[] | undefined;
}

interface Callbacks {
  readonly byId: Map<number, Callback>;
  nextId: number;
}

/** Events that wait for the reply of one registration. */
const MOST_HELD = 1024;

/**
 * Who wants which events, for programs whose clients register callbacks, and whose events begin with the callback's id, as
 * libvirt's do. Ids are numbered for each client by itself, from 0, so that those who registered the same things in the
 * same order share one encoded message.
 */
export class EventCallbacks {
  readonly #topics = new Map<string, Set<Callback>>();
  readonly #clients = new Map<ServerClient, Callbacks>();

  /**
   * For the handler of the call that registers: the new callback's id. What happens until its reply has been sent is sent
   * right behind the reply; with an error for a reply the callback is forgotten. `object` names the one thing whose events
   * are wanted, of all in the topic unless given.
   */
  register(call: Pick<Call, "client" | "header">, topic: string, object: string | null = null): number {
    const { client, header } = call;
    const own = this.#of(client);
    const callback: Callback = { client, id: own.nextId++, topic, object, held: [] };
    own.byId.set(callback.id, callback);
    this.#topics.set(topic, (this.#topics.get(topic) ?? new Set()).add(callback));
    client.afterReply(header, (registered) => {
      if (registered) this.#release(callback);
      else this.#remove(callback);
    });
    return callback.id;
  }

  /** False when the client has no such callback. */
  deregister(client: ServerClient, topic: string, id: number): boolean {
    const callback = this.#clients.get(client)?.byId.get(id);
    if (callback === undefined || callback.topic !== topic) return false;
    this.#remove(callback);
    return true;
  }

  /** The id under which the client has asked for just that; `undefined` when it has not. */
  find(client: ServerClient, topic: string, object: string | null): number | undefined {
    for (const callback of this.#clients.get(client)?.byId.values() ?? []) {
      if (callback.topic === topic && callback.object === object) return callback.id;
    }
    return undefined;
  }

  /** What the client has asked for under that id; `undefined` for an id that it does not have. */
  topicOf(client: ServerClient, id: number): string | undefined {
    return this.#clients.get(client)?.byId.get(id)?.topic;
  }

  /** Callbacks of a client. */
  count(client: ServerClient): number {
    return this.#clients.get(client)?.byId.size ?? 0;
  }

  /** Ends all of a client; done by itself when the client goes. */
  forget(client: ServerClient): void {
    for (const callback of this.#clients.get(client)?.byId.values() ?? []) this.#remove(callback);
  }

  /**
   * Sends an event to all who want the topic, or `object`'s part of it. The payload is made, and encoded, once for each id
   * that they have. Throws as `ServerClient.emit` does.
   */
  publish<T>(topic: string, object: string, type: EventType<T>, payload: (callbackId: number) => T): void {
    const events = new Map<number, SharedEvent<T>>();
    for (const { client, id, object: wanted, held } of this.#topics.get(topic) ?? []) {
      if (wanted !== null && wanted !== object) continue;
      const event = events.get(id) ?? new SharedEvent(type, payload(id));
      events.set(id, event);
      if (held === undefined) client.emitShared(event);
      else if (held.length < MOST_HELD) held.push(event);
      else client.disconnect(new ConnectionError(`${MOST_HELD} events wait for one registration's reply`, "overflow"));
    }
  }

  #of(client: ServerClient): Callbacks {
    const known = this.#clients.get(client);
    if (known !== undefined) return known;
    const made = { byId: new Map<number, Callback>(), nextId: 0 };
    this.#clients.set(client, made);
    void this.#forgetWhenGone(client);
    return made;
  }

  async #forgetWhenGone(client: ServerClient): Promise<void> {
    await client.closed;
    this.forget(client);
    this.#clients.delete(client);
  }

  #release(callback: Callback): void {
    const { held = [], client } = callback;
    callback.held = undefined;
    try {
      for (const event of held) client.emitShared(event);
    } catch (cause) {
      // Whoever raised it has gone on, and the call has been answered: nobody else is left to tell.
      client.disconnect(new ConnectionError("an event that was held back can't be sent", "error", { cause }));
    }
  }

  #remove(callback: Callback): void {
    callback.held = undefined;
    this.#clients.get(callback.client)?.byId.delete(callback.id);
    const all = this.#topics.get(callback.topic);
    all?.delete(callback);
    if (all?.size === 0) this.#topics.delete(callback.topic);
  }
}
