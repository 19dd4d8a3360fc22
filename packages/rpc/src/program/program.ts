import type { XdrType } from "../xdr/type.ts";

/** Which way the data of a stream procedure flows, as its `.x` file says; a console's flows both ways all the same. */
export type StreamDirection = "read" | "write";

/** One procedure of a program: what a `.x` file promises about it. */
export interface Procedure<Args, Ret, Stream extends StreamDirection | null = null> {
  readonly number: number;
  /** The name in the `.x` file, for messages to people: `REMOTE_PROC_DOMAIN_CREATE_XML`. */
  readonly name: string;
  readonly args: XdrType<Args>;
  readonly ret: XdrType<Ret>;
  /** `null` unless a call of this procedure opens a stream (`@readstream`, `@writestream`). */
  readonly stream: Stream;
  /** `@priority: high`: never blocks on a guest or on I/O, so it may overtake (F028). */
  readonly priority: "high" | "low";
  /** Answered before authentication; only a program's authentication procedures are (F027). */
  readonly open?: true;
  /** The flag in the arguments that allows holes in the stream (`@sparseflag`). */
  readonly sparseFlag?: string;
  /** `object:permission[:flag]` lines (`@acl`), as the `.x` file has them. */
  readonly acl?: readonly string[];
}

/** Any procedure at all. Methods of `XdrType` are bivariant, so every procedure is one of these. */
export type AnyProcedure = Procedure<unknown, unknown, StreamDirection | null>;

/** The procedures of a program by their names in TypeScript. */
export type Procedures = Readonly<Record<string, AnyProcedure>>;

/** A program of a `.x` file: the one thing that client and server share. */
export interface Program<P extends object = Procedures> {
  /** The name in the `.x` file without `_PROGRAM`, for messages to people. */
  readonly name: string;
  readonly number: number;
  readonly version: number;
  readonly procedures: P;
}

/** A message that a server sends unasked: an event (libvirt-rpc §2.17). */
export interface EventType<T> {
  readonly program: Program<object>;
  readonly number: number;
  /** The name in the `.x` file. */
  readonly name: string;
  readonly payload: XdrType<T>;
}

/** The procedures with their names in TypeScript, in the order of the `.x` file. */
export function proceduresOf(program: Program<object>): [name: string, procedure: AnyProcedure][] {
  return Object.entries<AnyProcedure>({ ...program.procedures });
}
