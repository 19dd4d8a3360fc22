import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { connect, RpcError } from "virnet";
import { setUser } from "virnet/sasl";
import { afterAll, beforeAll, expect, test } from "vitest";
import { echoServer } from "../src/echo-server.ts";
import { Echo } from "../src/gen/echo.ts";

const dist = join(import.meta.dirname, "..", "dist");
const folder = { path: "" };

beforeAll(async () => {
  folder.path = await mkdtemp(join(tmpdir(), "echo-"));
});
afterAll(() => rm(folder.path, { recursive: true, force: true }));

test("the two programs talk, as the README of the example shows", async () => {
  const socket = join(folder.path, "programs.sock");
  const server = spawn(process.execPath, [join(dist, "server.js"), socket], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(server, "exit");
  await once(server.stdout, "data");
  const { stdout } = await promisify(execFile)(process.execPath, [join(dist, "client.js"), socket]);
  server.kill("SIGTERM");
  expect(stdout).toBe("hello\nhello\nhello\ntick 1\ntick 2\ntick 3\nuploaded\n");
  expect(await readFile(join(folder.path, "client.js"))).toEqual(await readFile(join(dist, "client.js")));
  expect(await exited).toEqual([0, null]);
});

test("with a file of users, who is not in it stays outside", async () => {
  const [socket, users] = [join(folder.path, "guarded.sock"), join(folder.path, "users")];
  await setUser(users, "alice", "secret", { iterations: 4096 });
  const server = spawn(process.execPath, [join(dist, "server.js"), socket, users], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(server.stdout, "data");
  const client = (password: string) =>
    promisify(execFile)(process.execPath, [join(dist, "client.js"), socket, "alice"], {
      env: { ...process.env, ECHO_PASSWORD: password },
    });
  expect((await client("secret")).stdout).toContain("hello");
  await expect(client("wrong")).rejects.toThrow("authentication failed");
  await using stranger = await connect({ path: socket });
  await expect(stranger.program(Echo).say({ text: "x", repeat: 1 })).rejects.toThrow("authentication required");
  server.kill("SIGTERM");
});

test("the server says what is wrong with a request", async () => {
  const path = join(folder.path, "errors.sock");
  await using server = echoServer(folder.path);
  await server.listen({ path });
  await using client = await connect({ path });
  const said = client.program(Echo).say({ text: "hello", repeat: 17 });
  await expect(said).rejects.toThrow(RpcError);
  await expect(said).rejects.toThrow("at most 16 lines, not 17");
});
