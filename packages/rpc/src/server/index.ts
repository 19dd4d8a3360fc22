export type { AuthBinding } from "../connection/auth-binding.ts";
export type { FdAddress, TcpAddress } from "../transport/address.ts";
export type { ListenAddress, UnixListenAddress } from "../transport/listen.ts";
export type { ProxyProtocolOptions } from "../transport/proxy-acceptor.ts";
export type { TlsServerOptions } from "../transport/tls-server.ts";
export type { UnixIdentity, UnixNative, UnixPeer } from "../transport/unix-native.ts";
export type { ServerAuth } from "./auth-demand.ts";
export type { AuthGate } from "./auth-gate.ts";
export { CallContext } from "./call-context.ts";
export type { CallDescriptors } from "./call-descriptors.ts";
export type { HandlerFailure } from "./dispatcher.ts";
export { EventCallbacks } from "./event-callbacks.ts";
export type {
  AcceptOptions,
  AnswerCall,
  Call,
  Handler,
  Handlers,
  ServerInterceptor,
  StreamCall,
  StreamHandler,
} from "./handlers.ts";
export type { ServerLimits } from "./limits.ts";
export { type CheckPolkit, type PolkitOptions, type PolkitVerdict, polkitServer } from "./polkit.ts";
export { type CloseOptions, Server, type ServerKeepaliveOptions, type ServerOptions } from "./server.ts";
export type { ClientIdentity, ServerClient } from "./server-client.ts";
export type { Service, ServiceOptions } from "./service.ts";
export { SharedEvent } from "./shared-event.ts";
