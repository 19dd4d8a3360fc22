import type { Call } from "virnet/server";
import type { Topic } from "../event/event-hub.ts";
import { From, internalError } from "../failure.ts";
import type { Session } from "../session.ts";
import { uuidFromBytes } from "../uuid.ts";
import type { SessionHandlers } from "./session-handlers.ts";

type CallbackTopic = Exclude<Topic, "oldDomain" | "monitor">;

/** How many kinds of events each topic has; domains had fewer when the old procedures were made. */
const EVENT_KINDS: Readonly<Record<CallbackTopic, number>> = {
  domain: 27,
  network: 1,
  pool: 2,
  nodeDevice: 2,
  secret: 2,
};
const OLD_DOMAIN_EVENTS = 16;
const LIFECYCLE = 0;

export const eventHandlers: SessionHandlers = {
  connectDomainEventCallbackRegisterAny: ({ eventID, dom }, session, call) => {
    const key = dom === null ? null : uuidFromBytes(dom.uuid);
    return { callbackID: register(session, call, "domain", eventID, key) };
  },
  connectDomainEventCallbackDeregisterAny: ({ callbackID }, session) => deregister(session, "domain", callbackID),
  connectDomainEventRegister: (_, session, call) => {
    registerOld(session, call, LIFECYCLE);
    return { cbRegistered: 0 };
  },
  connectDomainEventDeregister: (_, session) => {
    deregisterOld(session, LIFECYCLE);
    return { cbRegistered: 0 };
  },
  connectDomainEventRegisterAny: ({ eventID }, session, call) => registerOld(session, call, eventID),
  connectDomainEventDeregisterAny: ({ eventID }, session) => deregisterOld(session, eventID),
  connectNetworkEventRegisterAny: ({ eventID, net }, session, call) => {
    const key = net === null ? null : uuidFromBytes(net.uuid);
    return { callbackID: register(session, call, "network", eventID, key) };
  },
  connectNetworkEventDeregisterAny: ({ callbackID }, session) => deregister(session, "network", callbackID),
  connectStoragePoolEventRegisterAny: ({ eventID, pool }, session, call) => {
    const key = pool === null ? null : uuidFromBytes(pool.uuid);
    return { callbackID: register(session, call, "pool", eventID, key) };
  },
  connectStoragePoolEventDeregisterAny: ({ callbackID }, session) => deregister(session, "pool", callbackID),
  connectNodeDeviceEventRegisterAny: ({ eventID, dev }, session, call) => {
    return { callbackID: register(session, call, "nodeDevice", eventID, dev?.name ?? null) };
  },
  connectNodeDeviceEventDeregisterAny: ({ callbackID }, session) => deregister(session, "nodeDevice", callbackID),
  connectSecretEventRegisterAny: ({ eventID, secret }, session, call) => {
    const key = secret === null ? null : uuidFromBytes(secret.uuid);
    return { callbackID: register(session, call, "secret", eventID, key) };
  },
  connectSecretEventDeregisterAny: ({ callbackID }, session) => deregister(session, "secret", callbackID),
};

const TOPIC_NAMES: Readonly<Record<CallbackTopic, string>> = {
  domain: "domain",
  network: "network",
  pool: "storage pool",
  nodeDevice: "node device",
  secret: "secret",
};

function register(
  { hypervisor }: Session,
  call: Call,
  topic: CallbackTopic,
  event: number,
  key: string | null,
): number {
  if (event < 0 || event >= EVENT_KINDS[topic]) {
    const what = topic === "domain" ? "" : `${TOPIC_NAMES[topic]} `;
    throw internalError(`unsupported ${what}event ID ${event}`, From.RPC);
  }
  return hypervisor.events.subscribe(call, topic, event, key);
}

function deregister({ hypervisor, client }: Session, topic: CallbackTopic, id: number): void {
  if (hypervisor.events.unsubscribe(client, topic, id)) return;
  throw internalError(`${TOPIC_NAMES[topic]} event callback ${id} not registered`, From.RPC);
}

function registerOld({ hypervisor }: Session, call: Call, event: number): void {
  if (event < 0 || event >= OLD_DOMAIN_EVENTS) throw internalError(`unsupported event ID ${event}`, From.RPC);
  hypervisor.events.subscribe(call, "oldDomain", event, null);
}

function deregisterOld({ hypervisor, client }: Session, event: number): void {
  if (hypervisor.events.unsubscribeOld(client, event)) return;
  throw internalError(`domain event ${event} not registered`, From.RPC);
}
