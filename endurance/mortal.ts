import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A server that is killed and comes back. */
export interface Mortal {
  /** Resolves once its process is there; it may not listen yet. */
  start(): Promise<void>;
  /** Resolves when SIGKILL has ended it. */
  kill(): Promise<void>;
}

export function uriOf(socket: string): string {
  return `test+unix:///default?socket=${socket}`;
}

/** One process with a testd per socket. The next one is made ready beforehand, so that it is there in a moment. */
export class MortalTestd implements Mortal {
  readonly #sockets: readonly string[];
  readonly #isAhead: boolean;
  #current: ChildProcess | undefined;
  #next: ChildProcess | undefined;

  constructor(sockets: readonly string[], { ahead = true }: { readonly ahead?: boolean } = {}) {
    this.#sockets = sockets;
    this.#isAhead = ahead;
  }

  async start(): Promise<void> {
    const child = this.#next ?? this.#fork();
    this.#current = child;
    this.#next = this.#isAhead ? this.#fork() : undefined;
    child.send("listen");
    await Promise.race([once(child, "message"), once(child, "exit")]);
  }

  async kill(): Promise<void> {
    await end(this.#current);
  }

  /** For good. */
  async close(): Promise<void> {
    await Promise.all([end(this.#current), end(this.#next)]);
  }

  #fork(): ChildProcess {
    return fork(join(import.meta.dirname, "testd-process.js"), this.#sockets, { execArgv: [] });
  }
}

/** Real libvirtd with its test driver and nothing else of the machine. */
export class MortalLibvirtd implements Mortal {
  readonly socket: string;
  readonly #folder: string;
  #child: ChildProcess | undefined;

  constructor(folder: string) {
    this.#folder = folder;
    this.socket = join(folder, "run", "libvirt-sock");
    for (const name of ["run", "drivers"]) mkdirSync(join(folder, name));
    writeFileSync(join(folder, "libvirtd.conf"), configuration(join(folder, "run")));
  }

  async start(): Promise<void> {
    const args = ["--config", join(this.#folder, "libvirtd.conf"), "--pid-file", join(this.#folder, "pid")];
    const env = { ...process.env, LIBVIRT_DRIVER_DIR: join(this.#folder, "drivers") };
    this.#child = spawn("libvirtd", args, { env, stdio: "ignore" });
    await once(this.#child, "spawn");
  }

  async kill(): Promise<void> {
    await end(this.#child);
  }
}

function configuration(run: string): string {
  const settings = {
    unix_sock_dir: run,
    auth_unix_rw: "none",
    auth_unix_ro: "none",
    log_outputs: "4:stderr",
    host_uuid: "0d5b1e1c-7e57-4bed-8000-000000000001",
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key} = "${value}"\n`)
    .join("");
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}
