import type { SessionStateName } from "../../src/client/session-state.ts";

/** Which states may come after which. */
export const nextStates: Readonly<Record<SessionStateName, readonly SessionStateName[]>> = {
  connecting: ["authenticating", "lost", "closed"],
  authenticating: ["open", "lost", "closed"],
  open: ["lost", "draining", "closed"],
  lost: ["connecting", "closed"],
  draining: ["closed"],
  closed: [],
};
