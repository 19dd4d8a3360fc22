import type { Procedure, Program } from "../program/program.ts";
import { Auth } from "../protocol/gen/auth.ts";

/** What START and STEP bring. */
export interface SaslData {
  /** 1: there are no data, which is not the same as empty data. */
  nil: number;
  data: Uint8Array;
}

/** What START and STEP answer. */
export interface SaslReply extends SaslData {
  /** 1: the client is in, and the security layer begins behind this message. */
  complete: number;
}

/**
 * The procedures by which a program's clients say who they are (libvirt-rpc §2.5). libvirt has them in its remote program;
 * for programs that have none of their own there is {@link ownAuth}.
 */
export interface AuthBinding {
  readonly program: Program<object>;
  readonly list: Procedure<void, { types: number[] }>;
  readonly saslInit: Procedure<void, { mechlist: string }>;
  readonly saslStart: Procedure<SaslData & { mech: string }, SaslReply>;
  readonly saslStep: Procedure<SaslData, SaslReply>;
  readonly polkit: Procedure<void, { complete: number }>;
}

/** What a server may want of a client, as AUTH_LIST tells it. */
export const AuthKind = { NONE: 0, SASL: 1, POLKIT: 2 } as const;

/** The small program that is served beside any other (`x/auth.x`). */
export const ownAuth: AuthBinding = { program: Auth, ...Auth.procedures };
