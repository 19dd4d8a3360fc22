import { setTimeout as delay } from "node:timers/promises";
import { AuthKind, type SaslData, type SaslReply } from "../connection/auth-binding.ts";
import { RpcError } from "../protocol/rpc-error.ts";
import { contextOf } from "../sasl/context.ts";
import type { SaslExchange, SaslServerContext, SaslStep } from "../sasl/mechanism.ts";
import { SaslError } from "../sasl/sasl-error.ts";
import type { SecurityLayer } from "../sasl/security-layer.ts";
import type { SaslServer } from "../sasl/server-auth.ts";
import type { Endpoint } from "../transport/address.ts";
import { ConnectionError } from "../util/connection-error.ts";
import type { EntranceGate, Entrant } from "../util/entrance-gate.ts";
import { isListed } from "../util/name-pattern.ts";
import { nothing } from "../util/nothing.ts";
import { printable } from "../util/printable.ts";
import type { AuthClient, ServerAuth } from "./auth-demand.ts";
import { authFailed, notPolkit, polkitRefused } from "./auth-errors.ts";
import type { FailureLog } from "./failure-log.ts";

/** What the sessions of one service share. */
export interface SessionGate {
  readonly auth: ServerAuth;
  readonly failures: FailureLog;
  readonly entrance: EntranceGate;
  /** This machine's name, unless the service was given another. */
  readonly host: string;
}

/** Between INIT and START, or between START and the end. */
type Negotiation =
  | { readonly offered: readonly string[]; readonly exchange?: undefined }
  | { readonly exchange: SaslExchange };

/** A client has proved who it is; this becomes true behind the reply that says so. */
export interface Admission {
  readonly user: string | null;
  readonly layer: SecurityLayer | null;
  readonly mechanism: string | null;
}

/** One client from its connection to its login (libvirt-rpc §2.5). Its messages come one at a time. */
export class AuthSession implements Entrant {
  readonly #gate: SessionGate;
  readonly #client: AuthClient;
  readonly #deadline: ReturnType<typeof setTimeout>;
  #negotiation: Negotiation | undefined;
  #admission: Admission | undefined;
  #isOpen = false;
  #failures = 0;
  #mechanism = "";

  constructor(gate: SessionGate, client: AuthClient) {
    this.#gate = gate;
    this.#client = client;
    const { deadlineMs } = gate.auth.limits;
    const late = (): void => this.drop(new ConnectionError(`no authentication in ${deadlineMs} ms`, "refused"));
    this.#deadline = setTimeout(late, deadlineMs);
    gate.entrance.enter(this);
  }

  /** Is the client in? Until then it may call nothing but what authentication takes. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Has the client failed so often that it has to go? */
  get isSpent(): boolean {
    return this.#failures >= this.#gate.auth.limits.attempts;
  }

  /** The name that SASL has found out; `null` before, and where there is none. */
  get user(): string | null {
    return this.#isOpen ? (this.#admission?.user ?? null) : null;
  }

