import { readdirSync, readFileSync } from "node:fs";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { connect } from "../../src/connect.ts";
import type { CommandAddress } from "../../src/transport/address.ts";
import { openCommand } from "../../src/transport/command.ts";
import { openTransport } from "../../src/transport/open.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { Echo } from "../helpers/echo.ts";
import { Heard, hear, text, written } from "../helpers/socket-peer.ts";
import { until } from "../helpers/turns.ts";

const opened: Transport[] = [];
let runners: ReadonlySet<string> = new Set();

beforeAll(() => {
  if (process.platform === "linux") runners = new Set(children());
});

afterEach(async () => {
  for (const transport of opened.splice(0)) transport.destroy(new ConnectionError("the test is over", "closed"));
  if (process.platform === "linux") await until(() => children().length === 0);
});

async function run(address: CommandAddress, signal?: AbortSignal): Promise<Transport> {
  const transport = await openTransport(address, signal);
  opened.push(transport);
  return transport;
}

const shell = (script: string, more: Partial<CommandAddress> = {}): Promise<Transport> =>
  run({ command: "sh", args: ["-c", script], ...more });

/** Processes that this one has started and not yet reaped, but for those of the test runner. */
function children(): string[] {
  const all = readdirSync(`/proc/${process.pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${process.pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean),
  );
  return all.filter((pid) => !runners.has(pid));
}

describe.runIf(process.platform === "linux")("a program as the wire", () => {
  it("carries bytes both ways, and is gone when the transport says it is closed", async () => {
    const transport = await run({ command: "cat" });
    const heard = new Heard(transport);
    expect(transport.remote).toEqual({ family: "command", command: "cat" });
    await written(transport, text("hello"));
    await until(() => heard.text === "hello");
    transport.end();
    expect(await heard.whenClosed()).toMatchObject({ name: "ConnectionError", reason: "closed" });
    expect(children()).toEqual([]);
  });

  it("sees the end of its input, and what it says then is heard", async () => {
    const transport = await run({ command: "wc", args: ["-c"] });
    const heard = new Heard(transport);
    for (let i = 0; i < 100; i++) transport.write(new Uint8Array(100_000), () => {});
    transport.end();
    await heard.whenClosed();
    expect(heard.text.trim()).toBe("10000000");
  });

  it("has the environment it is given, and no other", async () => {
    const transport = await run({ command: "/usr/bin/env", env: { A: "1", B: "two words" } });
    const heard = new Heard(transport);
    await heard.whenClosed();
    expect(heard.text).toBe("A=1\nB=two words\n");
  });

  it("takes head and body in one", async () => {
    const transport = await run({ command: "cat" });
    const heard = new Heard(transport);
    await new Promise<void>((done) => transport.writePair?.(text("head "), text("body"), done));
    await until(() => heard.text === "head body");
  });
});

describe.runIf(process.platform === "linux")("a program that ends", () => {
  it.each([
    ["exit 0", "eof", "the program ended with status 0"],
    ["exit 3", "error", "the program ended with status 3"],
    ["echo alas >&2; exit 4", "error", "the program ended with status 4: alas"],
    ["kill -9 $$", "error", "the program was ended by SIGKILL"],
    ["printf 'a\\r\\n\\033[2Jb\\n\\n' >&2; exit 1", "error", "status 1: a\n\uFFFD[2Jb"],
  ])("%s", async (script, reason, message) => {
    const error = await new Heard(await shell(script)).whenClosed();
    expect(error.reason).toBe(reason);
    expect(error.message.slice(-message.length)).toBe(message);
    expect(children()).toEqual([]);
  });

  it("has said all it had to say before", async () => {
    const transport = await shell("head -c 3000000 /dev/zero; exit 7");
    const heard = new Heard(transport);
    transport.pause();
    await until(() => children().length > 0);
    transport.resume();
    expect((await heard.whenClosed()).message).toContain("status 7");
    expect(heard.bytes.length).toBe(3_000_000);
  });

  it("though nobody reads it yet, is told of at the start", async () => {
    const transport = await shell("printf late; exit 5");
    await until(() => children().length === 0);
    const heard = new Heard(transport);
    expect((await heard.whenClosed()).message).toContain("status 5");
    expect(heard.text).toBe("late");
  });

  it("leaves only the last of a long complaint", async () => {
    const error = await new Heard(
      await shell("yes complaint | head -c 1000000 >&2; echo the end >&2; exit 1"),
    ).whenClosed();
    expect(error.message.length).toBeLessThan(5000);
    expect(error.message).toMatch(/the end$/);
  });

  it("is not waited for by way of those who inherited its standard error", async () => {
    const error = await new Heard(await shell("sleep 100 >/dev/null <&- & echo early >&2; exit 6")).whenClosed();
    expect(error.message).toContain("status 6: early");
  });

  it("is not waited for by way of those who inherited its standard output", async () => {
    const heard = new Heard(await shell("sleep 100 <&- 2>/dev/null & printf early; exit 6"));
    expect((await heard.whenClosed()).message).toContain("status 6");
    expect(heard.text).toBe("early");
  });

  it("is heard to the end by those who are slow", async () => {
    const transport = await shell("sleep 100 <&- 2>/dev/null & head -c 100000 /dev/zero; exit 6");
    const heard = new Heard(transport);
    transport.pause();
    await until(() => children().length === 0);
    await new Promise((fulfil) => setTimeout(fulfil, 1500)); // longer than a fast one would be waited for
    transport.resume();
    expect((await heard.whenClosed()).message).toContain("status 6");
    expect(heard.bytes.length).toBe(100_000);
  });

  it("takes calls that nobody answers with it", async () => {
    const client = await connect({
      command: "sh",
      args: ["-c", "head -c 4 >/dev/null; echo no such thing >&2; exit 9"],
    });
    await expect(client.program(Echo).say({ text: "a", repeat: 1 })).rejects.toThrow(
      /sh -c .*: the program ended with status 9: no such thing/,
    );
    await client.close();
  });
});

describe.runIf(process.platform === "linux")("a program that does not end", () => {
  it("when its input does, is asked to, and then made to", async () => {
    const transport = await shell("trap '' TERM; while :; do sleep 0.05; done");
    const heard = new Heard(transport);
    transport.end();
    expect((await heard.whenClosed()).reason).toBe("closed");
    expect(children()).toEqual([]);
  });

  it("ends with all that it has started", async () => {
    const transport = await shell("sleep 321 & echo $!; wait");
    const heard = new Heard(transport);
    await until(() => heard.text.endsWith("\n"));
    const grandchild = Number(heard.text);
    expect(() => process.kill(grandchild, 0)).not.toThrow();
    transport.destroy(new ConnectionError("enough", "protocol"));
    expect(await heard.whenClosed()).toMatchObject({ message: "enough", reason: "protocol" });
    await until(() => !alive(grandchild));
  });

  it("closes its output, and is not kept for that", async () => {
    const transport = await shell("exec >&-; sleep 322");
    expect((await new Heard(transport).whenClosed()).message).toContain("was ended by SIGTERM");
    expect(children()).toEqual([]);
  });

  it("answers in time, or is ended with what it said", async () => {
    const transport = await shell("echo password: >&2; sleep 323", { answerMs: 300 });
    const heard = new Heard(transport);
    transport.write(text("call"), () => {});
    const error = await heard.whenClosed();
    expect(error.message).toMatch(/no answer in 300 ms: the program has not ended: password:$/);
    expect(children()).toEqual([]);
  });

  it("has answered with its first byte", async () => {
    const transport = await shell("cat; sleep 0.4", { answerMs: 150 });
    const heard = new Heard(transport);
    await written(transport, text("call"));
    await until(() => heard.text === "call");
    await new Promise((done) => setTimeout(done, 300));
    expect(heard.closed).toBeUndefined();
  });

  it("has no terminal to ask for a password", async () => {
    const heard = new Heard(await shell("(: </dev/tty) 2>/dev/null && echo terminal || echo none"));
    await heard.whenClosed();
    expect(heard.text).toBe("none\n");
  });
});

/** A zombie of the system's first process, where that does not reap, counts as gone. */
function alive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

describe.runIf(process.platform === "linux")("pressure", () => {
  it("really stops reading, and all comes once it goes on", async () => {
    const transport = await shell("head -c 20000000 /dev/zero");
    const heard = new Heard(transport);
    await until(() => heard.bytes.length > 0);
    transport.pause();
    await new Promise((done) => setTimeout(done, 100));
    const before = heard.bytes.length;
    await new Promise((done) => setTimeout(done, 200));
    expect(heard.bytes.length).toBe(before);
    expect(before).toBeLessThan(15_000_000);
    transport.resume();
    await heard.whenClosed();
    expect(heard.bytes.length).toBe(20_000_000);
  });

  it("holds what is written until the program reads", async () => {
    const transport = await shell("sleep 324");
    hear(transport);
    let done = 0;
    for (let i = 0; i < 40; i++) transport.write(new Uint8Array(1_000_000), () => done++);
    await new Promise((later) => setTimeout(later, 200));
    expect(done).toBeLessThan(40);
    transport.destroy(new ConnectionError("enough", "closed"));
    await until(() => done === 40);
  });
});

describe("a program that can't be started", () => {
  it("is told by name", async () => {
    const failed = openTransport({ command: "/nonexistent/program" });
    await expect(failed).rejects.toMatchObject({
      name: "ConnectionError",
      reason: "error",
      message: "/nonexistent/program: no such program (ENOENT); install it, or name another",
    });
    await expect(openTransport({ command: "/etc/passwd" })).rejects.toThrow("permission denied (EACCES)");
    await expect(openTransport({ command: "" })).rejects.toThrow("cannot be empty");
  });

  it("has no TLS", async () => {
    const { openTls } = await import("../../src/transport/tls-client.ts");
    await expect(openTls({ command: "cat" }, {} as never)).rejects.toThrow("TLS needs a socket");
  });

  it("stops before and while it starts", async () => {
    const reason = new Error("no more");
    await expect(openCommand({ command: "cat" }, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const opening = openCommand({ command: "cat" }, controller.signal);
    controller.abort(reason);
    await expect(opening).rejects.toBe(reason);
    await until(() => children().length === 0);
  });
});
