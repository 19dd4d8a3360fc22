import type { CallOptions, Client, EventType, ProgramClient } from "virnet";
import { Domain } from "../domain.ts";
import * as enums from "../gen/enums.ts";
import { Qemu, QemuDomainMonitorEvent } from "../gen/qemu.ts";
import * as messages from "../gen/remote.ts";
import { Remote, type RemoteNonnullDomain, type RemoteProcedures } from "../gen/remote.ts";
import { StoragePool } from "../storage-pool.ts";
import { readTypedParams } from "../typed-params.ts";
import { formatUuid } from "../uuid.ts";
import type { EventBodies, EventKind, GraphicsAddress, LibvirtEvent, NetworkName, SecretName } from "./event.ts";
import { namesOf } from "./names.ts";

/** What objects in events make their calls through. */
export type RemoteClient = ProgramClient<RemoteProcedures>;

/** How events of one kind are asked for, and what their messages say. */
export interface EventForm {
  readonly type: EventType<unknown>;
  /** Asks the server for them, of all domains or of one; resolves to the callback's id, `null` where messages carry none. */
  register(client: Client, domain: RemoteNonnullDomain | null, options?: CallOptions): Promise<number | null>;
  deregister(client: Client, callbackId: number | null, options?: CallOptions): Promise<unknown>;
  /** The callback that a message is for; `null` where messages carry none. */
  callbackOf(message: unknown): number | null;
  read(message: unknown, remote: RemoteClient): LibvirtEvent;
}

/** A kind in its present form, and in the one that servers have who know no callback ids (feature 14). */
export interface EventKindForms {
  readonly present: EventForm;
  readonly old: EventForm | null;
}

/** Registers and deregisters the events of one family by their numbers. */
interface Family {
  register(client: Client, id: number, domain: RemoteNonnullDomain | null, options?: CallOptions): Promise<number>;
  deregister(client: Client, callbackID: number, options?: CallOptions): Promise<unknown>;
}

interface WithCallback {
  readonly callbackID: number;
}

type Read<Kind extends EventKind, Message> = (message: Message, remote: RemoteClient) => EventBodies[Kind];

const domains: Family = {
  async register(client, eventID, dom, options) {
    const args = { eventID, dom };
    return (await client.program(Remote).connectDomainEventCallbackRegisterAny(args, options)).callbackID;
  },
  deregister: (client, callbackID, options) =>
    client.program(Remote).connectDomainEventCallbackDeregisterAny({ callbackID }, options),
};
const networks: Family = {
  async register(client, eventID, _, options) {
    return (await client.program(Remote).connectNetworkEventRegisterAny({ eventID, net: null }, options)).callbackID;
  },
  deregister: (client, callbackID, options) =>
    client.program(Remote).connectNetworkEventDeregisterAny({ callbackID }, options),
};
const pools: Family = {
  async register(client, eventID, _, options) {
    const args = { eventID, pool: null };
    return (await client.program(Remote).connectStoragePoolEventRegisterAny(args, options)).callbackID;
  },
  deregister: (client, callbackID, options) =>
    client.program(Remote).connectStoragePoolEventDeregisterAny({ callbackID }, options),
};
const nodeDevices: Family = {
  async register(client, eventID, _, options) {
    return (await client.program(Remote).connectNodeDeviceEventRegisterAny({ eventID, dev: null }, options)).callbackID;
  },
  deregister: (client, callbackID, options) =>
    client.program(Remote).connectNodeDeviceEventDeregisterAny({ callbackID }, options),
};
const secrets: Family = {
  async register(client, eventID, _, options) {
    return (await client.program(Remote).connectSecretEventRegisterAny({ eventID, secret: null }, options)).callbackID;
  },
  deregister: (client, callbackID, options) =>
    client.program(Remote).connectSecretEventDeregisterAny({ callbackID }, options),
};
const monitors: Family = {
  async register(client, flags, dom, options) {
    const args = { dom, event: null, flags };
    return (await client.program(Qemu).connectDomainMonitorEventRegister(args, options)).callbackID;
  },
  deregister: (client, callbackID, options) =>
    client.program(Qemu).connectDomainMonitorEventDeregister({ callbackID }, options),
};

