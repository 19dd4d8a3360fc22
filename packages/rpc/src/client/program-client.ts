import type { Descriptors } from "../connection/descriptors.ts";
import { type Procedure, type Program, proceduresOf, type StreamDirection } from "../program/program.ts";
import type { RpcStream } from "../stream/rpc-stream.ts";

/** What may be said about one call besides its arguments. */
export interface CallOptions {
  /** Rejects the call with its reason; the peer goes on, for the protocol has no cancel, and its late reply is dropped. */
  readonly signal?: AbortSignal;
  /**
   * Of a session's calls: when the connection goes, sends the call again over the next one if that can do no harm, three
   * times in all. It can't where the call was not sent, and where the procedure is safe to run twice.
   */
  readonly retry?: "safe";
  /**
   * Descriptors to pass with the call, 32 at the most. They stay the caller's; copies are sent, so they must be open until the
   * call settles. Rejects with `TypeError` where none can be passed: that takes a UNIX socket opened with `unix`.
   */
  readonly descriptors?: readonly number[];
  /**
   * Gets the descriptors that come with the good reply, just before the call resolves. Those that it takes are the caller's to
   * close; all others are closed when it returns.
   */
  readonly onDescriptors?: (descriptors: Descriptors) => void;
}

/** What may be said about a call that opens a stream. */
export interface StreamOptions extends CallOptions {
  /** Rejects the call, or aborts the stream that it has opened, for as long as that lives. */
  readonly signal?: AbortSignal;
  /** Lets holes come and go. The arguments must carry the procedure's sparse flag, for the server goes by that (F045). */
  readonly sparse?: boolean;
}

/** A good reply to a call that opens a stream. */
export interface StreamResult<Ret> {
  readonly stream: RpcStream;
  readonly ret: Ret;
}

/** What a call resolves to, and what may be said about it: a stream's procedure gives the stream too. */
export type CallResult<Ret, Stream> = [Stream] extends [null] ? Ret : StreamResult<Ret>;
export type OptionsOf<Stream> = [Stream] extends [null] ? CallOptions : StreamOptions;

/** The parameters of a procedure's method: a procedure without arguments takes `undefined` or nothing. */
export type CallParameters<Args, Options = CallOptions> = [Args] extends [void]
  ? [args?: undefined, options?: Options]
  : [args: Args, options?: Options];

/** A program's procedures as methods. */
export type ProgramClient<P extends object> = {
  readonly [Name in keyof P]: P[Name] extends Procedure<infer Args, infer Ret, infer Stream>
    ? (...parameters: CallParameters<Args, OptionsOf<Stream>>) => Promise<CallResult<Ret, Stream>>
    : never;
};

/** Sends one call of `procedure` and gives its result. */
export type CallProcedure = <Args, Ret, Stream extends StreamDirection | null>(
  program: Program<object>,
  procedure: Procedure<Args, Ret, Stream>,
  args: Args,
  options?: OptionsOf<Stream>,
) => Promise<CallResult<Ret, Stream>>;

/** An object with one method per procedure, made from the program's description: no proxy, no code per procedure. */
export function programClient<P extends object>(program: Program<P>, call: CallProcedure): ProgramClient<P> {
  const methods: Record<string, (args: unknown, options?: StreamOptions) => Promise<unknown>> = {};
  for (const [name, procedure] of proceduresOf(program)) {
    methods[name] = (args, options) => call(program, procedure, args, options);
  }
  // The loop has made exactly the methods that the type derives from the same description.
  return Object.freeze(methods) as ProgramClient<P>;
}
