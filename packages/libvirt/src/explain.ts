import { lookup } from "node:dns/promises";
import { existsSync } from "node:fs";
import net from "node:net";
import { type Client, ConnectionError, type ConnectOptions, connect, ErrorCode, RpcError, type Security } from "virnet";
import { clientAuth } from "./auth/client-auth.ts";
import { type Destination, findDestination } from "./destination.ts";
import { Remote, RemoteAuthType } from "./gen/remote.ts";
import type { OpenOptions } from "./libvirt.ts";
import { reach } from "./reach.ts";
import { ownSurroundings } from "./surroundings.ts";
import type { LibvirtUri } from "./uri.ts";
import { UriError } from "./uri-error.ts";
import { formatLibvirtUri } from "./uri-format.ts";

/** What has to go well between a URI and an open hypervisor, in this order; no URI needs all of them. */
export type StepName =
  | "config"
  | "URI"
  | "DNS"
  | "TCP"
  | "socket"
  | "program"
  | "ssh"
  | "certificates"
  | "TLS"
  | "confirmation"
  | "auth list"
  | "mechanisms"
  | "login"
  | "open";

export interface Step {
  readonly name: StepName;
  readonly ok: boolean;
  /** Milliseconds. */
  readonly ms: number;
  /** What was found, or what went wrong. */
  readonly detail: string;
  /** What to do about it; `null` for a step that went well. */
  readonly remedy: string | null;
}

/** What became of a connection, step by step. The last step is the one that failed, if any did. */
export interface Explanation {
  /** In its canonical form; `null` where it could not be read. */
  readonly uri: string | null;
  readonly ok: boolean;
  readonly steps: readonly Step[];
}

export type ExplainOptions = Pick<OpenOptions, "signal" | "readonly" | "auth" | "ssh"> & {
  /** Milliseconds for each step; 15 s unless given. */
  readonly stepMs?: number;
};

const STEP_MS = 15_000;

/**
 * Goes the way of `Libvirt.open` step by step, and says of each how long it took and, where one fails, what to do. It
 * changes nothing there. Rejects with nothing but the signal's reason.
 */
export async function explain(uri: string | null, options: ExplainOptions = {}): Promise<Explanation> {
  const walk = new Walk(options);
  let read: LibvirtUri | null = null;
  try {
    const surroundings = await walk.step("config", async (signal) => {
      const found = await within(signal, ownSurroundings());
      const { uriAliases } = found.config;
      const there = existsSync(found.configFile) ? `${uriAliases.size} aliases` : "not there, which is usual";
      return [found, `${found.configFile}: ${there}`];
    });
    const destination = await walk.step("URI", async () => {
      const found = findDestination(uri, options.readonly ?? false, surroundings);
      return [found, `${formatLibvirtUri(found.uri)} (${found.source})`];
    });
    read = destination.uri;
    await new Visit(walk, destination, options).run();
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
  }
  return { uri: read === null ? null : formatLibvirtUri(read), ok: walk.ok, steps: walk.steps };
}

/** The last of `steps` tells why. */
class StepFailed extends Error {}

class Walk {
  readonly steps: Step[] = [];
  readonly #options: ExplainOptions;

  constructor(options: ExplainOptions) {
    this.#options = options;
  }

  get ok(): boolean {
    return this.steps.every(({ ok }) => ok);
  }

  /** Does a step. `run` gives its result and what was found; what it throws ends the walk. */
  async step<T>(
    name: StepName,
    run: (signal: AbortSignal) => Promise<[result: T, detail: string]>,
    remedy: (error: unknown) => string = usualRemedy,
    began = performance.now(),
  ): Promise<T> {
    const { signal, stepMs = STEP_MS } = this.#options;
    signal?.throwIfAborted();
    const limit = AbortSignal.timeout(stepMs);
    const since = (): number => Math.round((performance.now() - began) * 10) / 10;
    try {
      const [result, detail] = await run(signal === undefined ? limit : AbortSignal.any([signal, limit]));
      this.steps.push({ name, ok: true, ms: since(), detail, remedy: null });
      return result;
    } catch (error) {
      signal?.throwIfAborted();
      const failure = limit.aborted ? tooLate(stepMs) : error;
      const [problem, advice] = inTwo(failure);
      this.steps.push({ name, ok: false, ms: since(), detail: problem, remedy: advice ?? remedy(failure) });
      throw new StepFailed(name, { cause: failure });
    }
  }