const lifecycle = namesOf(enums.VirDomainEventType);
const watchdogAction = namesOf(enums.VirDomainEventWatchdogAction);
const ioErrorAction = namesOf(enums.VirDomainEventIOErrorAction);
const graphicsPhase = namesOf(enums.VirDomainEventGraphicsPhase);
const graphicsFamily = namesOf(enums.VirDomainEventGraphicsAddressType);
const blockJobType = namesOf(enums.VirDomainBlockJobType);
const blockJobStatus = namesOf(enums.VirConnectDomainEventBlockJobStatus);
const diskChangeReason = namesOf(enums.VirConnectDomainEventDiskChangeReason);
const trayChangeReason = namesOf(enums.VirDomainEventTrayChangeReason);
const agentState = namesOf(enums.VirConnectDomainEventAgentLifecycleState);
const agentReason = namesOf(enums.VirConnectDomainEventAgentLifecycleReason);
const metadataType = namesOf(enums.VirDomainMetadataType);
const memoryFailureRecipient = namesOf(enums.VirDomainMemoryFailureRecipientType);
const memoryFailureAction = namesOf(enums.VirDomainMemoryFailureActionType);
const networkLifecycle = namesOf(enums.VirNetworkEventLifecycleType);
const poolLifecycle = namesOf(enums.VirStoragePoolEventLifecycleType);
const nodeDeviceLifecycle = namesOf(enums.VirNodeDeviceEventLifecycleType);
const secretLifecycle = namesOf(enums.VirSecretEventLifecycleType);
const secretUsage = namesOf(enums.VirSecretUsageType);
const closeReason = namesOf(enums.VirConnectCloseReason);

/** The list of details that each lifecycle event has, by its number. */
const lifecycleDetails: ReadonlyMap<number, (number: number) => string> = new Map<number, (number: number) => string>([
  [enums.VirDomainEventType.DEFINED, namesOf(enums.VirDomainEventDefinedDetailType)],
  [enums.VirDomainEventType.UNDEFINED, namesOf(enums.VirDomainEventUndefinedDetailType)],
  [enums.VirDomainEventType.STARTED, namesOf(enums.VirDomainEventStartedDetailType)],
  [enums.VirDomainEventType.SUSPENDED, namesOf(enums.VirDomainEventSuspendedDetailType)],
  [enums.VirDomainEventType.RESUMED, namesOf(enums.VirDomainEventResumedDetailType)],
  [enums.VirDomainEventType.STOPPED, namesOf(enums.VirDomainEventStoppedDetailType)],
  [enums.VirDomainEventType.SHUTDOWN, namesOf(enums.VirDomainEventShutdownDetailType)],
  [enums.VirDomainEventType.PMSUSPENDED, namesOf(enums.VirDomainEventPMSuspendedDetailType)],
  [enums.VirDomainEventType.CRASHED, namesOf(enums.VirDomainEventCrashedDetailType)],
]);

