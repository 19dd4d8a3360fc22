import type { AnyProcedure } from "../program/program.ts";
import { readsOnly } from "../program/reads-only.ts";
import { nothing } from "../util/nothing.ts";
import type { Turns } from "../util/turns.ts";
import type { BackoffOptions } from "./backoff.ts";
import type { Client } from "./client.ts";
import { isIncurable } from "./incurable.ts";

/** One step on the way to an open connection, or the last one on it. Fails when the server refuses it. */
export type SessionStep = (client: Client, signal: AbortSignal) => Promise<unknown>;

export interface SessionOptions extends ReconnectOptions {
  /** Makes one connection; asked for each attempt, and told by the signal when to give that up. */
  readonly connect: (signal: AbortSignal) => Promise<Client>;
  /** Proves who we are, where `connect` has not. */
  readonly authenticate?: SessionStep;
  /** What the server wants to hear before any other call. */
  readonly open?: SessionStep;
  /** Called as soon as the session is open: calls go out from here on. */
  readonly opened?: (client: Client) => void;
  /** What it wants to hear when the session is closed; failing does no harm. */
  readonly leave?: SessionStep;
  /** Ends the session with its reason, without a goodbye. */
  readonly signal?: AbortSignal;
}

/** How a session goes on when its connection goes. */
export interface ReconnectOptions {
  readonly backoff?: Partial<BackoffOptions>;
  readonly limits?: Partial<SessionLimits>;
  /** Errors of an attempt, or of a connection, that end the session with that error; `isIncurable` unless given. */
  readonly isFinal?: (error: unknown) => boolean;
  /** What becomes of a call while there is no connection; it waits for one unless told to be rejected. */
  readonly whileLost?: "wait" | "reject";
  /** Said of all calls: see `retry` of a call. */
  readonly retry?: "safe";
  /** May a procedure run twice? `readsOnly` unless given: those whose `@acl` lines want no more than to read. */
  readonly isSafe?: (procedure: AnyProcedure) => boolean;
  /** Shared with other sessions, so that only so many connect at a time. */
  readonly turns?: Turns;
}

export interface SessionLimits {
  /** Milliseconds for one attempt, up to the open connection; 30,000 unless given. */
  readonly attemptMs: number;
  /** Calls that wait for a connection; 1024 unless given. A further one is rejected. */
  readonly waitingCalls: number;
  /** Milliseconds that a call waits for a connection at the most, besides what its signal says; 60,000 unless given. */
  readonly waitMs: number;
  /** Milliseconds for the goodbye; 2000 unless given. */
  readonly leaveMs: number;
}

export type SessionSettings = Required<Omit<SessionOptions, "limits" | "signal" | "retry" | "turns" | "backoff">> & {
  readonly limits: SessionLimits;
  readonly retry: "safe" | undefined;
  readonly turns: Turns | undefined;
};

/** Throws `RangeError` for a limit that is none. */
export function sessionSettings(options: SessionOptions): SessionSettings {
  return {
    connect: options.connect,
    authenticate: options.authenticate ?? noStep,
    open: options.open ?? noStep,
    opened: options.opened ?? nothing,
    leave: options.leave ?? noStep,
    isFinal: options.isFinal ?? isIncurable,
    whileLost: options.whileLost ?? "wait",
    retry: options.retry,
    isSafe: options.isSafe ?? readsOnly,
    turns: options.turns,
    limits: sessionLimits(options.limits),
  };
}

const noStep: SessionStep = () => Promise.resolve();

function sessionLimits(given: Partial<SessionLimits> = {}): SessionLimits {
  const limits = { attemptMs: 30_000, waitingCalls: 1024, waitMs: 60_000, leaveMs: 2000, ...given };
  for (const [name, value] of Object.entries(limits)) {
    if (!(value >= 1)) throw new RangeError(`limit ${name} is ${value}, expected at least 1`);
  }
  return limits;
}
