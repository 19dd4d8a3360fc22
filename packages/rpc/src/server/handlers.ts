import type { AnyProcedure, Procedure } from "../program/program.ts";
import type { MessageHeader } from "../protocol/message.ts";
import type { RpcStream } from "../stream/rpc-stream.ts";
import type { CallDescriptors } from "./call-descriptors.ts";
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
  /** Descriptors that came with the call, and those to leave with the reply. */
  readonly descriptors: CallDescriptors;
}

/** What may be said when a stream is accepted. */
export interface AcceptOptions {
  /** Lets holes come and go: only where the arguments carry the procedure's sparse flag (F045). */
  readonly sparse?: boolean;
}

/** What a handler knows of a call that opens a stream. */
export interface StreamCall<Ret = void> extends Call {
  /** Aborts when the client aborts the stream or goes, and when the server closes; the reason says which. */
  readonly signal: AbortSignal;
  /**
   * The stream. Its first use accepts the call, where the procedure has no result. An error thrown before that answers
   * the call; one thrown later ends the stream, and a return finishes it.
   */
  readonly stream: RpcStream;
  /** Sends the good reply now. Throws `TypeError` or `RangeError` for a result that can't be sent, and the second time. */
  readonly accept: (
    ...parameters: [Ret] extends [void]
      ? [ret?: undefined, options?: AcceptOptions]
      : [ret: Ret, options?: AcceptOptions]
  ) => RpcStream;
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
  P extends Procedure<infer Args, infer Ret, infer Stream>
    ? [Stream] extends [null]
      ? (args: Args, call: Call) => Ret | Promise<Ret>
      : StreamHandler<Args, Ret>
    : never;

/** Answers a procedure that opens a stream, and lives as long as that is worked on. See {@link StreamCall}. */
export type StreamHandler<Args, Ret> = (args: Args, call: StreamCall<Ret>) => Ret | void | Promise<Ret | void>;

/**
 * Handlers of a program by procedure name: a plain object or a class instance. A missing one answers "unknown
 * procedure" (F024).
 */
export type Handlers<P extends object> = { readonly [Name in keyof P]?: Handler<P[Name]> };
