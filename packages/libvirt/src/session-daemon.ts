import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionError } from "virnet";
import { type DaemonSocket, findDaemon } from "./daemon-socket.ts";
import type { Surroundings } from "./surroundings.ts";

/** As libvirt's own clients have it (F082). */
const PAUSE_MS = 10;
const ATTEMPTS = 500;
/** Attempts after our daemon has failed, for another may just be starting: it has the pid file before it listens. */
const PATIENCE = 200;
/** Seconds that the daemon stays without clients. */
const IDLE_SECONDS = 120;

/**
 * Connects, and starts the user's own daemon first where nobody listens. Two clients that do so at once start two, of
 * which the second finds the first's pid file and leaves; both get the first.
 */
export async function connectStarting<T>(
  socket: DaemonSocket,
  surroundings: Surroundings,
  signal: AbortSignal | undefined,
  connect: () => Promise<T>,
): Promise<T> {
  try {
    return await connect();
  } catch (error) {
    if (!isNobodyThere(error)) throw error;
    const failed = await startDaemon(socket, surroundings, error);
    let sinceFailed = 0;
    for (let attempt = 1; ; attempt++) {
      await sleep(PAUSE_MS);
      signal?.throwIfAborted();
      try {
        return await connect();
      } catch (again) {
        if (!isNobodyThere(again)) throw again;
        if (failed.status !== null && ++sinceFailed > PATIENCE)
          throw notStarted(socket, `it ended with status ${failed.status}`, again);
        if (attempt === ATTEMPTS)
          throw notStarted(socket, `it did not listen within ${(PAUSE_MS * ATTEMPTS) / 1000} s`, again);
      }
    }
  }
}

/** Is it that no socket is there, or nobody behind it? */
function isNobodyThere(error: unknown): boolean {
  if (!(error instanceof ConnectionError) || !(error.cause instanceof Error) || !("code" in error.cause)) return false;
  return error.cause.code === "ENOENT" || error.cause.code === "ECONNREFUSED";
}

interface Started {
  /** Not `null` once it has failed. A daemon may well end with 0, having put itself into the background. */
  status: number | string | null;
}

async function startDaemon(socket: DaemonSocket, surroundings: Surroundings, cause: unknown): Promise<Started> {
  const { daemon } = socket;
  const program = findDaemon(daemon, surroundings);
  if (program === null) {
    throw new ConnectionError(
      `nobody listens on ${socket.path}, and there is no ${daemon} to start: install it, or name it by LIBVIRTD_PATH`,
      "error",
      { cause },
    );
  }
  await mkdir(`${surroundings.runtimeDir}/libvirt`, { recursive: true, mode: 0o700 });
  const child = spawn(program, [`--timeout=${IDLE_SECONDS}`], {
    detached: true,
    stdio: "ignore",
    env: daemonEnvironment(surroundings),
  });
  const started: Started = { status: null };
  child.on("exit", (status, signal) => {
    if (status !== 0) started.status = status ?? signal;
  });
  child.on("error", (error) => {
    started.status = error.message;
  });
  await once(child, "spawn").catch(() => {}); // told by `error` as well
  child.unref();
  return started;
}

/** What libvirt hands on to it. */
function daemonEnvironment({ env }: Surroundings): Record<string, string> {
  const names =
    "PATH HOME USER LOGNAME TMPDIR LD_PRELOAD LD_LIBRARY_PATH XDG_CACHE_HOME XDG_CONFIG_HOME XDG_RUNTIME_DIR";
  const found = names.split(" ").flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { LC_ALL: "C", ...Object.fromEntries(found) };
}

function notStarted({ daemon, path }: DaemonSocket, how: string, cause: unknown): ConnectionError {
  return new ConnectionError(
    `${daemon} was started for ${path}, but ${how}; run ${daemon} --verbose by hand to see why`,
    "error",
    { cause },
  );
}