/** Every kind there is: how to ask for it, and what its message says. Numbers are those of virDomainEventID and the like. */
export const eventKinds: { readonly [Kind in EventKind]: EventKindForms } = {
  "domain-lifecycle": bothForms(
    "domain-lifecycle",
    0,
    messages.RemoteDomainEventCallbackLifecycle,
    messages.RemoteDomainEventLifecycle,
    ({ dom, event, detail }, remote) => ({
      domain: new Domain(remote, dom),
      event: lifecycle(event),
      detail: lifecycleDetails.get(event)?.(detail) ?? "unknown",
      numbers: { event, detail },
    }),
  ),
  "domain-reboot": bothForms(
    "domain-reboot",
    1,
    messages.RemoteDomainEventCallbackReboot,
    messages.RemoteDomainEventReboot,
    ofDomain,
  ),
  "domain-rtc-change": bothForms(
    "domain-rtc-change",
    2,
    messages.RemoteDomainEventCallbackRtcChange,
    messages.RemoteDomainEventRtcChange,
    ({ dom, offset }, remote) => ({ domain: new Domain(remote, dom), offset }),
  ),
  "domain-watchdog": bothForms(
    "domain-watchdog",
    3,
    messages.RemoteDomainEventCallbackWatchdog,
    messages.RemoteDomainEventWatchdog,
    ({ dom, action }, remote) => ({
      domain: new Domain(remote, dom),
      action: watchdogAction(action),
      numbers: { action },
    }),
  ),
  "domain-io-error": bothForms(
    "domain-io-error",
    4,
    messages.RemoteDomainEventCallbackIoError,
    messages.RemoteDomainEventIoError,
    ioError,
  ),
  "domain-graphics": bothForms(
    "domain-graphics",
    5,
    messages.RemoteDomainEventCallbackGraphics,
    messages.RemoteDomainEventGraphics,
    (message, remote) => ({
      domain: new Domain(remote, message.dom),
      phase: graphicsPhase(message.phase),
      local: graphicsAddress(message.local),
      remote: graphicsAddress(message.remote),
      authScheme: message.authScheme,
      subject: message.subject,
      numbers: { phase: message.phase },
    }),
  ),
  "domain-io-error-reason": bothForms(
    "domain-io-error-reason",
    6,
    messages.RemoteDomainEventCallbackIoErrorReason,
    messages.RemoteDomainEventIoErrorReason,
    (message, remote) => ({ ...ioError(message, remote), reason: message.reason }),
  ),
  "domain-control-error": bothForms(
    "domain-control-error",
    7,
    messages.RemoteDomainEventCallbackControlError,
    messages.RemoteDomainEventControlError,
    ofDomain,
  ),
  "domain-block-job": bothForms(
    "domain-block-job",
    8,
    messages.RemoteDomainEventCallbackBlockJob,
    messages.RemoteDomainEventBlockJob,
    (message, remote) => ({ ...blockJob(message, remote), path: message.path }),
  ),
  "domain-disk-change": bothForms(
    "domain-disk-change",
    9,
    messages.RemoteDomainEventCallbackDiskChange,
    messages.RemoteDomainEventDiskChange,
    ({ dom, oldSrcPath, newSrcPath, devAlias, reason }, remote) => ({
      domain: new Domain(remote, dom),
      device: devAlias,
      oldPath: oldSrcPath,
      newPath: newSrcPath,
      reason: diskChangeReason(reason),
      numbers: { reason },
    }),
  ),
  "domain-tray-change": bothForms(
    "domain-tray-change",
    10,
    messages.RemoteDomainEventCallbackTrayChange,
    messages.RemoteDomainEventTrayChange,
    ({ dom, devAlias, reason }, remote) => ({
      domain: new Domain(remote, dom),
      device: devAlias,
      reason: trayChangeReason(reason),
      numbers: { reason },
    }),
  ),
  "domain-pm-wakeup": {
    present: form("domain-pm-wakeup", domains, 11, messages.RemoteDomainEventCallbackPmwakeup, powerManagement),
    old: oldForm("domain-pm-wakeup", 11, messages.RemoteDomainEventPmwakeup, withoutReason),
  },
  "domain-pm-suspend": {
    present: form("domain-pm-suspend", domains, 12, messages.RemoteDomainEventCallbackPmsuspend, powerManagement),
    old: oldForm("domain-pm-suspend", 12, messages.RemoteDomainEventPmsuspend, withoutReason),
  },
  "domain-balloon-change": bothForms(
    "domain-balloon-change",
    13,
    messages.RemoteDomainEventCallbackBalloonChange,
    messages.RemoteDomainEventBalloonChange,
    ({ dom, actual }, remote) => ({ domain: new Domain(remote, dom), actual }),
  ),
  "domain-pm-suspend-disk": {
    present: form(
      "domain-pm-suspend-disk",
      domains,
      14,
      messages.RemoteDomainEventCallbackPmsuspendDisk,
      powerManagement,
    ),
    old: oldForm("domain-pm-suspend-disk", 14, messages.RemoteDomainEventPmsuspendDisk, withoutReason),
  },
  "domain-device-removed": bothForms(
    "domain-device-removed",
    15,
    messages.RemoteDomainEventCallbackDeviceRemoved,
    messages.RemoteDomainEventDeviceRemoved,
    ofDevice,
  ),
  "domain-block-job-2": presentForm(
    "domain-block-job-2",
    domains,
    16,
    messages.RemoteDomainEventBlockJob2,
    (message, remote) => ({ ...blockJob(message, remote), disk: message.dst }),
  ),
  "domain-tunable": presentForm("domain-tunable", domains, 17, messages.RemoteDomainEventCallbackTunable, withParams),
  "domain-agent-lifecycle": presentForm(
    "domain-agent-lifecycle",
    domains,
    18,
    messages.RemoteDomainEventCallbackAgentLifecycle,
    agentLifecycle,
  ),
  "domain-device-added": presentForm(
    "domain-device-added",
    domains,
    19,
    messages.RemoteDomainEventCallbackDeviceAdded,
    ofDevice,
  ),
  "domain-migration-iteration": presentForm(
    "domain-migration-iteration",
    domains,
    20,
    messages.RemoteDomainEventCallbackMigrationIteration,
    ({ dom, iteration }, remote) => ({ domain: new Domain(remote, dom), iteration }),
  ),
  "domain-job-completed": presentForm(
    "domain-job-completed",
    domains,
    21,
    messages.RemoteDomainEventCallbackJobCompleted,
    withParams,
  ),
  "domain-device-removal-failed": presentForm(
    "domain-device-removal-failed",
    domains,
    22,
    messages.RemoteDomainEventCallbackDeviceRemovalFailed,
    ofDevice,
  ),
  "domain-metadata-change": presentForm(
    "domain-metadata-change",
    domains,
    23,
    messages.RemoteDomainEventCallbackMetadataChange,
    ({ dom, type, nsuri }, remote) => ({
      domain: new Domain(remote, dom),
      type: metadataType(type),
      uri: nsuri,
      numbers: { type },
    }),
  ),
  "domain-block-threshold": presentForm(
    "domain-block-threshold",
    domains,
    24,
    messages.RemoteDomainEventBlockThreshold,
    ({ dom, dev, path, threshold, excess }, remote) => ({
      domain: new Domain(remote, dom),
      disk: dev,
      path,
      threshold,
      excess,
    }),
  ),
  "domain-memory-failure": presentForm(
    "domain-memory-failure",
    domains,
    25,
    messages.RemoteDomainEventMemoryFailure,
    ({ dom, recipient, action, flags }, remote) => ({
      domain: new Domain(remote, dom),
      recipient: memoryFailureRecipient(recipient),
      action: memoryFailureAction(action),
      actionRequired: (flags & enums.VirDomainMemoryFailureFlags.ACTION_REQUIRED) !== 0,
      recursive: (flags & enums.VirDomainMemoryFailureFlags.RECURSIVE) !== 0,
      numbers: { recipient, action, flags },
    }),
  ),
  "domain-memory-device-size-change": presentForm(
    "domain-memory-device-size-change",
    domains,
    26,
    messages.RemoteDomainEventMemoryDeviceSizeChange,
    ({ dom, alias, size }, remote) => ({ domain: new Domain(remote, dom), device: alias, size }),
  ),
  "domain-nic-mac-change": presentForm(
    "domain-nic-mac-change",
    domains,
    27,
    messages.RemoteDomainEventNicMacChange,
    ({ dom, alias, oldMAC, newMAC }, remote) => ({
      domain: new Domain(remote, dom),
      device: alias,
      oldMac: oldMAC,
      newMac: newMAC,
    }),
  ),
  "domain-vcpu-removed": presentForm(
    "domain-vcpu-removed",
    domains,
    28,
    messages.RemoteDomainEventVcpuRemoved,
    ({ dom, vcpuid }, remote) => ({ domain: new Domain(remote, dom), vcpu: vcpuid }),
  ),
  "domain-channel-lifecycle": presentForm(
    "domain-channel-lifecycle",
    domains,
    29,
    messages.RemoteDomainEventCallbackChannelLifecycle,
    (message, remote) => ({ ...agentLifecycle(message, remote), channel: message.channelName }),
  ),
  "network-lifecycle": presentForm(
    "network-lifecycle",
    networks,
    0,
    messages.RemoteNetworkEventLifecycle,
    ({ net, event, detail }) => ({
      network: networkName(net),
      event: networkLifecycle(event),
      numbers: { event, detail },
    }),
  ),
  "network-metadata-change": presentForm(
    "network-metadata-change",
    networks,
    1,
    messages.RemoteNetworkEventCallbackMetadataChange,
    ({ net, type, nsuri }) => ({
      network: networkName(net),
      type: metadataType(type),
      uri: nsuri,
      numbers: { type },
    }),
  ),
  "pool-lifecycle": presentForm(
    "pool-lifecycle",
    pools,
    0,
    messages.RemoteStoragePoolEventLifecycle,
    ({ pool, event, detail }, remote) => ({
      pool: new StoragePool(remote, pool),
      event: poolLifecycle(event),
      numbers: { event, detail },
    }),
  ),
  "pool-refresh": presentForm("pool-refresh", pools, 1, messages.RemoteStoragePoolEventRefresh, ({ pool }, remote) => ({
    pool: new StoragePool(remote, pool),
  })),
  "node-device-lifecycle": presentForm(
    "node-device-lifecycle",
    nodeDevices,
    0,
    messages.RemoteNodeDeviceEventLifecycle,
    ({ dev, event, detail }) => ({
      device: { name: dev.name, reference: dev },
      event: nodeDeviceLifecycle(event),
      numbers: { event, detail },
    }),
  ),
  "node-device-update": presentForm(
    "node-device-update",
    nodeDevices,
    1,
    messages.RemoteNodeDeviceEventUpdate,
    ({ dev }) => ({ device: { name: dev.name, reference: dev } }),
  ),
  "secret-lifecycle": presentForm(
    "secret-lifecycle",
    secrets,
    0,
    messages.RemoteSecretEventLifecycle,
    ({ secret, event, detail }) => ({
      secret: secretName(secret),
      event: secretLifecycle(event),
      numbers: { event, detail },
    }),
  ),
  "secret-value-changed": presentForm(
    "secret-value-changed",
    secrets,
    1,
    messages.RemoteSecretEventValueChanged,
    ({ secret }) => ({ secret: secretName(secret) }),
  ),
  "qemu-monitor": presentForm(
    "qemu-monitor",
    monitors,
    0,
    QemuDomainMonitorEvent,
    ({ dom, event, seconds, micros, details }, remote) => ({
      domain: new Domain(remote, dom),
      event,
      seconds,
      micros,
      details,
    }),
  ),
  "connection-closed": {
    present: {
      type: messages.RemoteConnectEventConnectionClosed,
      register: (client, _, options) =>
        client
          .program(Remote)
          .connectRegisterCloseCallback(undefined, options)
          .then(() => null),
      deregister: (client, _, options) => client.program(Remote).connectUnregisterCloseCallback(undefined, options),
      callbackOf: () => null,
      read: (message) => connectionClosed(message as messages.RemoteConnectEventConnectionClosedMsg),
    },
    old: null,
  },
};

