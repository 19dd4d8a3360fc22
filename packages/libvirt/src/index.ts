export type { LibvirtAuth } from "./auth/client-auth.ts";
export { remoteAuth } from "./auth/remote-auth.ts";
export {
  type AssociateOptions,
  type ChannelOptions,
  type ConsoleOptions,
  type CreateOptions,
  Domain,
  type DomainInfo,
  type DomainState,
  type DomainStatus,
  type GraphicsOptions,
  type Screenshot,
  type ScreenshotOptions,
  type StartOptions,
  type XmlOptions,
} from "./domain.ts";
export type {
  EventBodies,
  EventKind,
  EventOf,
  GraphicsAddress,
  LaggedItem,
  LibvirtEvent,
  NetworkName,
  NodeDeviceName,
  ResyncItem,
  SecretName,
} from "./events/event.ts";
export type { EventGroup, EventItem, Events, EventsOptions, KindsOf } from "./events/subscription.ts";
export { type AttachOptions, Subscriptions } from "./events/subscriptions.ts";
export { type ExplainOptions, type Explanation, explain, type Step, type StepName } from "./explain.ts";
export {
  type EndedItem,
  Fleet,
  type FleetEventsOptions,
  type FleetHost,
  type FleetItem,
  type FleetIterator,
  type FleetOptions,
  type FleetState,
  fleet,
} from "./fleet.ts";
export type { HostInfo } from "./host-info.ts";
export { type DomainFilter, Libvirt, type OpenOptions } from "./libvirt.ts";
export type { LibvirtReconnectOptions } from "./reconnect.ts";
export { type PoolInfo, StoragePool } from "./storage-pool.ts";
export type { TransferProgress } from "./transfer-meter.ts";
export { readTypedParams, type TypedKind, type TypedValue, typedParam } from "./typed-params.ts";
export {
  type LibvirtUri,
  type SocketMode,
  type SshAuthMethod,
  type SshProxy,
  type TlsTarget,
  type UriAddress,
  type UriAuth,
  type UriOptions,
  type UriParameter,
} from "./uri.ts";
export { UriError } from "./uri-error.ts";
export { formatLibvirtUri } from "./uri-format.ts";
export { parseLibvirtUri } from "./uri-parse.ts";
export { formatUuid, parseUuid } from "./uuid.ts";
export {
  type DownloadTarget,
  type RangeOptions,
  type TransferOptions,
  type UploadSource,
  Volume,
  type VolumeInfo,
} from "./volume.ts";
