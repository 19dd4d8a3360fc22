export type { ClientAuth } from "./client/authenticate.ts";
export type { BackoffOptions } from "./client/backoff.ts";
export { Client, type ClientOptions } from "./client/client.ts";
export { type EventListener, type EventOptions, type EventStream, Lagged } from "./client/event-hub.ts";
export { isIncurable } from "./client/incurable.ts";
export {
  type ClientCall,
  type ClientInterceptor,
  deadline,
  type RetryOptions,
  retry,
  type SendCall,
} from "./client/interceptor.ts";
export type { ClientLimits } from "./client/limits.ts";
export type { CallOptions, ProgramClient, StreamOptions, StreamResult } from "./client/program-client.ts";
export { Session } from "./client/session.ts";
export { Resync, type SessionEventOptions, type SessionEventStream } from "./client/session-events.ts";
export type { ReconnectOptions, SessionLimits, SessionOptions, SessionStep } from "./client/session-options.ts";
export type { SessionState, SessionStateName } from "./client/session-state.ts";
export {
  type Address,
  type ConnectOptions,
  connect,
  type MdnsAddress,
  type SessionConnectOptions,
  session,
  type TransportAddress,
} from "./connect.ts";
export type { AuthBinding } from "./connection/auth-binding.ts";
export type { Descriptors } from "./connection/descriptors.ts";
export type { KeepaliveOptions } from "./connection/keepalive.ts";
export type { AnyProcedure, EventType, Procedure, Procedures, Program, StreamDirection } from "./program/program.ts";
export { readsOnly } from "./program/reads-only.ts";
export { ErrorCode, ErrorDomain, ErrorLevel } from "./protocol/error-code.ts";
export { defaultLimits, type ProtocolLimits } from "./protocol/limits.ts";
export { RpcError, type RpcErrorDetail } from "./protocol/rpc-error.ts";
export { saslForm } from "./sasl/context.ts";
export { CHUNK_BYTES, type Hole, type Part } from "./stream/part.ts";
export type { ConsumeOptions, HoleOptions, RpcStream } from "./stream/rpc-stream.ts";
export type { PeerCertificate, Security } from "./tls/security.ts";
export {
  type CommandAddress,
  describeAddress,
  describeEndpoint,
  type Endpoint,
  type FdAddress,
  type Ssh2Address,
  type SshAddress,
  type SshMethod,
  type TcpAddress,
  type UnixAddress,
  uriForm,
} from "./transport/address.ts";
export { commandEnvironment } from "./transport/environment.ts";
export type { SshRelay } from "./transport/relay.ts";
export type { SshChallenge, SshPrompts } from "./transport/ssh2-login.ts";
export type { TlsClientOptions } from "./transport/tls-client.ts";
export type { DescriptorChannel, Transport, TransportEvents } from "./transport/transport.ts";
export type { UnixIdentity, UnixNative, UnixPeer } from "./transport/unix-native.ts";
export { AsyncQueue, type AsyncQueueOptions, type OverflowPolicy } from "./util/async-queue.ts";
export {
  type CloseReason,
  ConnectionError,
  type ConnectionErrorOptions,
  type Delivery,
} from "./util/connection-error.ts";
export { Turns } from "./util/turns.ts";
export { XdrError } from "./xdr/error.ts";
