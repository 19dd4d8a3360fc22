import type { Domain } from "../domain.ts";
import type {
  VirConnectCloseReason,
  VirConnectDomainEventAgentLifecycleReason,
  VirConnectDomainEventAgentLifecycleState,
  VirConnectDomainEventBlockJobStatus,
  VirConnectDomainEventDiskChangeReason,
  VirDomainBlockJobType,
  VirDomainEventGraphicsAddressType,
  VirDomainEventGraphicsPhase,
  VirDomainEventIOErrorAction,
  VirDomainEventTrayChangeReason,
  VirDomainEventType,
  VirDomainEventWatchdogAction,
  VirDomainMemoryFailureActionType,
  VirDomainMemoryFailureRecipientType,
  VirDomainMetadataType,
  VirNetworkEventLifecycleType,
  VirNodeDeviceEventLifecycleType,
  VirSecretEventLifecycleType,
  VirSecretUsageType,
  VirStoragePoolEventLifecycleType,
} from "../gen/enums.ts";
import type { RemoteNonnullNetwork, RemoteNonnullNodeDevice, RemoteNonnullSecret } from "../gen/remote.ts";
import type { StoragePool } from "../storage-pool.ts";
import type { TypedValue } from "../typed-params.ts";
import type { Named } from "./names.ts";

/** A network as events name it. */
export interface NetworkName {
  readonly name: string;
  /** Text form. */
  readonly uuid: string;
  /** What calls of `remote` take as their `net`. */
  readonly reference: RemoteNonnullNetwork;
}

/** A device of the host as events name it. */
export interface NodeDeviceName {
  readonly name: string;
  /** What calls of `remote` take as their `dev`. */
  readonly reference: RemoteNonnullNodeDevice;
}

/** A secret as events name it. */
export interface SecretName {
  /** Text form. */
  readonly uuid: string;
  readonly usageType: Named<typeof VirSecretUsageType>;
  readonly usageId: string;
  /** What calls of `remote` take as their `secret`. */
  readonly reference: RemoteNonnullSecret;
}

/** One end of a connection to a guest's screen. */
export interface GraphicsAddress {
  readonly family: Named<typeof VirDomainEventGraphicsAddressType>;
  /** Host or path. */
  readonly node: string;
  /** Port; empty for a UNIX socket. */
  readonly service: string;
}

interface OfDomain {
  readonly domain: Domain;
}

interface OfDevice extends OfDomain {
  /** The device's alias, such as `net0`. */
  readonly device: string;
}

interface OfPowerManagement extends OfDomain {
  /** 0: libvirt has no reasons yet. */
  readonly reason: number;
}

interface IoError extends OfDevice {
  /** The source's path on the host; empty when it has none. */
  readonly path: string;
  readonly action: Named<typeof VirDomainEventIOErrorAction>;
  readonly numbers: { readonly action: number };
}

interface BlockJob extends OfDomain {
  readonly type: Named<typeof VirDomainBlockJobType>;
  readonly status: Named<typeof VirConnectDomainEventBlockJobStatus>;
  readonly numbers: { readonly type: number; readonly status: number };
}

/** Numbers that belong to the two names of a lifecycle event. */
interface LifecycleNumbers {
  readonly event: number;
  readonly detail: number;
}

/**
 * What each kind of event tells. Numbers of libvirt's lists are told by name, in lower case and without the list's prefix,
 * `unknown` for those that came after 12.6; `numbers` has them as they came.
 */