  passed(name: StepName, ms: number, detail: string): void {
    this.steps.push({ name, ok: true, ms: Math.round(ms * 10) / 10, detail, remedy: null });
  }
}

function tooLate(stepMs: number): ConnectionError {
  return new ConnectionError(`no answer in ${stepMs} ms`, "error");
}

/** `promise`, or the reason of `signal` when that comes first: files and name servers that hang can't be told to stop. */
function within<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((fulfil, reject) => {
    const stop = (): void => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    promise.then(fulfil, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** Errors of ours have what to do behind what is wrong. */
function inTwo(error: unknown): [problem: string, remedy: string | null] {
  const text = error instanceof Error ? error.message : String(error);
  // A caret below a text would be moved.
  const at = error instanceof UriError ? -1 : text.indexOf("; ");
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 2)];
}

function usualRemedy(error: unknown): string {
  if (error instanceof UriError) return "correct it there, and try again";
  return "see the log of the daemon";
}

/** What one client could find out. */
class Visit {
  readonly #walk: Walk;
  readonly #destination: Destination;
  readonly #options: ExplainOptions;

  constructor(walk: Walk, destination: Destination, options: ExplainOptions) {
    this.#walk = walk;
    this.#destination = destination;
    this.#options = options;
  }

  async run(): Promise<void> {
    let client = await this.#connect();
    try {
      const types = await this.#authList(client);
      if (types.length > 0) {
        if (types.includes(RemoteAuthType.SASL)) await this.#mechanisms(client);
        // The question for mechanisms has begun a login that can't begin again.
        await client.close();
        client = await this.#login();
      }
      await this.#open(client);
    } finally {
      await client.close();
    }
  }

  #connect(): Promise<Client> {
    switch (this.#destination.uri.address.transport) {
      case "unix":
        return this.#bySocket();
      case "ext":
        return this.#byProgram();
      case "tcp":
      case "tls":
        return this.#byNetwork();
      case "ssh":
      case "libssh":
      case "libssh2":
        return this.#bySsh();
    }
  }

  #bySocket(): Promise<Client> {
    const { address, autostart } = this.#destination;
    const path = "path" in address ? address.path : "";
    return this.#walk.step(
      "socket",
      async (signal) => {
        const client = await reach(this.#destination, { signal, keepalive: false });
        return [client, `${path} is open${autostart === null ? "" : ", its daemon started where that was needed"}`];
      },
      (error) => socketRemedy(codeOf(error)),
    );
  }

  /** Only what comes back tells whether there is somebody at the other end. */
  #byProgram(): Promise<Client> {
    return this.#walk.step(
      "program",
      async (signal) => [await this.#answered(signal), "it runs, and the daemon answers through it"],
      () => "run it by hand; it must carry the daemon's bytes from its standard input to its standard output",
    );
  }

  async #bySsh(): Promise<Client> {
    const { address } = this.#destination;
    // The system's ssh has names and ways of its own.
    if ("ssh2" in address) await this.#resolve(address.ssh2);
    if ("ssh2" in address) await this.#tcp(address.ssh2, address.port ?? 22, sshRemedy);
    return this.#walk.step(
      "ssh",
      async (signal) => [await this.#answered(signal), "logged in, and the daemon answers through it"],
      () => "try the same with ssh by hand",
    );
  }

  async #answered(signal: AbortSignal): Promise<Client> {
    const { ssh } = this.#options;
    const client = await reach(this.#destination, { signal, keepalive: false, ...(ssh && { ssh }) });
    try {
      await offeredTypes(client, signal);
      return client;
    } catch (error) {
      await client.close();
      // What became of the connection, and not of the call.
      throw error instanceof ConnectionError && error.cause instanceof ConnectionError ? error.cause : error;
    }
  }

  async #byNetwork(): Promise<Client> {
    const { address, tls } = this.#destination;
    const { host = "localhost", port } = "port" in address && "host" in address ? address : { port: 0 };
    const number = port ?? 0;
    await this.#resolve(host);
    await this.#tcp(host, number, tls === null ? tcpRemedy : tlsPortRemedy);
    if (tls !== null) return this.#byTls({ host, port: number });
    return this.#walk.step("socket", async (signal) => [
      await connect({ host, port: number }, { signal, keepalive: false }),
      "connected",
    ]);
  }

  async #resolve(host: string): Promise<void> {
    if (net.isIP(host) !== 0) return;
    await this.#walk.step(
      "DNS",
      async (signal) => {
        const looked = lookup(host, { all: true, verbatim: true }).catch((error: NodeJS.ErrnoException) => {
          throw new Error(`${host} has no address (${error.code ?? error.message})`, { cause: error });
        });
        const found = await within(signal, looked);
        return [found, `${host} is ${found.map(({ address }) => address).join(", ")}`];
      },
      () => "check the spelling of the host, /etc/hosts and the name server",
    );
  }

  /** As clients do: one address after another. */
  async #tcp(host: string, port: number, remedy: (code: string) => string): Promise<void> {
    await this.#walk.step(
      "TCP",
      async (signal) => {
        const client = await connect({ host, port }, { signal, keepalive: false });
        const { remote } = client;
        await client.close();
        return [null, "host" in remote ? `${remote.host} answers on port ${port}` : "connected"];
      },
      (error) => remedy(codeOf(error)),
    );
  }

  async #byTls(address: { host: string; port: number }): Promise<Client> {
    const { pkipath, sanity, verify, priority } = this.#destination.tls ?? neverTls();
    const credentials = await this.#walk.step(
      "certificates",
      async (signal) => {
        const { pkiFiles } = await import("virnet/tls");
        const found = await within(signal, pkiFiles(pkipath, "client", { sanity }));
        const own = found.pairs[0]?.chain[0]?.subject ?? "none of our own: the server must not ask for one";
        return [found, `we are ${own}`];
      },
      () => "see docs/pki.md for the files that are needed and how to make them",
    );
    let secured: { security: Security; at: number } | null = null;
    const shown = (): { security: Security; at: number } | null => secured;
    const tls = {
      ...credentials,
      verify,
      priority: priority ?? undefined,
      secured: (security: Security) => {
        secured = { security, at: performance.now() };
      },
    };
    const began = performance.now();
    const client = await this.#attempt((signal) => connect(address, { tls, signal, keepalive: false }));
    const outcome = async (): Promise<[Client, string]> => {
      if (client instanceof Error) throw client;
      return [client, "the server accepts us"];
    };
    const found = shown();
    if (found === null) return this.#walk.step("TLS", outcome, () => "check that this is a TLS port", began);
    const { protocol, cipher, peer, warnings } = found.security;
    const doubts = warnings.length === 0 ? "" : `; passed in spite of: ${warnings.join(", ")}`;
    this.#walk.passed(
      "TLS",
      found.at - began,
      `${protocol}, ${cipher}; the server is ${peer?.distinguishedName ?? "unknown"}${doubts}`,
    );
    return this.#walk.step("confirmation", outcome, usualRemedy, found.at);
  }

  /** What comes of it, failure included. */
  async #attempt(run: (signal: AbortSignal) => Promise<Client>): Promise<Client | Error> {
    const { signal, stepMs = STEP_MS } = this.#options;
    const limit = AbortSignal.timeout(stepMs);
    try {
      return await run(signal === undefined ? limit : AbortSignal.any([signal, limit]));
    } catch (error) {
      signal?.throwIfAborted();
      if (limit.aborted) return tooLate(stepMs);
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  #authList(client: Client): Promise<number[]> {
    return this.#walk.step("auth list", async (signal) => {
      const types = (await offeredTypes(client, signal)).filter((type) => type !== RemoteAuthType.NONE);
      return [
        types,
        types.length === 0
          ? "the daemon lets everybody in who comes this way"
          : `it wants ${types.map(typeName).join(" or ")}`,
      ];
    });
  }

  #mechanisms(client: Client): Promise<null> {
    return this.#walk.step("mechanisms", async (signal) => {
      const { mechlist } = await client.program(Remote).authSaslInit(undefined, { signal });
      return [null, mechlist];
    });
  }

  #login(): Promise<Client> {
    const { uri, surroundings } = this.#destination;
    const { auth: given, ssh } = this.#options;
    return this.#walk.step(
      "login",
      async (signal) => {
        const auth = clientAuth(uri, surroundings, given);
        const options: ConnectOptions = { signal, auth, keepalive: false, ...(ssh && { ssh }) };
        return [await reach(this.#destination, options), "logged in"];
      },
      () =>
        "give user and password: in the program, by authfile=, or in libvirt's auth.conf; see the daemon's log for its reason",
    );
  }

  async #open(client: Client): Promise<void> {
    const remote = client.program(Remote);
    const { name } = this.#destination.uri;
    await this.#walk.step(
      "open",
      async (signal) => {
        await remote.connectOpen({ name, flags: this.#options.readonly === true ? 1 : 0 }, { signal });
        const { uri } = await remote.connectGetUri(undefined, { signal });
        const { type } = await remote.connectGetType(undefined, { signal });
        const { hostname } = await remote.connectGetHostname(undefined, { signal });
        await remote.connectClose(undefined, { signal });
        return [null, `${uri} on ${hostname} (${type})`];
      },
      (error) => openRemedy(error, name),
    );
  }
}

