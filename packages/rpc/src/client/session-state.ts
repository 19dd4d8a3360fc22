/**
 * Where a session stands.
 *
 * A connection comes into being (`connecting`, `authenticating`) and serves calls (`open`). When it fails or goes, the
 * session waits (`lost`) and makes the next. `draining` and `closed` are the end: of a session that was closed, or that was
 * given up.
 */
export type SessionState =
  /** The `attempt`th connection in a row is being made. */
  | { readonly state: "connecting"; readonly attempt: number }
  /** It is there: who we are is being proven, the server opened, subscriptions registered. */
  | { readonly state: "authenticating"; readonly attempt: number }
  /** Calls go out. It is the `times`th connection that has come so far. */
  | { readonly state: "open"; readonly times: number }
  /** It was closed: takes no further calls, lets those in flight end, says goodbye. */
  | { readonly state: "draining" }
  /** The connection ended with `error`, or did not come to be; the next attempt begins in `wait` milliseconds. */
  | { readonly state: "lost"; readonly error: unknown; readonly attempt: number; readonly wait: number }
  /** The last state. `error` is what ended it: a `ConnectionError` of reason `closed` when that was we. */
  | { readonly state: "closed"; readonly error: unknown };

export type SessionStateName = SessionState["state"];
