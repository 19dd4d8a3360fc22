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
export type { SecurityLayer } from "./security-layer.ts";
