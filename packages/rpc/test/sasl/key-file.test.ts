import { execFile } from "node:child_process";
import { chmod, mkdtemp, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";
import { keyFile, listUsers, removeUser, setUser } from "../../src/sasl/key-file.ts";
import { isPasswordOf } from "../../src/sasl/scram-keys.ts";
import { patient } from "../helpers/sasl.ts";

let folder: string;
let path: string;
const quick = { iterations: 4096 };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "virnet-users-"));
  path = join(folder, "users");
});

afterEach(() => rm(folder, { recursive: true }));

it("keeps users, for their owner's eyes, and no password", async () => {
  await setUser(path, "alice", "alice-secret", quick);
  await setUser(path, "Bob B.", "bob-secret", { ...quick, mechanisms: ["SCRAM-SHA-1"] });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readFile(path, "utf8")).toMatch(
    /^alice SCRAM-SHA-256\$4096:\S+\nalice SCRAM-SHA-512\$4096:\S+\nBob B\. SCRAM-SHA-1\$4096:\S+\n$/,
  );
  expect(await readdir(folder)).toEqual(["users"]);
  const store = await keyFile(path);
  const found = (await store.find("alice", patient)) ?? [];
  expect(found.map(({ mechanism }) => mechanism)).toEqual(["SCRAM-SHA-256", "SCRAM-SHA-512"]);
  for (const keys of found) expect(await isPasswordOf("alice-secret", keys)).toBe(true);
  expect(await store.find("Bob B.", patient)).toHaveLength(1);
  expect(await store.find("mallory", patient)).toBeNull();
  expect(store.shape?.("SCRAM-SHA-1")).toEqual({ iterations: 4096, saltBytes: 16 });
});

it("strangers look like most users, which takes no longer than to find a user", async () => {
  await setUser(path, "alice", "x", { iterations: 5000, mechanisms: ["SCRAM-SHA-1", "SCRAM-SHA-256"] });
  await setUser(path, "bob", "x", { iterations: 6000, mechanisms: ["SCRAM-SHA-256"] });
  await setUser(path, "carol", "x", { iterations: 6000, mechanisms: ["SCRAM-SHA-256"] });
  const store = await keyFile(path);
  const iterations = (["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const).map(
    (mechanism) => store.shape?.(mechanism).iterations,
  );
  expect(iterations).toEqual([5000, 6000, 32_768]);
  expect(store.shape?.("SCRAM-SHA-256")).toBe(store.shape?.("SCRAM-SHA-256"));
});

it("sees a change that comes while the file is read for the first time", async () => {
  await promisify(execFile)("mkfifo", ["-m", "600", path]);
  const opening = keyFile(path);
  const slow = await open(path, "w");
  await setUser(`${path}.next`, "alice", "one", quick);
  await rename(`${path}.next`, path);
  await slow.close();
  const store = await opening;
  expect(await store.find("alice", patient)).toHaveLength(2);
});

it("sees changes at once, and leaves alone what it does not know", async () => {
  await writeFile(path, "# staff\n\n", { mode: 0o600 });
  const store = await keyFile(path);
  await setUser(path, "alice", "one", quick);
  const before = await store.find("alice", patient);
  await setUser(path, "alice", "two", quick);
  const after = await store.find("alice", patient);
  expect(after).toHaveLength(2);
  expect(after).not.toEqual(before);
  expect(await removeUser(path, "alice")).toBe(true);
  expect(await removeUser(path, "alice")).toBe(false);
  expect(await store.find("alice", patient)).toBeNull();
  expect(await readFile(path, "utf8")).toBe("# staff\n\n");
});

it("loses nobody when many change it at once", async () => {
  const names = Array.from({ length: 8 }, (_, i) => `user${i}`);
  await Promise.all(names.map((name) => setUser(path, name, "x", { ...quick, mechanisms: ["SCRAM-SHA-256"] })));
  expect([...(await listUsers(path))].toSorted()).toEqual(names);
});

it.each(["", "#x", " x", "x ", "\u0007é"])("has no user %j", async (name) => {
  await expect(setUser(path, name, "x", quick)).rejects.toThrow("user name");
});

it("says which line is wrong, without what it holds, and changes nothing then", async () => {
  const text = "# staff\nalice SCRAM-SHA-256$4096:AAAA$c2VjcmV0:AAAA\n";
  await writeFile(path, text, { mode: 0o600 });
  await expect(keyFile(path)).rejects.toThrow(`${path}:2: the stored key has 6 bytes, expected 32`);
  await expect(keyFile(path)).rejects.not.toThrow("c2VjcmV0");
  await expect(setUser(path, "bob", "x", quick)).rejects.toThrow(":2: the stored key has 6 bytes");
  expect(await readFile(path, "utf8")).toBe(text);
  expect(await readdir(folder)).toEqual(["users"]);
});

it("refuses a file that everybody may read, and one that is not there", async () => {
  await expect(keyFile(path)).rejects.toThrow("ENOENT");
  await setUser(path, "alice", "x", quick);
  await chmod(path, 0o604);
  await expect(keyFile(path)).rejects.toThrow(`chmod 600 ${path}`);
  await chmod(path, 0o640);
  expect(await listUsers(path)).toEqual(["alice"]);
});
