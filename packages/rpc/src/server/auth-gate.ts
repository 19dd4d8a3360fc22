import { hostname } from "node:os";
import { EntranceGate } from "../util/entrance-gate.ts";
import type { AuthClient, ServerAuth } from "./auth-demand.ts";
import { AuthSession, type SessionGate } from "./auth-session.ts";
import { FailureLog } from "./failure-log.ts";

/** Where the clients of one service wait until they have said who they are. */
export class AuthGate implements SessionGate {
  readonly auth: ServerAuth;
  readonly failures: FailureLog;
  readonly entrance: EntranceGate;
  readonly host: string;

  constructor(auth: ServerAuth) {
    const { clients, graceMs, attemptsPerAddress } = auth.limits;
    this.auth = auth;
    this.failures = new FailureLog(attemptsPerAddress);
    this.entrance = new EntranceGate({ what: "login", atOnce: clients, graceMs });
    this.host = (auth.kind === "sasl" ? auth.host : null) ?? hostname();
  }

  /** The client may have to wait; it is read from when its turn has come. */
  enter(client: AuthClient): AuthSession {
    return new AuthSession(this, client);
  }
}
