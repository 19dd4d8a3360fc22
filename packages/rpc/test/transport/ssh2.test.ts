import { once } from "node:events";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ssh2, { type AuthContext, type ServerChannel } from "ssh2";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Ssh2Address } from "../../src/transport/address.ts";
import { openTransport } from "../../src/transport/open.ts";
import type { SshPrompts } from "../../src/transport/ssh2-login.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { Heard, hear, text, written } from "../helpers/socket-peer.ts";
import { until } from "../helpers/turns.ts";

const hostKey = ssh2.utils.generateKeyPairSync("ed25519").private;
let folder = "";
const cleanup: (() => void)[] = [];
/** End the connections that servers have. */
const hosts: (() => void)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "virnet-ssh2-"));
});

afterEach(async () => {
  for (const end of [...cleanup.splice(0), ...hosts.splice(0)]) end();
  await rm(folder, { recursive: true });
});

interface Host {
  /** Whether sessions are answered. */
  readonly sessions?: boolean;
  readonly login?: (context: AuthContext) => void;
  readonly run?: (channel: ServerChannel, command: string) => void;
}

/** A real ssh server in this process. */
async function host({
  login = (context) => context.accept(),
  run = echo,
  sessions = true,
}: Host): Promise<Ssh2Address> {
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
    client.on("error", () => {});
    client.on("authentication", login);
    client.on("session", (accept) => {
      if (sessions) accept().on("exec", (take, _refuse, { command }) => run(take(), command));
    });
    hosts.push(() => client.end());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanup.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  return {
    ssh2: "127.0.0.1",
    port,
    user: "fred",
    methods: ["password", "keyboard-interactive"],
    knownHosts: join(folder, "known_hosts"),
    knownHostsVerify: "auto",
    path: "/run/sock",
  };
}

const echo = (channel: ServerChannel): void => void channel.pipe(channel);

async function open(address: Ssh2Address, prompts: SshPrompts = { password: () => "secret" }, signal?: AbortSignal) {
  const transport = await openTransport(address, signal, { ssh: prompts });
  cleanup.push(() => transport.destroy(new ConnectionError("the test is over", "closed")));
  return transport;
}

