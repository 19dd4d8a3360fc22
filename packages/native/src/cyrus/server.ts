import { access, constants } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { SaslError, type SaslExchange, type SaslServerContext, type SaslServerProvider } from "virnet/sasl";
import { loadForeign, type Pointer } from "../foreign.ts";
import { CyrusExchange, emptyResults } from "./exchange.ts";
import { type Done, forC, invoking, wiping } from "./invoke.ts";
import { type Libsasl2, type Out, openLibsasl2 } from "./libsasl2.ts";
import { connectionFlags, pathKinds, properties, results } from "./numbers.ts";
import { addressOf, applyContext, mechanismsOf, Session } from "./session.ts";
import { Threads } from "./threads.ts";

export interface CyrusServerOptions {
  /**
   * Mechanisms to offer, in this order, of those that the machine and the configuration have. Unless told: all of them
   * but ANONYMOUS, which lets anybody in; EXTERNAL, which lets in who has a certificate; and DIGEST-MD5, which RFC 6331 has
   * retired, and whose plug-in in Cyrus SASL 2.1.28 loses some 20 KB for each connection that it encrypts.
   */
  readonly mechanisms?: readonly string[];
  /** The configuration's name: `libvirt` for `libvirt.conf`, which is what one gets unless told. */
  readonly name?: string;
  /**
   * The folder of the configuration. Unless told `SASL_CONF_PATH`, else what libsasl2 was built with: `/etc/sasl2` and
   * `/usr/lib/sasl2`. libsasl2 reads one configuration per process, so only the first server there can say it.
   */
  readonly configPath?: string;
}

/**
 * This machine's Cyrus SASL as mechanisms for servers: what `libvirt.conf` allows of the plug-ins that are installed, with
 * the stores it names (sasldb2, saslauthd, LDAP). Throws where Cyrus SASL is not installed, and says what to install.
 */
export async function cyrusServer(options: CyrusServerOptions = {}): Promise<SaslServerProvider> {
  return serverOver(openLibsasl2(await loadForeign()), options);
}

export async function serverOver(sasl: Libsasl2, options: CyrusServerOptions): Promise<SaslServerProvider> {
  const { name = "libvirt", configPath, mechanisms: chosen = null } = options;
  if (configPath !== undefined) await setConfigPath(sasl, configPath, name);
  const code = sasl.functions.sasl_server_init(null, name);
  if (code < 0)
    throw new SaslError(`Cyrus SASL can't be a server here: ${sasl.functions.sasl_errstring(code, null, null)}`);
  const threads = new Threads();
  const ownName = await fullNameOf(sasl);
  return {
    mechanisms: async (context) => namesFor(sasl, ownName, context, chosen),
    start(mechanism, context) {
      if (!isChosen(chosen, mechanism)) throw new SaslError(`mechanism ${mechanism} is not offered`);
      return begin(sasl, ownName, threads, mechanism, context);
    },
  };
}

async function setConfigPath({ functions }: Libsasl2, configPath: string, name: string): Promise<void> {
  const file = join(configPath, `${name}.conf`);
  await access(file, constants.R_OK).catch((cause: unknown) => {
    throw new SaslError(`the configuration of Cyrus SASL can't be read: ${file}`, { cause });
  });
  if (isInitialized(functions)) {
    throw new Error(
      `${file} comes too late: Cyrus SASL reads one configuration per process, and another server has made it read one. ` +
        "Make one provider with it, and share that.",
    );
  }
  functions.sasl_set_path(pathKinds.config, configPath);
}

function isInitialized({ sasl_server_new, sasl_dispose }: Libsasl2["functions"]): boolean {
  const connection: [bigint | null] = [null];
  const code = sasl_server_new("libvirt", null, null, null, null, null, 0, connection);
  if (connection[0] !== null) sasl_dispose(connection);
  return code !== results.notInitialized;
}

/**
 * How this machine's name is written in full is left to libsasl2: saslpasswd2 has done the same when it put users into that
 * realm. It asks the resolver, which may take long: so once, and on a thread, not for each client. `null` where it fails.
 */
async function fullNameOf(sasl: Libsasl2): Promise<string | null> {
  const made: Out<Pointer | null> = [null];
  const code = await new Promise<number>((resolve, reject) => {
    const done: Done = (error, result) => (error === null ? resolve(result) : reject(error));
    sasl.functions.sasl_server_new.async("libvirt", null, null, null, null, null, 0, made, done);
  });
  if (made[0] === null) return null;
  const session = new Session(sasl, (_, connection) => {
    [connection[0]] = made;
    return code;
  });
  try {
    return session.text(properties.host);
  } finally {
    session.close();
  }
}

function namesFor(
  sasl: Libsasl2,
  ownName: string | null,
  context: SaslServerContext,
  chosen: readonly string[] | null,
): string[] {
  const session = open(sasl, ownName, context);
  try {
    const present = mechanismsOf(session).filter((mechanism) => isChosen(chosen, mechanism));
    return chosen === null ? present : chosen.filter((mechanism) => present.includes(mechanism));
  } finally {
    session.close();
  }
}

function isChosen(chosen: readonly string[] | null, mechanism: string): boolean {
  return chosen === null ? !notByDefault.includes(mechanism) : chosen.includes(mechanism);
}

const notByDefault: readonly string[] = ["ANONYMOUS", "EXTERNAL", "DIGEST-MD5"];

function open(sasl: Libsasl2, ownName: string | null, context: SaslServerContext): Session {
  const { service, realm, local, remote } = context;
  const host = context.host === hostname() ? ownName : context.host;
  const { sasl_server_new } = sasl.functions;
  const session = new Session(sasl, (_, connection) => {
    const flags = connectionFlags.successData;
    return sasl_server_new(service, host, realm, addressOf(local), addressOf(remote), null, flags, connection);
  });
  try {
    applyContext(session, context, true);
    return session;
  } catch (error) {
    session.close();
    throw error;
  }
}

/** libsasl2 crashes on a step that comes before the start (F123), so which of the two is called is not up to the peer. */
function begin(
  sasl: Libsasl2,
  ownName: string | null,
  threads: Threads,
  mechanism: string,
  context: SaslServerContext,
): SaslExchange {
  const session = open(sasl, ownName, context);
  const { pointer } = session;
  const { sasl_server_start: start, sasl_server_step: step } = sasl.functions;
  let isStarted = false;
  return new CyrusExchange(session, context.maxBuffer, async (input, signal) => {
    const { output, length } = emptyResults();
    const bytes = forC(input);
    const inputLength = input?.length ?? 0;
    const invoke = isStarted
      ? invoking(step, "thread", [pointer, bytes, inputLength, output, length])
      : invoking(start, "thread", [pointer, mechanism, bytes, inputLength, output, length]);
    isStarted = true;
    const code = await session.call(threads.take(mechanism, signal), wiping(bytes, invoke), signal);
    return { code, output: output[0], length: length[0] };
  });
}