/** A kind of callback style only. */
function presentForm<Kind extends EventKind, Message extends WithCallback>(
  kind: Kind,
  family: Family,
  id: number,
  type: EventType<Message>,
  read: Read<Kind, Message>,
): EventKindForms {
  return { present: form(kind, family, id, type, read), old: null };
}

/** A kind of domain events whose old message lies whole in the present one. */
function bothForms<Kind extends EventKind, Message>(
  kind: Kind,
  id: number,
  type: EventType<WithCallback & { readonly msg: Message }>,
  oldType: EventType<Message>,
  read: Read<Kind, Message>,
): EventKindForms {
  return {
    present: form(kind, domains, id, type, ({ msg }, remote) => read(msg, remote)),
    old: oldForm(kind, id, oldType, read),
  };
}

function form<Kind extends EventKind, Message extends WithCallback>(
  kind: Kind,
  family: Family,
  id: number,
  type: EventType<Message>,
  read: Read<Kind, Message>,
): EventForm {
  return {
    type,
    register: (client, domain, options) => family.register(client, id, domain, options),
    deregister: (client, callbackId, options) => family.deregister(client, callbackId ?? -1, options),
    // Messages of this form were decoded by `type`, here and below.
    callbackOf: (message) => (message as Message).callbackID,
    read: (message, remote) => eventOf(kind, read(message as Message, remote)),
  };
}