/** A server that does not know the question wants nothing. */
async function offeredTypes(client: Client, signal: AbortSignal): Promise<number[]> {
  try {
    return (await client.program(Remote).authList(undefined, { signal })).types;
  } catch (error) {
    if (error instanceof RpcError && error.code === ErrorCode.NO_SUPPORT) return [];
    throw error;
  }
}

function typeName(type: number): string {
  return { [RemoteAuthType.SASL]: "SASL", [RemoteAuthType.POLKIT]: "polkit" }[type] ?? `authentication ${type}`;
}

function codeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause ? String(cause.code) : "";
}

function socketRemedy(code: string): string {
  if (code === "EACCES") return "join the group that may use it, often libvirt, or be root";
  if (code === "ECONNREFUSED") return "start the daemon; it has left its socket behind";
  return "start the daemon (systemctl start libvirtd.socket, or virtqemud.socket), or name its socket with socket=";
}

function tcpRemedy(code: string): string {
  return code === "ECONNREFUSED"
    ? "let the daemon listen: libvirtd-tcp.socket, or listen_tcp=1 and libvirtd --listen; check the port"
    : "check that the host runs, and the firewalls between";
}

function tlsPortRemedy(code: string): string {
  return code === "ECONNREFUSED"
    ? "let the daemon listen: libvirtd-tls.socket, or libvirtd --listen with its certificates in place; check the port"
    : "check that the host runs, and the firewalls between";
}

function sshRemedy(code: string): string {
  return code === "ECONNREFUSED"
    ? "start sshd there; check the port"
    : "check that the host runs, and the firewalls between";
}

function openRemedy(error: unknown, name: string): string {
  if (!(error instanceof RpcError)) return "the daemon has hung up, or hangs: see its log, and what runs there";
  if (error.code === ErrorCode.NO_CONNECT)
    return `the daemon has no driver for ${name === "" ? "this machine" : name}: install it there, or correct the URI`;
  return "the daemon could not open it: see its log";
}

function neverTls(): never {
  throw new TypeError("no TLS is wanted");
}
