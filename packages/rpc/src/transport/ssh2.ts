import { createHash } from "node:crypto";
import { appendFile, mkdir, readFile } from "node:fs/promises";
import net from "node:net";
import { homedir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import type { AnyAuthMethod, AuthHandlerMiddleware, Client, ClientChannel, ConnectConfig, NextAuthHandler } from "ssh2";
import { ConnectionError } from "../util/connection-error.ts";
import { nothing } from "../util/nothing.ts";
import { optionalPackage } from "../util/optional-package.ts";
import { onAbort } from "../util/signals.ts";
import type { Ssh2Address } from "./address.ts";
import {
  fingerprint,
  judgeHostKey,
  type KnownHost,
  knownHostLine,
  knownTypes,
  parseKnownHosts,
} from "./known-hosts.ts";
import { type Dialled, dialAddress } from "./open.ts";
import { relayCommand } from "./relay.ts";
import { Ssh2Channel } from "./ssh2-channel.ts";
import { allMethods, logins, type SshPrompts, wireName } from "./ssh2-login.ts";
import type { Transport } from "./transport.ts";

const LOGIN_MS = 30_000;
/** Somebody may have to find a password first; sshd waits no longer either. */
const LOGIN_MS_WITH_PROMPTS = 120_000;
const ANSWER_MS = 30_000;

/**
 * A connection through ssh in this process. Rejects with {@link ConnectionError} when the host can't be reached, is not
 * the one that is known, lets nobody in or runs no commands; what the relay there fails at ends the transport.
 */
export async function openSsh2(
  address: Ssh2Address,
  prompts: SshPrompts,
  signal: AbortSignal | undefined,
): Promise<Transport> {
  const { ssh2: host, port = 22 } = address;
  const command = relayCommand(address);
  const ssh2 = await optionalPackage("ssh2", "ssh in process", async () => (await import("ssh2")).default);
  const hostKeys = await HostKeys.read(address);
  const socket = await dialAddress({ host, port }, signal, dialPlain);
  const client = new ssh2.Client();
  const login = new Login(address, prompts, hostKeys, ssh2.utils.parseKey);
  try {
    await login.run(client, socket, signal);
    const { path, user, answerMs = ANSWER_MS } = address;
    const channel = await exec(client, command, host, answerMs, signal);
    const place = { host, port, path, ...(user !== undefined && { user }) };
    return new Ssh2Channel(client, channel, socket, place, answerMs);
  } catch (error) {
    client.destroy();
    socket.destroy();
    throw error;
  }
}

function dialPlain(target: net.TcpNetConnectOpts | net.IpcNetConnectOpts): {
  socket: net.Socket;
  adopt: (dialled: Dialled<net.Socket>) => net.Socket;
} {
  return { socket: net.connect({ ...target, noDelay: true }), adopt: ({ socket }) => socket };
}

class Login {
  readonly #address: Ssh2Address;
  readonly #prompts: SshPrompts;
  readonly #hostKeys: HostKeys;
  readonly #parseKey: Parameters<typeof logins>[0]["parseKey"];
  readonly #tried: string[] = [];

  constructor(
    address: Ssh2Address,
    prompts: SshPrompts,
    hostKeys: HostKeys,
    parseKey: Parameters<typeof logins>[0]["parseKey"],
  ) {
    this.#address = address;
    this.#prompts = prompts;
    this.#hostKeys = hostKeys;
    this.#parseKey = parseKey;
  }

  run(client: Client, socket: net.Socket, signal: AbortSignal | undefined): Promise<void> {
    const { ssh2: host, loginMs } = this.#address;
    const limit = loginMs ?? (Object.keys(this.#prompts).length === 0 ? LOGIN_MS : LOGIN_MS_WITH_PROMPTS);
    return new Promise((fulfil, reject) => {
      signal?.throwIfAborted();
      const settle = (): void => {
        off();
        clearTimeout(timer);
        client.off("ready", ready);
        client.off("error", failed);
        client.off("close", closed);
        client.on("error", nothing);
      };
      const fail = (reason: unknown): void => {
        settle();
        reject(reason);
      };
      const timer = setTimeout(
        () => fail(new ConnectionError(`ssh ${host}: nobody was logged in within ${limit} ms`, "error")),
        limit,
      );
      const off = onAbort(signal, fail);
      const ready = (): void => {
        settle();
        fulfil();
      };
      const failed = (error: Error & { level?: string }): void => fail(this.#failure(error));
      const closed = (): void =>
        fail(new ConnectionError(`ssh ${host}: it hung up before anybody was logged in`, "eof"));
      client.once("ready", ready);
      client.once("error", failed);
      client.once("close", closed);
      client.connect(this.#config(socket, fail));
    });
  }

  #config(sock: net.Socket, fail: (reason: unknown) => void): ConnectConfig {
    const types = this.#hostKeys.types;
    return {
      sock,
      username: this.#user,
      readyTimeout: 0,
      hostVerifier: (key: Buffer, verify: (good: boolean) => void) => {
        this.#hostKeys.accept(key, this.#prompts).then(
          () => verify(true),
          (error: unknown) => {
            fail(error);
            verify(false);
          },
        );
      },
      authHandler: this.#authHandler(fail),
      // A host has a key of each type, and is asked for one that is known.
      ...(types.length > 0 && { algorithms: { serverHostKey: { prepend: types, append: [], remove: [] } } }),
    };
  }

  #authHandler(fail: (reason: unknown) => void): AuthHandlerMiddleware {
    const { methods = allMethods, keyfile, ssh2: host } = this.#address;
    const ways = logins(
      {
        host,
        user: this.#user,
        methods,
        keyfile: keyfile ?? null,
        home: homedir(),
        agent: process.env["SSH_AUTH_SOCK"] ?? null,
        prompts: this.#prompts,
        parseKey: this.#parseKey,
      },
      (what) => this.#tried.push(what),
    );
    const step = async (left: readonly string[] | null, next: NextAuthHandler): Promise<void> => {
      const way = await nextWay(ways, left).catch(fail);
      // False is not in the types, and ends the search.
      if (way !== undefined) next(way ?? (false as never));
    };
    return (left, _partial, next) => void step(left, next);
  }

  get #user(): string {
    return this.#address.user ?? userInfo().username;
  }

  #failure(error: Error & { level?: string }): ConnectionError {
    const { ssh2: host } = this.#address;
    if (error.level !== "client-authentication") {
      return new ConnectionError(`ssh ${host}: ${error.message}`, "error", { cause: error });
    }
    const tried = this.#tried.length === 0 ? "nothing could be tried" : `tried ${this.#tried.join(", ")}`;
    return new ConnectionError(
      `ssh ${host}: ${this.#user}@${host} is not let in (${tried}); check the user's name, what ssh-add -l lists, ` +
        "keyfile=, and authorized_keys there",
      "refused",
      { cause: error },
    );
  }
}