describe("ssh in process", () => {
  it("carries bytes both ways, and has closed its socket when it says so", async () => {
    const commands: string[] = [];
    const transport = await open(await host({ run: (channel, command) => (commands.push(command), echo(channel)) }));
    const heard = new Heard(transport);
    await written(transport, Uint8Array.of(0, 1, 2));
    await until(() => heard.bytes.length === 3);
    transport.end();
    expect(await heard.whenClosed()).toMatchObject({ reason: "closed" });
    expect(commands).toEqual([expect.stringContaining("$ARG -U /run/sock'")]);
  });

  it("can't take a host for known whose key it can't write down", async () => {
    const knownHosts = join(folder, "elsewhere");
    await symlink(join(folder, "missing", "known_hosts"), knownHosts);
    const refusal = open({ ...(await host({})), knownHosts });
    await expect(refusal).rejects.toThrow(`${knownHosts}, where the host key of 127.0.0.1 is to go, can't be written`);
    await expect(refusal).rejects.toBeInstanceOf(ConnectionError);
  });

  it("asks for a password as often as ssh does", async () => {
    const attempts: number[] = [];
    const address = await host({
      login: (context) =>
        context.method === "password" && context.password === "right" ? context.accept() : context.reject(["password"]),
    });
    const password = ({ attempt }: { attempt: number }): string => {
      attempts.push(attempt);
      return attempt === 3 ? "right" : "wrong";
    };
    await open(address, { password });
    expect(attempts).toEqual([1, 2, 3]);
    await expect(open(address, { password: () => "wrong" })).rejects.toThrow(
      /fred@127\.0\.0\.1 is not let in \(tried a password, a password, a password, no answers/,
    );
    await expect(open(address, { password: () => null })).rejects.toThrow("is not let in");
  });

  it("answers questions", async () => {
    const asked: unknown[] = [];
    const address = await host({
      login: (context) => {
        if (context.method !== "keyboard-interactive") return context.reject(["keyboard-interactive"]);
        context.prompt([{ prompt: "Token: ", echo: true }], "Title", "Look at it", (answers) =>
          answers[0] === "42" ? context.accept() : context.reject(),
        );
      },
    });
    const challenge: SshPrompts["challenge"] = ({ title, prompts }) => {
      asked.push(title, prompts);
      return ["42"];
    };
    await open(address, { challenge, password: () => "unasked" });
    expect(asked).toEqual(["Title", [{ text: "Token: ", echo: true }]]);
    await expect(open(address, { challenge: () => null })).rejects.toThrow("is not let in");
    await expect(open(address, { challenge: () => Promise.reject(new Error("closed window")) })).rejects.toThrow(
      "is not let in",
    );
  });

  it("fails with what a prompt throws", async () => {
    const address = await host({ login: (context) => context.reject(["password"]) });
    const failure = new Error("the keyring is locked");
    await expect(open(address, { password: () => Promise.reject(failure) })).rejects.toBe(failure);
  });

  it("tells what the far side said when it ends", async () => {
    const address = await host({
      run: (channel) => {
        channel.stderr.write("nc: /run/sock: No such file or directory\n");
        channel.exit(1);
        channel.end();
      },
    });
    expect(await hear(await open(address)).whenClosed()).toMatchObject({
      reason: "error",
      message: expect.stringContaining("there is no socket /run/sock on 127.0.0.1"),
    });
  });

  it("refuses text instead of messages", async () => {
    const address = await host({ run: (channel) => void channel.write("Welcome!\n") });
    expect((await hear(await open(address)).whenClosed()).message).toContain('answered with text: "Welcome!"');
  });

  it("gives up one who says nothing: at login, with the signal, and after it", async () => {
    const mute = await host({ login: () => {} });
    await expect(open({ ...mute, loginMs: 200 })).rejects.toThrow("nobody was logged in within 200 ms");
    await expect(open(mute, undefined, AbortSignal.timeout(100))).rejects.toMatchObject({ name: "TimeoutError" });
    const idle = await host({ sessions: false });
    await expect(open({ ...idle, answerMs: 100 })).rejects.toThrow("it ran nothing within 100 ms");
    await expect(open(idle, undefined, AbortSignal.timeout(300))).rejects.toMatchObject({ name: "TimeoutError" });
    const transport = await open({ ...(await host({ run: () => {} })), answerMs: 100 });
    const heard = new Heard(transport);
    transport.write(text("call"), () => {});
    expect((await heard.whenClosed()).message).toContain("no answer in 100 ms");
  });

  it("stops reading, and the far side soon stops sending", async () => {
    let sent = 0;
    const address = await host({
      run: (channel) => {
        const send = (): void => {
          while (sent < 100) {
            sent++;
            if (!channel.write(new Uint8Array(65_536))) return void channel.once("drain", send);
          }
          channel.end();
        };
        send();
      },
    });
    const transport = await open(address);
    const heard = new Heard(transport);
    await until(() => heard.bytes.length > 0);
    transport.pause();
    await new Promise((done) => setTimeout(done, 300));
    expect(sent).toBeLessThan(100);
    transport.resume();
    await until(() => heard.bytes.length === 100 * 65_536);
  });

  it("calls back for all that was written, though nobody took it", async () => {
    const transport = await open(await host({ run: () => {} }));
    const heard = new Heard(transport);
    let done = 0;
    for (let i = 0; i < 10; i++) transport.write(new Uint8Array(2_000_000), () => done++);
    transport.destroy(new ConnectionError("enough", "protocol"));
    expect(await heard.whenClosed()).toMatchObject({ message: "enough" });
    await until(() => done === 10);
  });

  it("ends when the connection does", async () => {
    const transport = await open(await host({ run: () => {} }));
    const heard = new Heard(transport);
    for (const end of hosts.splice(0)) end();
    expect((await heard.whenClosed()).reason).toMatch(/eof|error/);
  });
});