/** Of all domains, and once for a connection (libvirt-rpc §2.17). */
function oldForm<Kind extends EventKind, Message>(
  kind: Kind,
  eventID: number,
  type: EventType<Message>,
  read: Read<Kind, Message>,
): EventForm {
  return {
    type,
    async register(client, _, options) {
      const remote = client.program(Remote);
      if (eventID === 0) await remote.connectDomainEventRegister(undefined, options);
      else await remote.connectDomainEventRegisterAny({ eventID }, options);
      return null;
    },
    async deregister(client, _, options) {
      const remote = client.program(Remote);
      if (eventID === 0) await remote.connectDomainEventDeregister(undefined, options);
      else await remote.connectDomainEventDeregisterAny({ eventID }, options);
    },
    callbackOf: () => null,
    read: (message, remote) => eventOf(kind, read(message as Message, remote)),
  };
}

/** The body is that of the kind, so both together are an event. */
function eventOf<Kind extends EventKind>(kind: Kind, body: EventBodies[Kind]): LibvirtEvent {
  return { kind, ...body } as unknown as LibvirtEvent;
}

interface DomainMessage {
  readonly dom: RemoteNonnullDomain;
}

function ofDomain({ dom }: DomainMessage, remote: RemoteClient): { domain: Domain } {
  return { domain: new Domain(remote, dom) };
}