/** `accepted` is what the server takes; on the first occasion it has not yet said so. */
async function nextWay(
  ways: ReturnType<typeof logins>,
  accepted: readonly string[] | null,
): Promise<AnyAuthMethod | null> {
  for (;;) {
    const item = await ways.next();
    if (item.done === true) return null;
    if (accepted === null || accepted.length === 0 || accepted.includes(wireName(item.value))) return item.value;
  }
}

/** More is no list of hosts. */
const MAX_KNOWN_HOSTS = 16_777_216;

/** What is known of a host's keys. */
class HostKeys {
  readonly #address: Ssh2Address;
  readonly #file: string;
  readonly #known: readonly KnownHost[];

  private constructor(address: Ssh2Address, file: string, known: readonly KnownHost[]) {
    this.#address = address;
    this.#file = file;
    this.#known = known;
  }

  static async read(address: Ssh2Address): Promise<HostKeys> {
    const file = address.knownHosts ?? join(homedir(), ".ssh", "known_hosts");
    if (address.knownHostsVerify === "ignore") return new HostKeys(address, file, []);
    const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw new ConnectionError(`the known hosts can't be read: ${error.message}`, "error", { cause: error });
    });
    if (text.length > MAX_KNOWN_HOSTS) throw new ConnectionError(`${file} is too long for known hosts`, "error");
    return new HostKeys(address, file, parseKnownHosts(text));
  }

  /** The signatures to ask for, of the types that are known. */
  get types(): SignatureType[] {
    return knownTypes(this.#known, this.#host).flatMap((type) => signatures[type] ?? []);
  }

  /** Rejects for a key that is not to be trusted. */
  async accept(key: Uint8Array, { confirmHost }: SshPrompts): Promise<void> {
    const { knownHostsVerify = "normal" } = this.#address;
    if (knownHostsVerify === "ignore") return;
    const { host } = this.#host;
    const shown = fingerprint(key, createHash("sha256").update(key).digest());
    const judged = judgeHostKey(this.#known, this.#host, key);
    if (judged.verdict === "known") return;
    if (judged.verdict === "changed") {
      throw refused(
        `the host key of ${host} is not the one that is known (${shown}, other than line ${judged.line} of ` +
          `${this.#file}); the host was set up anew, or somebody is in between: ask its administrator for the ` +
          "fingerprint, and only then remove that line",
      );
    }
    if (judged.verdict === "revoked") {
      throw refused(
        `the host key of ${host} has been revoked (line ${judged.line} of ${this.#file}); do not connect; ask its ` +
          "administrator for the new key",
      );
    }
    if (knownHostsVerify === "normal" && (await confirmHost?.({ host, fingerprint: shown })) !== true) {
      throw refused(
        `the host key of ${host} is not known (${shown}); compare the fingerprint and put the key into ${this.#file}, ` +
          "or use known_hosts_verify=auto, which takes what it sees the first time",
      );
    }
    await this.#remember(key).catch((cause: Error) => {
      throw new ConnectionError(
        `ssh: ${this.#file}, where the host key of ${host} is to go, can't be written: ${cause.message}`,
        "error",
        { cause },
      );
    });
  }

  async #remember(key: Uint8Array): Promise<void> {
    await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 });
    const before = await readFile(this.#file, "utf8").catch(() => "");
    const gap = before === "" || before.endsWith("\n") ? "" : "\n";
    await appendFile(this.#file, gap + knownHostLine(this.#host, key), { mode: 0o600 });
  }

  get #host(): { host: string; port: number } {
    return { host: this.#address.ssh2, port: this.#address.port ?? 22 };
  }
}

