import {
  RemoteDomainEventCallbackLifecycle,
  RemoteDomainEventCallbackMetadataChange,
  RemoteDomainEventLifecycle,
  RemoteNetworkEventLifecycle,
  RemoteNodeDeviceEventLifecycle,
  RemoteNodeDeviceEventUpdate,
  RemoteStoragePoolEventLifecycle,
  RemoteStoragePoolEventRefresh,
} from "@virnet/libvirt/remote";
import type { ServerClient } from "virnet/server";
import type { Payload, Topic } from "../event/event-hub.ts";
import { From, internalError } from "../failure.ts";
import type { Session } from "../session.ts";
import { uuidFromBytes } from "../uuid.ts";
import type { SessionHandlers } from "./session-handlers.ts";
import { domainRef, namedRef } from "./wire.ts";

/** How many kinds of events each topic has; domains had fewer when the old procedures were made. */
const EVENT_KINDS: Readonly<Record<Topic, number>> = { domain: 27, network: 1, pool: 2, nodeDevice: 2 };
const LEGACY_DOMAIN_EVENTS = 16;
const LIFECYCLE = 0;

export const eventHandlers: SessionHandlers = {
  connectDomainEventCallbackRegisterAny: ({ eventID, dom }, session) => {
    const key = dom === null ? null : uuidFromBytes(dom.uuid);
    return { callbackID: register(session, "domain", eventID, key) };
  },
  connectDomainEventCallbackDeregisterAny: ({ callbackID }, session) => deregister(session, "domain", callbackID),
  connectDomainEventRegister: (_, session) => {
    registerLegacy(session, LIFECYCLE);
    return { cbRegistered: 0 };
  },
  connectDomainEventDeregister: (_, session) => {
    deregisterLegacy(session, LIFECYCLE);
    return { cbRegistered: 0 };
  },
  connectDomainEventRegisterAny: ({ eventID }, session) => registerLegacy(session, eventID),
  connectDomainEventDeregisterAny: ({ eventID }, session) => deregisterLegacy(session, eventID),
  connectNetworkEventRegisterAny: ({ eventID, net }, session) => {
    const key = net === null ? null : uuidFromBytes(net.uuid);
    return { callbackID: register(session, "network", eventID, key) };
  },
  connectNetworkEventDeregisterAny: ({ callbackID }, session) => deregister(session, "network", callbackID),
  connectStoragePoolEventRegisterAny: ({ eventID, pool }, session) => {
    const key = pool === null ? null : uuidFromBytes(pool.uuid);
    return { callbackID: register(session, "pool", eventID, key) };
  },
  connectStoragePoolEventDeregisterAny: ({ callbackID }, session) => deregister(session, "pool", callbackID),
  connectNodeDeviceEventRegisterAny: ({ eventID, dev }, session) => {
    return { callbackID: register(session, "nodeDevice", eventID, dev?.name ?? null) };
  },
  connectNodeDeviceEventDeregisterAny: ({ callbackID }, session) => deregister(session, "nodeDevice", callbackID),
};

const TOPIC_NAMES: Readonly<Record<Topic, string>> = {
  domain: "domain",
  network: "network",
  pool: "storage pool",
  nodeDevice: "node device",
};

function register(session: Session, topic: Topic, event: number, key: string | null): number {
  if (event < 0 || event >= EVENT_KINDS[topic]) {
    const what = topic === "domain" ? "" : `${TOPIC_NAMES[topic]} `;
    throw internalError(`unsupported ${what}event ID ${event}`, From.RPC);
  }
  const { client } = session;
  const deliver = (payload: Payload, id: number): void => DELIVER[topic](client, payload, id);
  return session.hypervisor.events.subscribe({ owner: session, topic, event, key, legacy: false, deliver });
}

function deregister(session: Session, topic: Topic, id: number): void {
  if (session.hypervisor.events.unsubscribe(session, topic, id)) return;
  throw internalError(`${TOPIC_NAMES[topic]} event callback ${id} not registered`, From.RPC);
}

function registerLegacy(session: Session, event: number): void {
  if (event < 0 || event >= LEGACY_DOMAIN_EVENTS) throw internalError(`unsupported event ID ${event}`, From.RPC);
  const { client } = session;
  const deliver = (payload: Payload): void => deliverLegacy(client, payload);
  session.hypervisor.events.subscribe({ owner: session, topic: "domain", event, key: null, legacy: true, deliver });
}

function deregisterLegacy(session: Session, event: number): void {
  if (session.hypervisor.events.unsubscribeLegacy(session, event)) return;
  throw internalError(`domain event ${event} not registered`, From.RPC);
}

type Deliver = (client: ServerClient, payload: Payload, callbackID: number) => void;

const DELIVER: Readonly<Record<Topic, Deliver>> = {
  domain: (client, payload, callbackID) => {
    const dom = domainRef(payload.object);
    if (payload.kind === "lifecycle") {
      const { event, detail } = payload;
      client.emit(RemoteDomainEventCallbackLifecycle, { callbackID, msg: { dom, event, detail } });
    } else if (payload.kind === "metadata") {
      const { type, nsuri } = payload;
      client.emit(RemoteDomainEventCallbackMetadataChange, { callbackID, dom, type, nsuri });
    }
  },
  network: (client, payload, callbackID) => {
    if (payload.kind !== "lifecycle") return;
    const { event, detail } = payload;
    client.emit(RemoteNetworkEventLifecycle, { callbackID, net: namedRef(payload.object), event, detail });
  },
  pool: (client, payload, callbackID) => {
    const pool = namedRef(payload.object);
    if (payload.kind === "refresh") client.emit(RemoteStoragePoolEventRefresh, { callbackID, pool });
    if (payload.kind !== "lifecycle") return;
    const { event, detail } = payload;
    client.emit(RemoteStoragePoolEventLifecycle, { callbackID, pool, event, detail });
  },
  nodeDevice: (client, payload, callbackID) => {
    const dev = { name: payload.object.name };
    if (payload.kind === "update") client.emit(RemoteNodeDeviceEventUpdate, { callbackID, dev });
    if (payload.kind !== "lifecycle") return;
    const { event, detail } = payload;
    client.emit(RemoteNodeDeviceEventLifecycle, { callbackID, dev, event, detail });
  },
};

/** Of what happens here, the old messages know the lifecycle only. */
function deliverLegacy(client: ServerClient, payload: Payload): void {
  if (payload.kind !== "lifecycle") return;
  const { event, detail } = payload;
  client.emit(RemoteDomainEventLifecycle, { dom: domainRef(payload.object), event, detail });
}