function ofDevice({ dom, devAlias }: DomainMessage & { devAlias: string }, remote: RemoteClient) {
  return { domain: new Domain(remote, dom), device: devAlias };
}

function ioError(
  { dom, srcPath, devAlias, action }: messages.RemoteDomainEventIoErrorMsg,
  remote: RemoteClient,
): EventBodies["domain-io-error"] {
  return {
    domain: new Domain(remote, dom),
    path: srcPath,
    device: devAlias,
    action: ioErrorAction(action),
    numbers: { action },
  };
}

function blockJob({ dom, type, status }: DomainMessage & { type: number; status: number }, remote: RemoteClient) {
  return {
    domain: new Domain(remote, dom),
    type: blockJobType(type),
    status: blockJobStatus(status),
    numbers: { type, status },
  };
}

function powerManagement({ msg, reason }: { msg: DomainMessage; reason: number }, remote: RemoteClient) {
  return { domain: new Domain(remote, msg.dom), reason };
}

function withoutReason({ dom }: DomainMessage, remote: RemoteClient) {
  return { domain: new Domain(remote, dom), reason: 0 };
}

function withParams({ dom, params }: DomainMessage & { params: messages.RemoteTypedParam[] }, remote: RemoteClient) {
  return { domain: new Domain(remote, dom), params: readTypedParams(params) };
}

function agentLifecycle(
  { dom, state, reason }: DomainMessage & { state: number; reason: number },
  remote: RemoteClient,
) {
  return {
    domain: new Domain(remote, dom),
    state: agentState(state),
    reason: agentReason(reason),
    numbers: { state, reason },
  };
}

function connectionClosed({ reason }: messages.RemoteConnectEventConnectionClosedMsg): LibvirtEvent {
  return eventOf("connection-closed", { reason: closeReason(reason), numbers: { reason } });
}

function graphicsAddress(address: messages.RemoteDomainEventGraphicsAddress): GraphicsAddress {
  return { ...address, family: graphicsFamily(address.family) };
}

function networkName(reference: messages.RemoteNonnullNetwork): NetworkName {
  return { name: reference.name, uuid: formatUuid(reference.uuid), reference };
}

function secretName(reference: messages.RemoteNonnullSecret): SecretName {
  const { uuid, usageType, usageID } = reference;
  return { uuid: formatUuid(uuid), usageType: secretUsage(usageType), usageId: usageID, reference };
}
