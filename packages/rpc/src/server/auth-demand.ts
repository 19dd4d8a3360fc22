import type { ConnectionFacts } from "../sasl/context.ts";
import type { AuthLimits, SaslServer } from "../sasl/server-auth.ts";
import type { Endpoint } from "../transport/address.ts";
import type { UnixIdentity } from "../transport/unix-native.ts";
import type { ConnectionError } from "../util/connection-error.ts";

/** What a service demands of its clients: what `saslServer` or `polkitServer` gives. */
export type ServerAuth = SaslServer | PolkitServer;

/** A client that is about to log in. */
export interface AuthClient extends ConnectionFacts {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly identity: { readonly unix: UnixIdentity | null };
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
  /** Its turn to log in has come. */
  admit(): void;
  disconnect(error: ConnectionError): void;
}

/** A service that asks polkit about its clients. */
export interface PolkitServer {
  readonly kind: "polkit";
  readonly limits: AuthLimits;
  readonly onRefused?: ((refusal: Error) => void) | undefined;
  /** May this client in without a question, as root may? */
  isExempt(client: AuthClient): Promise<boolean>;
  /** Rejects with the `RpcError` that the client gets (F126). */
  check(client: AuthClient, signal: AbortSignal): Promise<void>;
}
