import { type AuthBinding, AuthKind, ownAuth, type SaslReply } from "../connection/auth-binding.ts";
import type { AnyProcedure, Procedure, Program } from "../program/program.ts";
import { ErrorCode, ErrorDomain } from "../protocol/error-code.ts";
import { RpcError } from "../protocol/rpc-error.ts";
import { type ConnectionFacts, contextOf } from "../sasl/context.ts";
import type {
  AskCredential,
  SaslClientContext,
  SaslClientProvider,
  SaslExchange,
  SaslStep,
} from "../sasl/mechanism.ts";
import { SaslError } from "../sasl/sasl-error.ts";
import type { SecurityLayer } from "../sasl/security-layer.ts";
import { ConnectionError } from "../util/connection-error.ts";

/** How a client says who it is. */
export interface ClientAuth {
  /** Whose password it is. */
  readonly user?: string;
  readonly password?: string;
  /** Asked for what `user` and `password` do not answer; may ask a person. */
  readonly ask?: AskCredential;
  /** Only by this way; what the server wants, unless given. */
  readonly type?: "none" | "sasl" | "polkit";
  /** Only with this mechanism, such as `SCRAM-SHA-256`; the strongest that both sides have, unless given. */
  readonly mechanism?: string;
  /** Further mechanisms, such as those of the machine's Cyrus library; they are taken before ours of the same name. */
  readonly providers?: readonly SaslClientProvider[];
  /** The server's name in Kerberos principals; the host that was connected to, or `localhost`. */
  readonly host?: string;
  /** The service's name in them; `libvirt` unless given. */
  readonly service?: string;
  /** On plain TCP, the least strength in bits of the mechanism's security layer; 56 unless given. 0 lets passwords go in clear. */
  readonly minSsf?: number;
  /** The procedures to log in with: the framework's own, unless given. */
  readonly binding?: AuthBinding;
}

/** What of a client is needed to log it in. */
export interface LoginPort extends ConnectionFacts {
  /** One message of a login, past interceptors and diagnostics. Behind a good reply nothing is read until `proceed`. */
  logIn<Args, Ret>(
    program: Program<object>,
    procedure: Procedure<Args, Ret>,
    args: Args,
    signal: AbortSignal,
  ): Promise<Ret>;
  /** Reads on; with a layer all that follows is wrapped, in both directions. */
  proceed(layer: SecurityLayer | null, mechanism: string): void;
}

/** Long enough for a server that waits for others; people's time does not count. */
const ANSWER_MS = 60_000;
/** For one that waits for a person. */
const PERSON_MS = 600_000;
/** No mechanism has so many messages. */
const MOST_STEPS = 100;

/** Where nothing is demanded the strongest is taken; those that nobody has heard of stand before DIGEST-MD5. */
const strong =
  "GSSAPI GS2-KRB5 GSS-SPNEGO SCRAM-SHA-512-PLUS SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS " +
  "SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 EXTERNAL";
const byStrength: readonly string[] = strong.split(" ");
const weak: readonly string[] = ["DIGEST-MD5", "CRAM-MD5", "PLAIN", "LOGIN", "ANONYMOUS"];

/**
 * Does what the server wants before anything else may be called (libvirt-rpc §2.5). Rejects with `RpcError` of code 45
 * when it fails, on whichever side; with `ConnectionError`, and with the signal's reason.
 */
export async function authenticate(
  port: LoginPort,
  auth: ClientAuth,
  host: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    const kind = await wantedKind(port, auth, signal);
    if (kind === AuthKind.SASL) await new SaslLogin(port, auth, auth.host ?? host, signal).run();
    if (kind === AuthKind.POLKIT) await askPolkit(port, auth, signal);
  } catch (error) {
    if (!(error instanceof SaslError)) throw error;
    throw failure(error.message, error);
  }
}

/** What has to be done: what is demanded must be on offer, else the first that is on offer counts. */
async function wantedKind(port: LoginPort, auth: ClientAuth, signal: AbortSignal): Promise<number> {
  const types = await wantedKinds(port, auth, signal);
  const demanded = auth.type ?? (auth.mechanism === undefined ? undefined : "sasl");
  const [first = AuthKind.NONE] = types;
  const kind = demanded === undefined ? first : kinds[demanded];
  const offered = types.length === 0 ? [AuthKind.NONE] : types;
  if (demanded !== undefined && !offered.includes(kind)) {
    const told = offered.map(kindName).join(", ");
    throw new SaslError(`${demanded} is demanded, but the server wants ${told} authentication`);
  }
  if (kind > AuthKind.POLKIT)
    throw new SaslError(`the server wants ${kindName(kind)}, which this client does not know`);
  return kind;
}

