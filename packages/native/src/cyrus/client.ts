import { type SaslClientContext, type SaslClientProvider, SaslError, type SaslExchange } from "virnet/sasl";
import { loadForeign } from "../foreign.ts";
import { type Advanced, CyrusExchange, emptyResults } from "./exchange.ts";
import { forC, invoking, wiping } from "./invoke.ts";
import { type Libsasl2, openLibsasl2 } from "./libsasl2.ts";
import { connectionFlags, results } from "./numbers.ts";
import { allCallbacks, answerPrompts } from "./prompts.ts";
import { addressOf, applyContext, hasBinding, mechanismsOf, Session } from "./session.ts";
import { Threads } from "./threads.ts";

export interface CyrusClientOptions {
  /** Mechanisms that may be used, of those that the machine has. All of them, unless told. */
  readonly mechanisms?: readonly string[];
}

/**
 * This machine's Cyrus SASL as mechanisms for clients: whatever plug-ins are installed. GSSAPI takes its ticket from where
 * `kinit` has put it. Throws where Cyrus SASL is not installed, and says what to install. One is enough for all clients of a
 * process, and shared by them it keeps a KDC that does not answer from taking all threads.
 */
export async function cyrusClient(options: CyrusClientOptions = {}): Promise<SaslClientProvider> {
  return clientOver(openLibsasl2(await loadForeign()), options);
}

export function clientOver(sasl: Libsasl2, { mechanisms: chosen }: CyrusClientOptions): SaslClientProvider {
  const code = sasl.functions.sasl_client_init(null);
  if (code < 0)
    throw new SaslError(`Cyrus SASL can't be a client here: ${sasl.functions.sasl_errstring(code, null, null)}`);
  const threads = new Threads();
  const isChosen = (mechanism: string): boolean => chosen === undefined || chosen.includes(mechanism);
  return {
    mechanisms: async (context) => namesFor(sasl, context).filter(isChosen),
    start(mechanism, context) {
      if (!isChosen(mechanism)) throw new SaslError(`mechanism ${mechanism} is not to be used`);
      return begin(sasl, threads, mechanism, context);
    },
  };
}

function namesFor(sasl: Libsasl2, context: SaslClientContext): string[] {
  const names = withSession(sasl, context, mechanismsOf);
  return names.flatMap((name) => (canBind(context, name) ? [`${name}-PLUS`, name] : [name]));
}

/** For a look at what libsasl2 would do. */
function withSession<T>(sasl: Libsasl2, context: SaslClientContext, use: (session: Session) => T): T {
  const session = open(sasl, context, true);
  try {
    return use(session);
  } finally {
    session.close();
  }
}

/** libsasl2 tells servers which mechanisms tie themselves to the TLS connection, not clients: by name, these do. */
function canBind(context: SaslClientContext, mechanism: string): boolean {
  return /^(SCRAM|GS2)-/.test(mechanism) && hasBinding(context);
}

function open(sasl: Libsasl2, context: SaslClientContext, bindChannel: boolean): Session {
  const { service, host, local, remote } = context;
  const { sasl_client_new } = sasl.functions;
  const session = new Session(sasl, (arena, connection) => {
    const callbacks = arena.structs(sasl.callback, ...allCallbacks());
    const flags = connectionFlags.successData;
    return sasl_client_new(service, host, addressOf(local), addressOf(remote), callbacks, flags, connection);
  });
  try {
    applyContext(session, context, bindChannel);
    return session;
  } catch (error) {
    session.close();
    throw error;
  }
}

function begin(sasl: Libsasl2, threads: Threads, mechanism: string, context: SaslClientContext): SaslExchange {
  const session = open(sasl, context, shallBind(mechanism, context));
  const call = callsOf(session, threads, mechanism);
  return new CyrusExchange(session, context.maxBuffer, async (input, signal) => {
    for (let round = 0; round < maxRounds; round += 1) {
      const advanced = await call(input, signal);
      if (advanced.code !== results.interact) return advanced;
      await answerPrompts(session, mechanism, context.ask, signal);
    }
    throw new SaslError(`${mechanism} asks again and again`);
  });
}

/**
 * With a binding at hand a mechanism that does without says that it could have bound, which a server that can takes for a
 * forged list (RFC 5802, section 6). So it gets one also where the list has no such mechanism; not where the user chose.
 */
function shallBind(mechanism: string, { offered }: SaslClientContext): boolean {
  return mechanism.endsWith("-PLUS") || !offered.includes(`${mechanism}-PLUS`);
}

/** Times that one step may ask: for a name, for a password, for a realm. */
const maxRounds = 16;

type Call = (input: Uint8Array | null, signal: AbortSignal) => Promise<Advanced>;

function callsOf(session: Session, threads: Threads, mechanism: string): Call {
  const { pointer, prompts } = session;
  const { sasl_client_start: start, sasl_client_step: step } = session.sasl.functions;
  const where = placeOf(mechanism);
  // Twice: of a list of one libsasl2 takes it that we know of no other, and would not say that we could have bound.
  const list = `${mechanism} ${mechanism}`;
  let isStarted = false;
  return async (input, signal) => {
    const { output, length } = emptyResults();
    const bytes = forC(input);
    const invoke = isStarted
      ? wiping(bytes, invoking(step, where, [pointer, bytes, input?.length ?? 0, prompts, output, length]))
      : invoking(start, where, [pointer, list, prompts, output, length, [null]]);
    const code = await session.call(threads.take(mechanism, signal), invoke, signal);
    if (!isStarted && refusesToRemember(session, mechanism, code)) {
      isStarted = true;
      return { code: results.continue, output: null, length: 0 };
    }
    if (code !== results.interact) isStarted = true;
    return { code, output: output[0], length: length[0] };
  };
}

/**
 * What DIGEST-MD5 remembers of hosts all clients of the process share, without a lock, so its calls must not run at once.
 * They only reckon.
 */
function placeOf(mechanism: string): "thread" | "here" {
  return mechanism === "DIGEST-MD5" ? "here" : "thread";
}

/**
 * DIGEST-MD5 asks at its start when it remembers the host: it would take up the last authentication, and after one of
 * another strength the layer would have the wrong keys. Not told, it forgets the host with the server's first word.
 */
function refusesToRemember(session: Session, mechanism: string, code: number): boolean {
  if (mechanism !== "DIGEST-MD5" || code !== results.interact) return false;
  session.dropPrompts();
  return true;
}
