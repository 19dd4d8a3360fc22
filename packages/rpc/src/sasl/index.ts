export type { BuiltinName } from "./builtin.ts";
export { keyFile, listUsers, removeUser, type SetUserOptions, setUser } from "./key-file.ts";
export { type FindKeys, type KeyShape, type KeyStore } from "./key-store.ts";
export {
  type AskCredential,
  type ChannelBindingType,
  type CredentialKind,
  type CredentialRequest,
  type ExternalSecurity,
  mechanismProvider,
  type SaslClientContext,
  type SaslClientMechanism,
  type SaslClientProvider,
  type SaslContext,
  type SaslExchange,
  type SaslMechanism,
  type SaslProvider,
  type SaslServerContext,
  type SaslServerMechanism,
  type SaslServerProvider,
  type SaslStep,
} from "./mechanism.ts";
export { SaslError } from "./sasl-error.ts";
export type { ScramKeyOptions, ScramKeys, ScramName } from "./scram-hash.ts";
export { formatKeys, parseKeys, scramKeys } from "./scram-keys.ts";
export type { SecurityLayer } from "./security-layer.ts";
export { type AuthLimits, type SaslServer, type SaslServerOptions, saslServer } from "./server-auth.ts";
