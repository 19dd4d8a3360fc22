import { type SaslContext, SaslError } from "virnet/sasl";
import type { Pointer } from "../foreign.ts";
import { Arena } from "./arena.ts";
import type { Done, Invoke } from "./invoke.ts";
import type { Libsasl2, Out } from "./libsasl2.ts";
import { properties, results, securityFlags } from "./numbers.ts";
import { unlessAborted } from "./unless-aborted.ts";

/** Makes a `sasl_conn_t`: calls sasl_client_new or sasl_server_new with memory that lives as long as the result. */
export type NewConnection = (arena: Arena, connection: Out<Pointer | null>) => number;

/**
 * One `sasl_conn_t` and the memory it points to. Closing it while a call is under way leaves both to that call, which
 * frees them when it returns: nothing can interrupt it.
 */
export class Session {
  readonly sasl: Libsasl2;
  readonly pointer: Pointer;
  readonly arena: Arena;
  /** Questions that wait for their answers. The mechanism frees them when it gets these; else it is up to us. */
  readonly prompts: Out<Pointer | null> = [null];
  #isCalling = false;
  #isClosed = false;

  constructor(sasl: Libsasl2, make: NewConnection) {
    this.sasl = sasl;
    this.arena = new Arena(sasl.foreign);
    const connection: Out<Pointer | null> = [null];
    const code = make(this.arena, connection);
    const [pointer] = connection;
    if (code !== results.ok || pointer === null) {
      this.arena.free();
      throw new SaslError(`Cyrus SASL can't begin: ${textOf(sasl, code)}`);
    }
    this.pointer = pointer;
  }

  /**
   * Awaits one asynchronous call on a thread that is being taken for it. Rejects with the signal's reason when that
   * aborts; the call itself goes on, and holds its thread.
   */
  async call(thread: Promise<() => void>, invoke: Invoke, signal: AbortSignal): Promise<number> {
    const release = await thread;
    if (this.#isClosed || this.#isCalling) release();
    this.throwIfClosed();
    if (this.#isCalling) throw new SaslError("Cyrus SASL: a step of this authentication is under way");
    const code = await unlessAborted(this.#begin(invoke, release), signal);
    this.throwIfClosed();
    return code;
  }

  setProperty(property: number, value: Pointer): void {
    this.check(this.sasl.functions.sasl_setprop(this.pointer, property, value));
  }

  number(property: number): number {
    const at = this.#property(property);
    return at === null ? 0 : this.sasl.unsigned.read(at).value;
  }

  text(property: number): string | null {
    const at = this.#property(property);
    return at === null ? null : this.sasl.foreign.text(at);
  }

  check(code: number): void {
    if (code < 0) throw this.failure(code);
  }

  /** What libsasl2 says of a failed call. */
  failure(code: number): SaslError {
    const detail = this.sasl.functions.sasl_errdetail(this.pointer);
    return new SaslError(`Cyrus SASL: ${detail ?? textOf(this.sasl, code)}`);
  }

  throwIfClosed(): void {
    if (this.#isClosed) throw new SaslError("Cyrus SASL: the authentication was closed");
  }

  /** Leaves the questions that wait unanswered. */
  dropPrompts(): void {
    const [prompts] = this.prompts;
    this.prompts[0] = null;
    if (prompts !== null) this.sasl.foreign.free(prompts);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (!this.#isCalling) this.#free();
  }

  #begin(invoke: Invoke, release: () => void): Promise<number> {
    this.#isCalling = true;
    return new Promise((resolve, reject) => {
      const done: Done = (error, code) => {
        this.#isCalling = false;
        release();
        if (this.#isClosed) this.#free();
        if (error === null) resolve(code);
        else reject(error);
      };
      try {
        invoke(done);
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)), 0);
      }
    });
  }

  #property(property: number): Pointer | null {
    const value: Out<Pointer | null> = [null];
    const code = this.sasl.functions.sasl_getprop(this.pointer, property, value);
    return code === results.ok ? value[0] : null;
  }

  #free(): void {
    this.dropPrompts();
    this.sasl.functions.sasl_dispose([this.pointer]);
    this.arena.free();
  }
}

/** Tells a new session what the connection is like and what it shall bring. */
export function applyContext(session: Session, context: SaslContext, bindChannel: boolean): void {
  const { sasl, arena } = session;
  const flags =
    (context.plaintext ? 0 : securityFlags.noPlaintext) | (context.anonymous ? 0 : securityFlags.noAnonymous);
  const security = arena.structs(sasl.securityProperties, {
    minSsf: context.minSsf,
    maxSsf: context.maxSsf,
    maxBuffer: Math.min(context.maxBuffer, largestBuffer),
    flags,
    propertyNames: null,
    propertyValues: null,
  });
  session.setProperty(properties.security, security);
  if (context.external) {
    session.setProperty(properties.externalSsf, arena.structs(sasl.unsigned, { value: context.external.ssf }));
    const { identity } = context.external;
    if (identity !== null) session.setProperty(properties.externalUser, arena.text(identity));
  }
  if (bindChannel) applyChannelBinding(session, context);
}

/** Mechanisms say their largest frame in three bytes. */
const largestBuffer = 0xff_ff_ff;

export function hasBinding(context: SaslContext): boolean {
  return bindingTypes.some((type) => context.channelBinding(type) !== null);
}

/** libsasl2 takes one binding. */
function applyChannelBinding(session: Session, context: SaslContext): void {
  for (const type of bindingTypes) {
    const value = context.channelBinding(type);
    if (value === null) continue;
    const { sasl, arena } = session;
    const name = arena.text(type);
    const data = arena.bytes(value);
    const binding = arena.structs(sasl.channelBinding, { name, critical: 0, length: value.length, data });
    session.setProperty(properties.channelBinding, binding);
    return;
  }
}

/** Of TLS 1.2 peers know `tls-unique`, which 1.3 does not have (RFC 9266, section 3). */
const bindingTypes = ["tls-unique", "tls-exporter"] as const;

/** `address;port`, or nothing where it is something else: libsasl2 takes no path of a UNIX socket. */
export function addressOf(end: string): string | null {
  return /^[\da-f.:]+;\d+$/i.test(end) ? end : null;
}

/** Names of mechanisms that can do what the session was told. */
export function mechanismsOf(session: Session): string[] {
  const names: Out<string | null> = [null];
  const { sasl, pointer } = session;
  const code = sasl.functions.sasl_listmech(pointer, null, "", " ", "", names, [0], [0]);
  if (code === results.noMechanism) return [];
  session.check(code);
  return (names[0] ?? "").split(" ").filter(Boolean);
}

function textOf({ functions }: Libsasl2, code: number): string {
  return functions.sasl_errstring(code, null, null) ?? `error ${code}`;
}
