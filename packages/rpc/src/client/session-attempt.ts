import { ConnectionError } from "../util/connection-error.ts";
import { nothing } from "../util/nothing.ts";
import { abortable, onAbort } from "../util/signals.ts";
import type { Client } from "./client.ts";
import type { SessionSettings } from "./session-options.ts";
import type { SessionState } from "./session-state.ts";

export interface AttemptParts {
  readonly settings: SessionSettings;
  /** Which it is in its row, from 1. */
  readonly number: number;
  /** Aborts when the session is over. */
  readonly signal: AbortSignal;
  readonly become: (state: SessionState) => void;
  /** Has all subscriptions registered. */
  readonly attach: (client: Client, signal: AbortSignal) => Promise<void>;
}

/** Milliseconds after which one who still connects gives back its turn: it does not work, it waits. */
const TURN_MS = 1000;

/**
 * One attempt of a session, within its time and in its turn: resolves to a connection that calls can go over. Rejects with
 * why there is none, and leaves none then.
 */
export async function attempt(parts: AttemptParts): Promise<Client> {
  const { number, signal } = parts;
  const { turns, limits } = parts.settings;
  const giveBack = (await turns?.take(number === 1 ? 0 : 1, signal)) ?? nothing;
  const abort = new AbortController();
  const off = onAbort(signal, (reason) => abort.abort(reason));
  const late = (): void => abort.abort(new ConnectionError(`no connection came in ${limits.attemptMs} ms`, "error"));
  const timers = [setTimeout(late, limits.attemptMs), ...(turns === undefined ? [] : [setTimeout(giveBack, TURN_MS)])];
  try {
    abort.signal.throwIfAborted();
    return await prepare(parts, abort);
  } finally {
    for (const timer of timers) clearTimeout(timer);
    off();
    giveBack();
  }
}

async function prepare({ settings, number, become, attach }: AttemptParts, abort: AbortController): Promise<Client> {
  const { signal } = abort;
  become({ state: "connecting", attempt: number });
  const client = await connect(settings, signal);
  try {
    void client.closed.then((error) => abort.abort(error));
    become({ state: "authenticating", attempt: number });
    for (const step of [settings.authenticate, settings.open]) await abortable(step(client, signal), signal);
    await abortable(attach(client, signal), signal);
    return client;
  } catch (error) {
    void client.close();
    throw error;
  }
}

/** A connection that comes after all, when its time is over, is closed. */
async function connect(settings: SessionSettings, signal: AbortSignal): Promise<Client> {
  const connecting = settings.connect(signal);
  try {
    return await abortable(connecting, signal);
  } catch (error) {
    connecting.then((late) => late.close(), nothing);
    throw error;
  }
}