async function wantedKinds(port: LoginPort, { binding = ownAuth }: ClientAuth, signal: AbortSignal): Promise<number[]> {
  try {
    const { types } = await answerTo(port, binding, binding.list, undefined, signal);
    // Behind an error reading goes on by itself.
    port.proceed(null, "");
    return types;
  } catch (error) {
    return noneIfUnknown(error);
  }
}

const kinds = { none: AuthKind.NONE, sasl: AuthKind.SASL, polkit: AuthKind.POLKIT } as const;

function kindName(kind: number): string {
  return ["no", "sasl", "polkit"][kind] ?? `authentication ${kind}`;
}

/** A server that does not know the question wants nothing: an old libvirtd, and one of ours without `auth`. */
function noneIfUnknown(error: unknown): number[] {
  if (error instanceof RpcError) {
    if (error.code === ErrorCode.NO_SUPPORT) return [];
    if (error.code === ErrorCode.RPC && error.message.startsWith("Cannot find program")) return [];
  }
  throw error;
}

/** The server may have to wait for a person. */
async function askPolkit(port: LoginPort, { binding = ownAuth }: ClientAuth, signal: AbortSignal): Promise<void> {
  await answerTo(port, binding, binding.polkit, undefined, signal, PERSON_MS);
  port.proceed(null, "");
}

/** One authentication by SASL. */
class SaslLogin {
  readonly #port: LoginPort;
  readonly #auth: ClientAuth;
  readonly #host: string;
  readonly #signal: AbortSignal;
  readonly #binding: AuthBinding;

  constructor(port: LoginPort, auth: ClientAuth, host: string, signal: AbortSignal) {
    this.#port = port;
    this.#auth = auth;
    this.#host = host;
    this.#signal = signal;
    this.#binding = auth.binding ?? ownAuth;
  }

  async run(): Promise<void> {
    const { mechlist } = await this.#say(this.#binding.saslInit, undefined);
    const offered = mechlist.split(",").filter((name) => name !== "");
    const context = this.#context(offered);
    const { mechanism, exchange, step } = await this.#begin(offered, context);
    try {
      const { layer, ssf } = await this.#converse(mechanism, exchange, step);
      if (ssf < context.minSsf) {
        layer?.close();
        throw new SaslError(`${mechanism} has brought a layer of ${ssf} bits, expected at least ${context.minSsf}`);
      }
      this.#port.proceed(layer, mechanism);
    } finally {
      exchange.close();
    }
  }