  /** For the gate. */
  begin(): void {
    // The gate may call this while the client is still being made.
    queueMicrotask(() => this.#client.admit());
  }

  /** For the gate, and the deadline. */
  drop(error: ConnectionError): void {
    this.#client.disconnect(error);
  }

  /** The client has gone. */
  end(): void {
    clearTimeout(this.#deadline);
    this.#gate.entrance.leave(this);
    this.#forget();
  }

  /** The reply to a message has been queued. If it is the one by which the client is in, this gives what that means. */
  complete(): Admission | undefined {
    if (this.#admission === undefined || this.#isOpen) return undefined;
    this.#isOpen = true;
    clearTimeout(this.#deadline);
    this.#gate.entrance.leave(this);
    return this.#admission;
  }

  /** A message was refused after all: what it has brought about does not count. */
  refused(): void {
    if (this.#isOpen) return;
    this.#admission?.layer?.close();
    this.#admission = undefined;
  }

  /** AUTH_LIST. One that has the right by itself is let in at once. */
  async list(): Promise<{ types: number[] }> {
    const { auth } = this.#gate;
    if (this.#isOpen) return { types: [AuthKind.NONE] };
    if (auth.kind === "sasl") return { types: [AuthKind.SASL] };
    if (!(await auth.isExempt(this.#client))) return { types: [AuthKind.POLKIT] };
    this.#admission = { user: null, layer: null, mechanism: null };
    return { types: [AuthKind.NONE] };
  }

  /** SASL_INIT. A second one fails, and leaves the first in place. */
  async init(): Promise<{ mechlist: string }> {
    const began = performance.now();
    const sasl = this.#sasl();
    if (this.#isOpen || sasl === undefined) return this.#reject(began, "SASL is not what is wanted");
    if (this.#negotiation !== undefined) return this.#reject(began, "SASL has begun already");
    const offered = await sasl.mechanisms(this.#context(sasl)).catch((error: unknown) => this.#reject(began, error));
    if (offered.length === 0) return this.#reject(began, noMechanism);
    this.#negotiation = { offered };
    return { mechlist: offered.join(",") };
  }

  /** SASL_START. Whatever goes wrong ends the negotiation, so that INIT may begin another. */
  start({ mech, nil, data }: SaslData & { mech: string }): Promise<SaslReply> {
    return this.#attempt(data, async () => {
      const sasl = this.#sasl();
      const offered =
        this.#negotiation !== undefined && "offered" in this.#negotiation ? this.#negotiation.offered : [];
      if (this.#isOpen || sasl === undefined || !offered.includes(mech)) {
        throw new SaslError(`START of ${JSON.stringify(mech.slice(0, 64))}, which was not offered`);
      }
      if (this.#gate.failures.isBlocked(this.#client.remote))
        throw new SaslError("too many failed attempts of this address");
      const exchange = await sasl.start(mech, this.#context(sasl));
      this.#negotiation = { exchange };
      this.#mechanism = mech;
      return exchange.step(nil === 0 ? data : null, this.#client.signal);
    });
  }

  /** SASL_STEP. As {@link start}. */
  step({ nil, data }: SaslData): Promise<SaslReply> {
    return this.#attempt(data, () => {
      const exchange = this.#negotiation?.exchange;
      if (this.#isOpen || exchange === undefined) throw new SaslError("STEP without START");
      return exchange.step(nil === 0 ? data : null, this.#client.signal);
    });
  }

  /** A START or a STEP that can't be read. */
  unreadable(): Promise<never> {
    const began = performance.now();
    this.#forget();
    return this.#reject(began, "a message that can't be read");
  }

  /** AUTH_POLKIT. Its errors are polkit's own (F126). */
  async polkit(): Promise<{ complete: number }> {
    const { auth } = this.#gate;
    if (this.#isOpen || auth.kind !== "polkit") throw notPolkit();
    await auth.check(this.#client, this.#client.signal).catch((error: unknown) => {
      this.#note(error);
      throw error instanceof RpcError ? error : polkitRefused("polkit can't be asked");
    });
    this.#admission = { user: null, layer: null, mechanism: null };
    return { complete: 1 };
  }

  /** `data` may have held a password, and is wiped. */
  async #attempt(data: Uint8Array, run: () => SaslStep | Promise<SaslStep>): Promise<SaslReply> {
    const began = performance.now();
    try {
      const step = await run();
      if (step.done) this.#accept(step);
      const { output } = step;
      return { complete: step.done ? 1 : 0, nil: output === null ? 1 : 0, data: output ?? new Uint8Array() };
    } catch (error) {
      this.#forget();
      return await this.#reject(began, error);
    } finally {
      data.fill(0);
    }
  }

  #accept({ user, layer, ssf }: Extract<SaslStep, { done: true }>): void {
    const sasl = this.#sasl();
    const { minSsf } = sasl === undefined ? { minSsf: 0 } : this.#context(sasl);
    const problem =
      ssf < minSsf
        ? `a layer of ${ssf} bits, expected at least ${minSsf}`
        : isListed(user, sasl?.allow)
          ? undefined
          : `${user} is not in the list of users`;
    if (problem !== undefined || this.#client.signal.aborted) {
      layer?.close();
      throw new SaslError(problem ?? "the client has gone");
    }
    this.#forget();
    this.#admission = { user, layer, mechanism: this.#mechanism };
  }

  /** The same for all reasons, in what it says and when. */
  async #reject(began: number, reason: unknown): Promise<never> {
    const { signal } = this.#client;
    try {
      this.#note(reason);
    } finally {
      await pause(began + this.#gate.auth.limits.delayMs - performance.now(), signal);
    }
    throw authFailed();
  }

  /** An attempt has failed. Throws the reason why the client has gone, if it has. */
  #note(reason: unknown): void {
    const { signal, remote } = this.#client;
    if (signal.aborted) throw signal.reason;
    this.#failures++;
    this.#gate.failures.note(remote);
    this.#gate.auth.onRefused?.(refusal(remote, reason));
  }

  /** Ends what has begun. */
  #forget(): void {
    this.#negotiation?.exchange?.close();
    this.#negotiation = undefined;
  }

  #sasl(): SaslServer | undefined {
    const { auth } = this.#gate;
    return auth.kind === "sasl" ? auth : undefined;
  }

  #context({ service, minSsf, realm }: SaslServer): SaslServerContext {
    return { ...contextOf(this.#client, { service, minSsf, host: this.#gate.host }), realm };
  }
}

const noMechanism = "no mechanism does what the connection wants: on plain TCP it takes one with a security layer";

/** For this side's eyes; whatever a peer has said in it can't forge a line of a log. */
function refusal(remote: Endpoint, reason: unknown): SaslError {
  const text = reason instanceof Error ? reason.message : String(reason);
  return new SaslError(`${describe(remote)}: ${printable(text)}`, { cause: reason });
}

function describe(remote: Endpoint): string {
  return "host" in remote ? `${remote.host}:${remote.port}` : remote.family;
}

/** Ends early when the client has gone. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await delay(ms, undefined, { signal }).catch(nothing);
}
