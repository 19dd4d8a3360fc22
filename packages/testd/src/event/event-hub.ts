import { QemuDomainMonitorEvent } from "@virnet/libvirt/qemu";
import {
  RemoteDomainEventCallbackLifecycle,
  RemoteDomainEventCallbackMetadataChange,
  RemoteDomainEventLifecycle,
  RemoteNetworkEventLifecycle,
  RemoteNodeDeviceEventLifecycle,
  type RemoteNonnullDomain,
  type RemoteNonnullSecret,
  RemoteSecretEventLifecycle,
  RemoteSecretEventValueChanged,
  RemoteStoragePoolEventLifecycle,
  RemoteStoragePoolEventRefresh,
} from "@virnet/libvirt/remote";
import type { EventType } from "virnet";
import { type Call, EventCallbacks, type ServerClient } from "virnet/server";
import { Code, From, failure, operationFailed } from "../failure.ts";
import { uuidFromBytes, uuidToBytes } from "../uuid.ts";

/** The kinds of objects that have events; those of domains come in the old style, without callback ids, as well. */
export type Topic = "domain" | "oldDomain" | "network" | "pool" | "nodeDevice" | "secret" | "monitor";

/** Enough to name any object on the wire. */
export interface ObjectHandle {
  readonly name: string;
  readonly uuid: string;
  readonly id: number;
}

/** One client needs a callback per event and object; this leaves room for thousands of objects' worth. */
const MOST_PER_CLIENT = 1024;

/** Numbers of events within their topic: virDomainEventID and the like. */
const LIFECYCLE = 0;
const REFRESH = 1;
const VALUE_CHANGED = 1;
const METADATA_CHANGE = 23;

/** What a QEMU would say when a domain's lifecycle goes on, by virDomainEventType. */
const MONITOR_EVENTS: ReadonlyMap<number, string> = new Map([
  [3, "STOP"],
  [4, "RESUME"],
  [5, "SHUTDOWN"],
]);

/** Who listens to what, and how what happens is told. */
export class EventHub {
  readonly #callbacks = new EventCallbacks();

  /**
   * For the handler of a registration: the callback's id. `object` is the UUID or name of the one whose events are wanted;
   * `null` for all.
   */
  subscribe(call: Call, topic: Topic, event: number | string, object: string | null): number {
    const { client } = call;
    // Both styles of domain events are of one kind to libvirt.
    const alike = topic === "domain" || topic === "oldDomain" ? (["domain", "oldDomain"] as const) : [topic];
    if (alike.some((each) => this.#callbacks.find(client, keyOf(each, event), object) !== undefined)) {
      throw failure(Code.INVALID_ARG, From.NONE, "event callback already tracked");
    }
    if (this.#callbacks.count(client) >= MOST_PER_CLIENT)
      throw operationFailed(`at most ${MOST_PER_CLIENT} event callbacks of a client`);
    return this.#callbacks.register(call, keyOf(topic, event), object);
  }

  /** False when the client has no such callback. */
  unsubscribe(client: ServerClient, topic: Topic, id: number): boolean {
    const key = this.#callbacks.topicOf(client, id);
    return key?.startsWith(`${topic}/`) === true && this.#callbacks.deregister(client, key, id);
  }

  /** Ends what the old procedures began. */
  unsubscribeOld(client: ServerClient, event: number): boolean {
    const key = keyOf("oldDomain", event);
    const id = this.#callbacks.find(client, key, null);
    return id !== undefined && this.#callbacks.deregister(client, key, id);
  }

  /** Ends all of a client. */
  forget(client: ServerClient): void {
    this.#callbacks.forget(client);
  }

  domainLifecycle(object: ObjectHandle, event: number, detail: number): void {
    const msg = { dom: domainRef(object), event, detail };
    this.#publish("domain", LIFECYCLE, object.uuid, RemoteDomainEventCallbackLifecycle, (callbackID) => ({
      callbackID,
      msg,
    }));
    this.#publish("oldDomain", LIFECYCLE, object.uuid, RemoteDomainEventLifecycle, () => msg);
    const name = MONITOR_EVENTS.get(event);
    if (name !== undefined) this.#monitor(object, name);
  }

  metadataChange(object: ObjectHandle, type: number, nsuri: string | null): void {
    const dom = domainRef(object);
    this.#publish("domain", METADATA_CHANGE, object.uuid, RemoteDomainEventCallbackMetadataChange, (callbackID) => ({
      callbackID,
      dom,
      type,
      nsuri,
    }));
  }

  networkLifecycle(name: string, uuid: string, event: number): void {
    const net = { name, uuid: uuidToBytes(uuid) };
    this.#publish("network", LIFECYCLE, uuid, RemoteNetworkEventLifecycle, (callbackID) => ({
      callbackID,
      net,
      event,
      detail: 0,
    }));
  }

  poolLifecycle(name: string, uuid: string, event: number): void {
    const pool = { name, uuid: uuidToBytes(uuid) };
    this.#publish("pool", LIFECYCLE, uuid, RemoteStoragePoolEventLifecycle, (callbackID) => ({
      callbackID,
      pool,
      event,
      detail: 0,
    }));
  }

  poolRefresh(name: string, uuid: string): void {
    const pool = { name, uuid: uuidToBytes(uuid) };
    this.#publish("pool", REFRESH, uuid, RemoteStoragePoolEventRefresh, (callbackID) => ({ callbackID, pool }));
  }

  nodeDeviceLifecycle(name: string, event: number): void {
    const dev = { name };
    this.#publish("nodeDevice", LIFECYCLE, name, RemoteNodeDeviceEventLifecycle, (callbackID) => ({
      callbackID,
      dev,
      event,
      detail: 0,
    }));
  }

  secretLifecycle(secret: RemoteNonnullSecret, event: number): void {
    const uuid = uuidFromBytes(secret.uuid);
    this.#publish("secret", LIFECYCLE, uuid, RemoteSecretEventLifecycle, (callbackID) => ({
      callbackID,
      secret,
      event,
      detail: 0,
    }));
  }

  secretValueChanged(secret: RemoteNonnullSecret): void {
    const uuid = uuidFromBytes(secret.uuid);
    this.#publish("secret", VALUE_CHANGED, uuid, RemoteSecretEventValueChanged, (callbackID) => ({
      callbackID,
      secret,
    }));
  }

  /** To those who want all, and to those who want just this. */
  #monitor(object: ObjectHandle, event: string): void {
    const now = Date.now();
    const body = {
      dom: domainRef(object),
      event,
      seconds: BigInt(Math.floor(now / 1000)),
      micros: (now % 1000) * 1000,
      details: null,
    };
    for (const wanted of ["", event]) {
      this.#publish("monitor", wanted, object.uuid, QemuDomainMonitorEvent, (callbackID) => ({ callbackID, ...body }));
    }
  }

  #publish<T>(
    topic: Topic,
    event: number | string,
    object: string,
    type: EventType<T>,
    payload: (callbackID: number) => T,
  ): void {
    this.#callbacks.publish(keyOf(topic, event), object, type, payload);
  }
}

function keyOf(topic: Topic, event: number | string): string {
  return `${topic}/${event}`;
}

function domainRef({ name, uuid, id }: ObjectHandle): RemoteNonnullDomain {
  return { name, uuid: uuidToBytes(uuid), id };
}
