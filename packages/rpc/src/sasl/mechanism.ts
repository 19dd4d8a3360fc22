import { SaslError } from "./sasl-error.ts";
import type { SecurityLayer } from "./security-layer.ts";

/** Ways to tie an authentication to the TLS connection beneath it (RFC 9266, RFC 5929). */
export type ChannelBindingType = "tls-exporter" | "tls-unique";

/** Protection that the connection has already, by TLS. */
export interface ExternalSecurity {
  /** Bits of the cipher's key (F120). */
  readonly ssf: number;
  /** Who the peer has proved to be: a certificate's distinguished name; `null` when nobody. */
  readonly identity: string | null;
}

/** What both ends of an authentication know before it begins. Plain facts, the same for all mechanisms. */
export interface SaslContext {
  /** The service's name in Kerberos principals and the like: `libvirt`. */
  readonly service: string;
  /** The server's host name: on the client as the caller wrote it, `localhost` for a UNIX socket; on the server its own. */
  readonly host: string;
  /** Our end of the connection as `address;port`, see `saslForm`. */
  readonly local: string;
  /** The peer's end, likewise. */
  readonly remote: string;
  /** What TLS gives already; `null` without TLS. */
  readonly external: ExternalSecurity | null;
  /** The least strength in bits that a security layer must bring; 0 when the connection is safe as it is. */
  readonly minSsf: number;
  /** The most strength a layer may bring; 0 means that there shall be no layer, as on TLS and UNIX sockets. */
  readonly maxSsf: number;
  /** The largest frame of a security layer that we take in, in bytes, to be told to the peer. */
  readonly maxBuffer: number;
  /** May a mechanism send a password as it is? Only where nobody can listen. */
  readonly plaintext: boolean;
  /** May a mechanism let in who says no name? */
  readonly anonymous: boolean;
  /** The value of a binding to this very connection; `null` where the connection or the runtime has none. */
  channelBinding(type: ChannelBindingType): Uint8Array | null;
}

/**
 * - `authname`: whose password it is;
 * - `username`: who to act as, when that is somebody else; most answer `null`;
 * - `passphrase`;
 * - `realm`;
 * - `echoprompt`, `noechoprompt`: an answer to the mechanism's own question, which may or may not be seen while typed.
 */
export type CredentialKind = "authname" | "username" | "passphrase" | "realm" | "echoprompt" | "noechoprompt";

/** One thing that a mechanism wants to know from the user. */
export interface CredentialRequest {
  readonly kind: CredentialKind;
  /** The mechanism that asks. */
  readonly mechanism: string;
  /** A question for people; `null` where the kind says it all. */
  readonly prompt: string | null;
  /** What is taken for `null`, if anything, such as the only realm that the server has. */
  readonly fallback: string | null;
}

/** The answer, or `null` for "I have none". May take as long as a person needs. */
export type AskCredential = (request: CredentialRequest, signal: AbortSignal) => Promise<string | null>;

export interface SaslClientContext extends SaslContext {
  /** All that the server offers, also what this side does not know; for mechanisms that find out a forged list by it. */
  readonly offered: readonly string[];
  readonly ask: AskCredential;
}

export interface SaslServerContext extends SaslContext {
  /** The realm of users who name none; `null` leaves it to the mechanism. */
  readonly realm: string | null;
}

/**
 * What one side says next. An `output` of `null` is no data at all, which peers tell from data of no bytes (libvirt's
 * `nil`, libvirt-rpc §2.5): a mechanism must keep the two apart in both directions.
 */
export type SaslStep =
  | { readonly done: false; readonly output: Uint8Array | null }
  | {
      /** This side is satisfied. A server has let the user in; a client may still owe `output` to the server. */
      readonly done: true;
      readonly output: Uint8Array | null;
      /** Who the session acts as; what allow-lists hold (F121). */
      readonly user: string;
      /** What the bytes that follow are wrapped in; `null` for nothing. Lives until its own `close`. */
      readonly layer: SecurityLayer | null;
      /** Strength that the mechanism has brought: the layer's, 0 without one. */
      readonly ssf: number;
    };

/** One authentication under way, on one side. */
export interface SaslExchange {
  /**
   * Takes what the peer said and gives what to say. A client's first `input` is `null`, and an `output` of `null` to it
   * means that the mechanism lets the server speak first; a server's first is the client's initial response, `null` when
   * there was none. Called one after another, never while one is pending, not after `done` and not after a rejection.
   * Whatever comes (any length, any bytes, at any step) rejects with `SaslError` or works. Rejects with the signal's
   * reason when that aborts; never blocks the event loop for long. `input` must not be kept.
   */
  step(input: Uint8Array | null, signal: AbortSignal): Promise<SaslStep>;
  /**
   * Frees what is held, wipes secrets. Called once, always, also after `done` (a layer lives on) and also while a `step`
   * is pending, whose result then does not matter: nobody closes a layer that comes out of it but the exchange itself.
   */
  close(): void;
}

/** Mechanisms that come together, such as all that the machine's Cyrus library has, or all in a list. */
export interface SaslProvider<Context extends SaslContext> {
  /**
   * Names, as they travel (`SCRAM-SHA-256`), of the mechanisms that can do what this connection's context demands: that
   * bring a layer of `minSsf` to `maxSsf`, and send no password in clear unless they may. A server offers them in this order;
   * a client takes the strongest of those that the server offers too.
   */
  mechanisms(context: Context): Promise<readonly string[]>;
  /** Begins an authentication with one of these names. Throws `SaslError` when it can't. */
  start(mechanism: string, context: Context): SaslExchange;
}

export type SaslClientProvider = SaslProvider<SaslClientContext>;
export type SaslServerProvider = SaslProvider<SaslServerContext>;

/** One mechanism without a security layer of its own. `mechanismProvider` makes a provider of some. */
export interface SaslMechanism<Context extends SaslContext> {
  readonly name: string;
  /** Can it work with this context? What every such mechanism must heed (`minSsf`, …) has been looked at before. */
  fits(context: Context): boolean;
  start(context: Context): SaslExchange;
}

export type SaslClientMechanism = SaslMechanism<SaslClientContext>;
export type SaslServerMechanism = SaslMechanism<SaslServerContext>;

/** A provider of the given mechanisms, in their order. None of them brings a layer, so where one is demanded it has none. */
export function mechanismProvider<Context extends SaslContext>(
  mechanisms: readonly SaslMechanism<Context>[],
): SaslProvider<Context> {
  const fitting = (context: Context): SaslMechanism<Context>[] =>
    context.minSsf > 0 ? [] : mechanisms.filter((mechanism) => mechanism.fits(context));
  return {
    mechanisms: async (context) => fitting(context).map(({ name }) => name),
    start(name, context) {
      const found = fitting(context).find((mechanism) => mechanism.name === name);
      if (found === undefined) throw new SaslError(`mechanism ${name} can't be used here`);
      return found.start(context);
    },
  };
}
