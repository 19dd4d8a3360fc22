import { type Procedure, type Program, proceduresOf, type StreamDirection } from "../program/program.ts";

/** What may be said about one call besides its arguments. */
export interface CallOptions {
  /** Rejects the call with its reason; the peer goes on, for the protocol has no cancel, and its late reply is dropped. */
  readonly signal?: AbortSignal;
}

/** The parameters of a procedure's method: a procedure without arguments takes `undefined` or nothing. */
export type CallParameters<Args> = [Args] extends [void]
  ? [args?: undefined, options?: CallOptions]
  : [args: Args, options?: CallOptions];

/** A program's procedures as methods. */
export type ProgramClient<P extends object> = {
  readonly [Name in keyof P]: P[Name] extends Procedure<infer Args, infer Ret, StreamDirection | null>
    ? (...parameters: CallParameters<Args>) => Promise<Ret>
    : never;
};

/** Sends one call of `procedure` and gives its result. */
export type CallProcedure = <Args, Ret>(
  program: Program<object>,
  procedure: Procedure<Args, Ret, StreamDirection | null>,
  args: Args,
  options?: CallOptions,
) => Promise<Ret>;

/** An object with one method per procedure, made from the program's description: no proxy, no code per procedure. */
export function programClient<P extends object>(program: Program<P>, call: CallProcedure): ProgramClient<P> {
  const methods: Record<string, (args: unknown, options?: CallOptions) => Promise<unknown>> = {};
  for (const [name, procedure] of proceduresOf(program)) {
    methods[name] = (args, options) => call(program, procedure, args, options);
  }
  // The loop has made exactly the methods that the type derives from the same description.
  return Object.freeze(methods) as ProgramClient<P>;
}
