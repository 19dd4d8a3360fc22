import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, assert, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { spawnDaemon, spawnTestd, testdPath } from "./helpers/daemon.ts";
import { describeWithPeers } from "./helpers/peers.ts";
import { runProgram } from "./helpers/program.ts";
import { repositoryPath } from "./helpers/scripts.ts";
import { virsh } from "./helpers/virsh.ts";

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "systemd-"));
});

afterAll(() => rm(folder, { recursive: true }));

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo; // it listens on TCP
  server.close();
  await once(server, "close");
  return port;
}

/** The program that opens sockets and starts another with the first client, as systemd would. */
async function activate(args: readonly string[], command: readonly string[]): Promise<{ said: () => string }> {
  const child = spawn("systemd-socket-activate", [...args, ...command], { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => end(child));
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => said.push(String(chunk)));
  const sockets = args.filter((arg) => arg === "-l").length;
  await expect.poll(() => said.join("").split("Listening on").length - 1, { timeout: 20_000 }).toBe(sockets);
  return { said: () => said.join("") };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  await gone;
}

describeWithPeers(["systemd-socket-activate", "virsh"], "activation", () => {
  it("gives testd its sockets by name: virsh starts it, over UNIX and over TCP", async () => {
    const path = join(folder, "activated.sock");
    const port = await freePort();
    const sockets = ["-l", path, "-l", `127.0.0.1:${port}`, "--fdname=unix:tcp"];
    const { said } = await activate(sockets, [process.execPath, testdPath, "--json", "--native", "--clients"]);
    for (const uri of [`test+unix:///default?socket=${path}`, `test+tcp://127.0.0.1:${port}/default`])
      expect(await virsh(uri, "list")).toMatchObject({ status: 0, stdout: expect.stringContaining("running") });
    const line = said()
      .split("\n")
      .find((one) => one.includes('"listening"'));
    expect(JSON.parse(line ?? "")).toMatchObject({ listening: [{ path }, { host: "127.0.0.1", port }] });
    expect(said()).toContain(`"unix":{"pid":`);
  });

  it("with a name that is not expected is refused, and said", async () => {
    const path = join(folder, "odd.sock");
    const { said } = await activate(["-l", path, "--fdname=unx"], [process.execPath, testdPath]);
    net.connect(path).on("error", () => {});
    await expect.poll(said, { timeout: 20_000 }).toContain('named "unx", expected one of unix, tcp');
  });

  it("gives sockets that programs started from there don't inherit", async () => {
    const path = join(folder, "inherit.sock");
    const script = `const { spawnSync } = require("node:child_process");
      const read = (process) => spawnSync("readlink", ["/proc/" + process + "/fd/3"]).stdout.toString().slice(0, 6);
      console.log("ours:", read(process.pid), "inherited:", read("self") || "none");`;
    const { said } = await activate(["-l", path], [process.execPath, "-e", script]);
    net.connect(path).on("error", () => {});
    await expect.poll(said, { timeout: 20_000 }).toContain("ours: socket inherited: none");
  });

  it("starts the example", async () => {
    const path = join(folder, "echo.sock");
    const dist = repositoryPath("examples/echo/dist");
    const command = [process.execPath, join(dist, "server.js")];
    await activate(["-l", path, "-E", `STATE_DIRECTORY=${folder}`], command);
    const { stdout } = await runProgram(process.execPath, [join(dist, "client.js"), path]);
    expect(stdout).toContain("hello\n");
  });
});

/** Python's end of a notification socket, which prints what it hears. */
async function listener(path: string): Promise<{ heard: () => string[] }> {
  const script = `
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(${JSON.stringify(path)}.replace("@", chr(0), 1) if ${path.startsWith("@") ? "True" : "False"} else ${JSON.stringify(path)})
print("bound", flush=True)
while True: print(s.recv(4096).decode().replace(chr(10), "|"), flush=True)`;
  const child = spawn("python3", ["-c", script], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => end(child));
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += String(chunk)));
  await expect.poll(() => said, { timeout: 20_000 }).toContain("bound");
  // systemd-notify wants to know that it was heard, which is between the two programs.
  return {
    heard: () =>
      said
        .trim()
        .split("\n")
        .slice(1)
        .filter((line) => line !== "BARRIER=1"),
  };
}

describeWithPeers(["systemd-socket-activate"], "word to the service manager", () => {
  describe.each([
    ["by testd itself", ["--native"]],
    ["by systemd-notify", []],
  ])("sent %s", (_, options) => {
    it.each(["path", "abstract"])("reaches a socket of kind %s", async (kind) => {
      const name = `notify-${kind}-${options.length}`;
      const path = kind === "path" ? join(folder, name) : `@virnet-${process.pid}-${name}`;
      const { heard } = await listener(path);
      const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: "400000" };
      const socket = join(folder, `${name}.sock`);
      const testd = await spawnTestd(["--socket", socket, ...options], { env });
      await expect.poll(heard, { timeout: 20_000 }).toContain("WATCHDOG=1");
      await testd[Symbol.asyncDispose]();
      await expect.poll(() => heard().at(-1), { timeout: 20_000 }).toBe("STOPPING=1");
      expect(heard()[0]).toBe(`READY=1|STATUS=test+unix:///default?socket=${socket}`);
      expect(await testd.exited).toBe(0);
    });
  });

  it("is given when asked to reload, also by a testd that has nothing to read again", async () => {
    const path = join(folder, "notify-reload");
    const { heard } = await listener(path);
    const socket = join(folder, "reload.sock");
    await using testd = await spawnTestd(["--socket", socket, "--native"], { env: { NOTIFY_SOCKET: path } });
    await expect.poll(heard, { timeout: 20_000 }).toHaveLength(1);
    testd.kill("SIGHUP");
    await expect.poll(heard, { timeout: 20_000 }).toHaveLength(3);
    expect(heard()[1]).toMatch(/^RELOADING=1\|MONOTONIC_USEC=\d+$/);
    expect(heard()[2]).toBe("READY=1");
    testd.kill("SIGTERM");
    expect(await testd.exited).toBe(0);
  });

  it("that nobody hears keeps nobody from serving", async () => {
    const env = { NOTIFY_SOCKET: join(folder, "nobody") };
    const command = [testdPath, "--socket", join(folder, "unheard.sock"), "--json", "--native"];
    await using testd = await spawnDaemon(process.execPath, command, { env });
    await expect.poll(() => testd.stderr(), { timeout: 20_000 }).toContain("systemd could not be told: ENOENT");
    testd.kill("SIGTERM");
    expect(await testd.exited).toBe(0);
  });

  it("and the units make sense to systemd", async () => {
    const units = ["packages/testd/systemd", "examples/echo/systemd"].map(repositoryPath);
    const { stdout } = await runProgram("find", [...units, "-type", "f"]);
    const files = stdout.trim().split("\n");
    assert(files.length === 5);
    expect(await runProgram("systemd-analyze", ["verify", "--man=no", ...files])).toMatchObject({
      status: 0,
      stderr: "",
    });
  });
});