export interface EventBodies {
  "domain-lifecycle": OfDomain & {
    readonly event: Named<typeof VirDomainEventType>;
    /** How or why, by name in the event's own list: `booted`, `destroyed`, `from_snapshot`. */
    readonly detail: string;
    readonly numbers: LifecycleNumbers;
  };
  "domain-reboot": OfDomain;
  "domain-rtc-change": OfDomain & {
    /** Seconds from UTC. */
    readonly offset: bigint;
  };
  "domain-watchdog": OfDomain & {
    readonly action: Named<typeof VirDomainEventWatchdogAction>;
    readonly numbers: { readonly action: number };
  };
  "domain-io-error": IoError;
  "domain-graphics": OfDomain & {
    readonly phase: Named<typeof VirDomainEventGraphicsPhase>;
    readonly local: GraphicsAddress;
    readonly remote: GraphicsAddress;
    readonly authScheme: string;
    /** Who has authenticated, as pairs of type and name. */
    readonly subject: readonly { readonly type: string; readonly name: string }[];
    readonly numbers: { readonly phase: number };
  };
  "domain-io-error-reason": IoError & {
    /** `enospc`, or empty. */
    readonly reason: string;
  };
  "domain-control-error": OfDomain;
  "domain-block-job": BlockJob & {
    /** The disk's source on the host. */
    readonly path: string;
  };
  "domain-disk-change": OfDevice & {
    readonly oldPath: string | null;
    readonly newPath: string | null;
    readonly reason: Named<typeof VirConnectDomainEventDiskChangeReason>;
    readonly numbers: { readonly reason: number };
  };
  "domain-tray-change": OfDevice & {
    readonly reason: Named<typeof VirDomainEventTrayChangeReason>;
    readonly numbers: { readonly reason: number };
  };
  "domain-pm-wakeup": OfPowerManagement;
  "domain-pm-suspend": OfPowerManagement;
  "domain-balloon-change": OfDomain & {
    /** KiB. */
    readonly actual: bigint;
  };
  "domain-pm-suspend-disk": OfPowerManagement;
  "domain-device-removed": OfDevice;
  "domain-block-job-2": BlockJob & {
    /** The disk's name in the guest, such as `vda`. */
    readonly disk: string;
  };
  "domain-tunable": OfDomain & { readonly params: Readonly<Record<string, TypedValue>> };
  "domain-agent-lifecycle": OfDomain & {
    readonly state: Named<typeof VirConnectDomainEventAgentLifecycleState>;
    readonly reason: Named<typeof VirConnectDomainEventAgentLifecycleReason>;
    readonly numbers: { readonly state: number; readonly reason: number };
  };
  "domain-device-added": OfDevice;
  "domain-migration-iteration": OfDomain & { readonly iteration: number };
  "domain-job-completed": OfDomain & { readonly params: Readonly<Record<string, TypedValue>> };
  "domain-device-removal-failed": OfDevice;
  "domain-metadata-change": OfDomain & {
    readonly type: Named<typeof VirDomainMetadataType>;
    /** The namespace of changed XML. */
    readonly uri: string | null;
    readonly numbers: { readonly type: number };
  };
  "domain-block-threshold": OfDomain & {
    /** The disk's name in the guest, or of a part of its chain: `vda[1]`. */
    readonly disk: string;
    readonly path: string | null;
    /** Bytes. */
    readonly threshold: bigint;
    /** Bytes beyond it. */
    readonly excess: bigint;
  };
  "domain-memory-failure": OfDomain & {
    readonly recipient: Named<typeof VirDomainMemoryFailureRecipientType>;
    readonly action: Named<typeof VirDomainMemoryFailureActionType>;
    readonly actionRequired: boolean;
    readonly recursive: boolean;
    readonly numbers: { readonly recipient: number; readonly action: number; readonly flags: number };
  };
  "domain-memory-device-size-change": OfDevice & {
    /** KiB. */
    readonly size: bigint;
  };
  "domain-nic-mac-change": OfDevice & { readonly oldMac: string; readonly newMac: string };
  "domain-vcpu-removed": OfDomain & { readonly vcpu: number };
  "domain-channel-lifecycle": OfDomain & {
    readonly channel: string;
    readonly state: Named<typeof VirConnectDomainEventAgentLifecycleState>;
    readonly reason: Named<typeof VirConnectDomainEventAgentLifecycleReason>;
    readonly numbers: { readonly state: number; readonly reason: number };
  };
  "network-lifecycle": {
    readonly network: NetworkName;
    readonly event: Named<typeof VirNetworkEventLifecycleType>;
    readonly numbers: LifecycleNumbers;
  };
  "network-metadata-change": {
    readonly network: NetworkName;
    readonly type: Named<typeof VirDomainMetadataType>;
    readonly uri: string | null;
    readonly numbers: { readonly type: number };
  };
  "pool-lifecycle": {
    readonly pool: StoragePool;
    readonly event: Named<typeof VirStoragePoolEventLifecycleType>;
    readonly numbers: LifecycleNumbers;
  };
  "pool-refresh": { readonly pool: StoragePool };
  "node-device-lifecycle": {
    readonly device: NodeDeviceName;
    readonly event: Named<typeof VirNodeDeviceEventLifecycleType>;
    readonly numbers: LifecycleNumbers;
  };
  "node-device-update": { readonly device: NodeDeviceName };
  "secret-lifecycle": {
    readonly secret: SecretName;
    readonly event: Named<typeof VirSecretEventLifecycleType>;
    readonly numbers: LifecycleNumbers;
  };
  "secret-value-changed": { readonly secret: SecretName };
  /** What a QEMU says itself, unfiltered: not stable, and many. */
  "qemu-monitor": OfDomain & {
    /** QEMU's name: `RTC_CHANGE`. */
    readonly event: string;
    /** Seconds since 1970, by the host's clock. */
    readonly seconds: bigint;
    readonly micros: number;
    /** JSON. */
    readonly details: string | null;
  };
  /** The daemon has lost what it had opened for us, such as the daemon of a driver behind a proxy. */
  "connection-closed": {
    readonly reason: Named<typeof VirConnectCloseReason>;
    readonly numbers: { readonly reason: number };
  };
}

export type EventKind = keyof EventBodies;

/** Events of some kinds, told apart by `kind`. */
export type EventOf<Kind extends EventKind> = { [K in Kind]: { readonly kind: K } & EventBodies[K] }[Kind];

/** Any event. */
export type LibvirtEvent = EventOf<EventKind>;

/** In the place of events that `dropOldest` has thrown away. */
export interface LaggedItem {
  readonly kind: "lagged";
  readonly lost: number;
}

/** There is a new connection, and events of the time before may be missing: list anew what matters. */
export interface ResyncItem {
  readonly kind: "resync";
}