function refused(problem: string): ConnectionError {
  return new ConnectionError(`ssh: ${problem}`, "refused");
}

type SignatureType = keyof typeof signatureTypes;

const signatureTypes = {
  "ssh-ed25519": true,
  "ecdsa-sha2-nistp256": true,
  "ecdsa-sha2-nistp384": true,
  "ecdsa-sha2-nistp521": true,
  "rsa-sha2-512": true,
  "rsa-sha2-256": true,
  "ssh-rsa": true,
} as const;

const signatures: Readonly<Record<string, readonly SignatureType[]>> = {
  "ssh-ed25519": ["ssh-ed25519"],
  "ecdsa-sha2-nistp256": ["ecdsa-sha2-nistp256"],
  "ecdsa-sha2-nistp384": ["ecdsa-sha2-nistp384"],
  "ecdsa-sha2-nistp521": ["ecdsa-sha2-nistp521"],
  "ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"],
};

function exec(
  client: Client,
  command: string,
  host: string,
  answerMs: number,
  signal: AbortSignal | undefined,
): Promise<ClientChannel> {
  return new Promise((fulfil, reject) => {
    signal?.throwIfAborted();
    const settle = (): void => {
      off();
      clearTimeout(timer);
      client.off("close", gone);
    };
    const fail = (reason: unknown): void => {
      settle();
      reject(reason);
    };
    const gone = (): void => fail(new ConnectionError(`ssh ${host}: it hung up before it ran anything`, "eof"));
    const timer = setTimeout(
      () => fail(new ConnectionError(`ssh ${host}: it ran nothing within ${answerMs} ms`, "error")),
      answerMs,
    );
    const off = onAbort(signal, fail);
    client.once("close", gone);
    const answered = (error: Error | null | undefined, channel: ClientChannel): void => {
      settle();
      if (error === undefined || error === null) fulfil(channel);
      else reject(execRefused(host, error));
    };
    try {
      client.exec(command, answered);
    } catch {
      gone(); // in this very moment
    }
  });
}

function execRefused(host: string, error: Error): ConnectionError {
  return new ConnectionError(
    `ssh ${host}: it runs no commands for us: ${error.message}; look for ForceCommand in its sshd_config, and for ` +
      "command= in authorized_keys",
    "error",
    { cause: error },
  );
}