  /** The first mechanism that has something to say: one may find only now that it lacks a ticket or a name. */
  async #begin(
    offered: readonly string[],
    context: SaslClientContext,
  ): Promise<{ mechanism: string; exchange: SaslExchange; step: SaslStep }> {
    const failures: SaslError[] = [];
    for (const { mechanism, provider } of await this.#candidates(offered, context)) {
      try {
        const exchange = provider.start(mechanism, context);
        try {
          return { mechanism, exchange, step: await exchange.step(null, this.#signal) };
        } catch (error) {
          exchange.close();
          throw error;
        }
      } catch (error) {
        if (!(error instanceof SaslError)) throw error;
        failures.push(error);
      }
    }
    const [first] = failures;
    throw new SaslError(first?.message ?? "no mechanism", { cause: new AggregateError(failures) });
  }

  /** What both sides have, the strongest first. Throws what is missing when there is none. */
  async #candidates(
    offered: readonly string[],
    context: SaslClientContext,
  ): Promise<readonly { mechanism: string; provider: SaslClientProvider }[]> {
    const { mechanism: demanded, providers = [] } = this.#auth;
    if (demanded !== undefined && !offered.includes(demanded)) {
      throw new SaslError(`mechanism ${demanded} is not on offer; the server has ${listed(offered)}`);
    }
    // Node's crypto and the tables of mechanisms are for those who log in.
    const { builtinClient, isBuiltin, missingMechanism } = await import("../sasl/builtin.ts");
    const found = new Map<string, SaslClientProvider>();
    for (const provider of [...providers, builtinClient()]) {
      for (const name of await provider.mechanisms(context)) if (!found.has(name)) found.set(name, provider);
    }
    const wanted = demanded === undefined ? sorted(offered) : [demanded];
    const candidates = wanted.flatMap((mechanism) => {
      const provider = found.get(mechanism);
      return provider === undefined ? [] : [{ mechanism, provider }];
    });
    if (candidates.length > 0) return candidates;
    const foreign = wanted.find((name) => !isBuiltin(name));
    if (foreign !== undefined) {
      throw new SaslError(`the server has ${listed(offered)}; ${missingMechanism(foreign, "client")}`);
    }
    throw new SaslError(
      `the server has ${listed(offered)}, none of which ` +
        (context.minSsf > 0 ? "encrypts, which plain TCP needs; use TLS" : "does on this connection"),
    );
  }

  /** To the end of both sides. When it comes to none, a layer that this side has already is closed. */
  async #converse(
    mechanism: string,
    exchange: SaslExchange,
    first: SaslStep,
  ): Promise<Extract<SaslStep, { done: true }>> {
    const { saslStart, saslStep } = this.#binding;
    let step = first;
    try {
      let reply: SaslReply = await this.#say(saslStart, { mech: mechanism, ...dataOf(step) });
      for (let steps = 0; ; steps++) {
        if (reply.complete !== 0 && step.done) return step;
        if (step.done) throw new SaslError(`the server wants to hear more than ${mechanism} has to say`);
        if (steps === MOST_STEPS) throw new SaslError(`${mechanism} comes to no end`);
        step = await exchange.step(reply.nil === 0 ? reply.data : null, this.#signal);
        if (reply.complete !== 0) {
          if (step.done) return step;
          throw new SaslError(`the server has had enough before ${mechanism} could check who it is`);
        }
        this.#port.proceed(null, "");
        reply = await this.#say(saslStep, dataOf(step));
      }
    } catch (error) {
      if (step.done) step.layer?.close();
      throw error;
    }
  }

  /** One message. What follows its reply is left unread by START and STEP alone. */
  async #say<Args, Ret>(procedure: Procedure<Args, Ret>, args: Args): Promise<Ret> {
    const ret = await answerTo(this.#port, this.#binding, procedure, args, this.#signal);
    if (isInit(procedure, this.#binding)) this.#port.proceed(null, "");
    return ret;
  }

  #context(offered: readonly string[]): SaslClientContext {
    const { service = "libvirt", minSsf = 56, user, password, ask } = this.#auth;
    return {
      ...contextOf(this.#port, { service, host: this.#host, minSsf }),
      offered,
      async ask(request, signal) {
        if (request.kind === "authname" && user !== undefined) return user;
        if (request.kind === "passphrase" && password !== undefined) return password;
        return ask === undefined ? null : ask(request, signal);
      },
    };
  }
}

function isInit(procedure: AnyProcedure, binding: AuthBinding): boolean {
  return procedure === binding.saslInit;
}

function dataOf({ output }: SaslStep): { nil: number; data: Uint8Array } {
  return { nil: output === null ? 1 : 0, data: output ?? new Uint8Array() };
}

/** ANONYMOUS only where there is nothing else: nobody who has a name wants to lose it. */
function sorted(offered: readonly string[]): readonly string[] {
  const named = offered.filter((name) => name !== "ANONYMOUS");
  return (named.length === 0 ? offered : named).toSorted((a, b) => rank(a) - rank(b));
}

function rank(name: string): number {
  const place = byStrength.indexOf(name);
  if (place >= 0) return place;
  return byStrength.length + 1 + weak.indexOf(name);
}

function listed(names: readonly string[]): string {
  return names.length === 0
    ? "no mechanism"
    : names
        .slice(0, 32)
        .map((name) => JSON.stringify(name.slice(0, 32)).slice(1, -1))
        .join(", ");
}

/** One message. Rejects with {@link ConnectionError} when no answer comes in `ms`. */
async function answerTo<Args, Ret>(
  port: LoginPort,
  { program }: AuthBinding,
  procedure: Procedure<Args, Ret>,
  args: Args,
  signal: AbortSignal,
  ms: number = ANSWER_MS,
): Promise<Ret> {
  const late = new AbortController();
  const why = new ConnectionError(`the server has not answered ${procedure.name} in ${ms / 1000} s`, "keepalive");
  const timer = setTimeout(() => late.abort(why), ms);
  try {
    return await port.logIn(program, procedure, args, AbortSignal.any([signal, late.signal]));
  } finally {
    clearTimeout(timer);
  }
}

/** As libvirt's own client calls it, whichever side has said no. */
function failure(detail: string, cause: unknown): RpcError {
  return new RpcError(
    `authentication failed: ${detail}`,
    { code: ErrorCode.AUTH_FAILED, domain: ErrorDomain.RPC, str1: "authentication failed: %s", str2: detail },
    { cause },
  );
}
