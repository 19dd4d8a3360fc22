import { constants } from "node:fs";
import { type FileHandle, open, readFile, rename, stat, unlink } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { KeyShape, KeyStore } from "./key-store.ts";
import { prepared } from "./prepared.ts";
import { ITERATIONS, SALT_BYTES, type ScramKeys, type ScramName } from "./scram-hash.ts";
import { formatKeys, parseKeys, scramKeys } from "./scram-keys.ts";

/*
 * A file of users: per line a user's name, white space, and one key in the form of RFC 5803. A user has one line per
 * mechanism. Lines that are empty or begin with # are kept as they are. No password can be got from it, but guesses can
 * be tried, so it is for its owner's eyes.
 */

interface Users {
  readonly byName: ReadonlyMap<string, readonly ScramKeys[]>;
  /** What most keys of a mechanism look like: reckoned beforehand, or strangers would be told from users by the time that it takes. */
  readonly shapes: ReadonlyMap<ScramName, KeyShape>;
}

/** Somebody else changes the file: we wait this long for them. */
const LOCK_MS = 5000;
const LOCK_POLL_MS = 50;
const OTHERS = constants.S_IROTH | constants.S_IWOTH | constants.S_IXOTH;

/**
 * The users of a file, for a server. Changes of the file count from the next login on. Rejects with the system's error when
 * it can't be read, with `TypeError` when a line is wrong (naming file and line) or everybody may read it.
 */
export async function keyFile(path: string): Promise<KeyStore> {
  // Ahead of the reading: should the file change meanwhile, it is read again.
  let version = await versionOf(path);
  let users = await readUsers(path);
  return {
    async find(user) {
      const now = await versionOf(path);
      if (now !== version) {
        users = await readUsers(path);
        version = now;
      }
      return users.byName.get(user) ?? null;
    },
    shape: (mechanism) => users.shapes.get(mechanism) ?? newShape,
  };
}

/** The names in a file of users, in its order. Rejects as {@link keyFile} does. */
export async function listUsers(path: string): Promise<readonly string[]> {
  return [...(await readUsers(path)).byName.keys()];
}

export interface SetUserOptions {
  /** Those that the user may log in with, besides PLAIN; `SCRAM-SHA-256` and `SCRAM-SHA-512` unless given. */
  readonly mechanisms?: readonly ScramName[];
  /** What a guess of the password shall cost: 32768 unless given. */
  readonly iterations?: number;
}

/**
 * Adds a user, or gives one a new password; makes the file where there is none. The file is there in whole at any time,
 * either as it was or as it shall be, with mode 0600. Rejects as {@link keyFile} and `scramKeys` do.
 */
export async function setUser(
  path: string,
  user: string,
  password: string,
  options: SetUserOptions = {},
): Promise<void> {
  const { mechanisms = ["SCRAM-SHA-256", "SCRAM-SHA-512"], iterations = ITERATIONS } = options;
  const name = await prepared(user, "user name");
  if (name !== name.trim() || name.startsWith("#")) {
    throw new TypeError("a user name can't begin with # or white space, nor end with white space");
  }
  if (mechanisms.length === 0) throw new TypeError("a user needs a mechanism");
  const keys = await Promise.all(mechanisms.map((mechanism) => scramKeys(password, { mechanism, iterations })));
  await change(path, (lines) => [...without(lines, name), ...keys.map((key) => `${name} ${formatKeys(key)}`)]);
}

/** Removes a user; false when there was none. Rejects as {@link keyFile} does. */
export async function removeUser(path: string, user: string): Promise<boolean> {
  const name = await prepared(user, "user name");
  let wasThere = false;
  await change(path, (lines) => {
    const rest = without(lines, name);
    wasThere = rest.length < lines.length;
    return rest;
  });
  return wasThere;
}

async function readUsers(path: string): Promise<Users> {
  const [text, { mode }] = await Promise.all([readFile(path, "utf8"), stat(path)]);
  if ((mode & OTHERS) !== 0) throw new TypeError(`${path} is open to everybody: chmod 600 ${path}`);
  const users = new Map<string, ScramKeys[]>();
  for (const [at, line] of text.split("\n").entries()) {
    const entry = entryOf(line);
    if (entry === undefined) continue;
    const keys = users.get(entry.user) ?? [];
    users.set(entry.user, [...keys, readKeys(entry.keys, `${path}:${at + 1}`)]);
  }
  return { byName: users, shapes: usualShapes([...users.values()].flat()) };
}

function entryOf(line: string): { user: string; keys: string } | undefined {
  const text = line.trim();
  if (text === "" || text.startsWith("#")) return undefined;
  const at = text.search(/\S+$/);
  return { user: text.slice(0, at).trim(), keys: text.slice(at) };
}

function readKeys(text: string, place: string): ScramKeys {
  try {
    return parseKeys(text);
  } catch (error) {
    throw new TypeError(`${place}: ${error instanceof Error ? error.message : "unreadable"}`, { cause: error });
  }
}

function without(lines: readonly string[], user: string): string[] {
  return lines.filter((line) => entryOf(line)?.user !== user);
}

/** The new file, while it is written, is what keeps others from doing the same. */
async function change(path: string, edit: (lines: readonly string[]) => readonly string[]): Promise<void> {
  const next = `${path}.new`;
  const file = await openAlone(next);
  try {
    const lines = (await textOrNothing(path)).split("\n");
    if (lines.at(-1) === "") lines.pop();
    await file.writeFile(
      edit(lines)
        .map((line) => `${line}\n`)
        .join(""),
    );
    await file.sync();
    await file.close();
    await readUsers(next);
    await rename(next, path);
  } catch (error) {
    await file.close().catch(() => undefined);
    await unlink(next);
    throw error;
  }
}

async function openAlone(path: string): Promise<FileHandle> {
  for (const end = performance.now() + LOCK_MS; ; ) {
    try {
      return await open(path, "wx", 0o600);
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw error;
      if (performance.now() > end) {
        throw new Error(`${path} is there: somebody changes the users, or was stopped when doing so; then remove it`, {
          cause: error,
        });
      }
      await delay(LOCK_POLL_MS);
    }
  }
}

async function textOrNothing(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return "";
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

async function versionOf(path: string): Promise<string> {
  const { ino, mtimeNs, size } = await stat(path, { bigint: true });
  return `${ino} ${mtimeNs} ${size}`;
}

/** Of keys as they are made now, for a mechanism that nobody has. */
const newShape: KeyShape = { iterations: ITERATIONS, saltBytes: SALT_BYTES };

function usualShapes(all: readonly ScramKeys[]): ReadonlyMap<ScramName, KeyShape> {
  const counts = new Map<string, number>();
  const usual = new Map<ScramName, { readonly shape: KeyShape; readonly count: number }>();
  for (const { mechanism, iterations, salt } of all) {
    const id = `${mechanism} ${iterations} ${salt.length}`;
    const count = (counts.get(id) ?? 0) + 1;
    counts.set(id, count);
    if (count > (usual.get(mechanism)?.count ?? 0))
      usual.set(mechanism, { shape: { iterations, saltBytes: salt.length }, count });
  }
  return new Map([...usual].map(([mechanism, { shape }]) => [mechanism, shape]));
}
