import type { ChannelBindingType, SaslContext } from "./mechanism.ts";

/** One end of a connection, of which only TCP's have a port. A program (`command`) may lead anywhere. */
export interface End {
  readonly family: string;
  readonly host?: string;
  readonly port?: number;
}

/** What a connection tells of itself. */
export interface ConnectionFacts {
  readonly local: End;
  readonly remote: End;
  /** What TLS gives, if there is any. */
  readonly security: {
    readonly encrypted: boolean;
    readonly ssf: number;
    readonly peer: { readonly distinguishedName: string; readonly trusted: boolean } | null;
  } | null;
  channelBinding(type: ChannelBindingType): Uint8Array | null;
}

export interface ContextOptions {
  readonly service: string;
  readonly host: string;
  /** What a layer must bring on a connection that is not safe by itself. */
  readonly minSsf: number;
}

/** More strength than any layer has, as libvirt asks for. */
const MOST_SSF = 100_000;
/** What one frame of a layer may hold, as libvirt says to peers. */
const BUFFER_BYTES = 65_536;

/**
 * What mechanisms must know, by libvirt's rules (libvirt-rpc §2.5): TLS, ssh and what does not leave the machine need no
 * layer and get none; on plain TCP and through a program there must be one, and no password in clear, and nobody without
 * a name.
 */
export function contextOf(facts: ConnectionFacts, { service, host, minSsf }: ContextOptions): SaslContext {
  const { local, remote, security } = facts;
  const isSafe = security?.encrypted === true || minSsf === 0 || !("port" in local || local.family === "command");
  // A certificate that was not believed proves no name.
  const identity = security?.peer?.trusted === true ? security.peer.distinguishedName : null;
  return {
    service,
    host,
    local: saslForm(local),
    remote: saslForm(remote),
    external: security === null ? null : { ssf: security.ssf, identity },
    minSsf: isSafe ? 0 : minSsf,
    maxSsf: isSafe ? 0 : MOST_SSF,
    maxBuffer: BUFFER_BYTES,
    plaintext: isSafe,
    anonymous: isSafe,
    channelBinding: (type) => facts.channelBinding(type),
  };
}

/** `host;port`, which SASL wants; all others give `127.0.0.1;0` as libvirt does (F095). */
export function saslForm({ host, port }: End): string {
  return host === undefined || port === undefined ? "127.0.0.1;0" : `${host};${port}`;
}
