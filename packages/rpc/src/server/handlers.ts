import type { AnyProcedure, Procedure, StreamDirection } from "../program/program.ts";
import type { MessageHeader } from "../protocol/message.ts";
import type { ServerClient } from "./server-client.ts";

/** What a handler knows besides its arguments. */
export interface Call {
  readonly client: ServerClient;
  /** Aborts when the client goes or the server closes; the reason says which. */
  readonly signal: AbortSignal;
  readonly header: MessageHeader;
  readonly procedure: AnyProcedure;
  /** The decoded arguments, for those who stand around handlers. */
  readonly args: unknown;
}

/** Gives the result of a call, or a promise of it. */
export type AnswerCall = (call: Call) => unknown;

/**
 * Stands around every handler of a server: it may look, refuse, or answer itself. The first of a list is the outermost.
 * One that answers without a promise keeps the server's fast path.
 */
export type ServerInterceptor = (next: AnswerCall) => AnswerCall;

/** The function that answers one procedure; an `RpcError` it throws reaches the peer, any other is "internal error". */
export type Handler<P> =
  P extends Procedure<infer Args, infer Ret, StreamDirection | null>
    ? (args: Args, call: Call) => Ret | Promise<Ret>
    : never;

/**
 * Handlers of a program by procedure name: a plain object or a class instance. A missing one answers "unknown
 * procedure" (F024).
 */
export type Handlers<P extends object> = { readonly [Name in keyof P]?: Handler<P[Name]> };
