import { execFile } from "node:child_process";
import { closeSync, readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Client, ConnectionError, connect, RpcError } from "virnet";
import { type Call, Server, type ServerClient } from "virnet/server";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { deferred } from "../../../rpc/src/util/deferred.ts";
import { Echo } from "../../../rpc/test/helpers/echo.ts";
import { until } from "../../../rpc/test/helpers/turns.ts";
import { loadUnix } from "../../src/unix/unix.ts";
import { drained, openDescriptors, openFile, temporaryFolder } from "../helpers/descriptors.ts";

type Unix = Awaited<ReturnType<typeof loadUnix>>;
type Say = (args: { text: string; repeat: number }, call: Call) => { lines: string[] } | Promise<{ lines: string[] }>;

let unix: Unix;

beforeAll(async () => {
  unix = await loadUnix();
});

interface Pair {
  readonly client: Client;
  readonly server: Server;
  readonly path: string;
  readonly say: (
    text: string,
    options?: Parameters<ReturnType<typeof echoOf>["say"]>[1],
  ) => Promise<{ lines: string[] }>;
}

const echoOf = (client: Client) => client.program(Echo);

/** A server whose `say` is this handler, and a client of it; both pass descriptors unless told otherwise. */
async function pair(say: Say, sides = { server: true, client: true }): Promise<Pair> {
  const path = join(temporaryFolder(), "s");
  const server = new Server({ name: "passing", onHandlerError: () => {} }).add(Echo, { say });
  await server.listen({ path }, sides.server ? { unix } : {});
  const client = await connect({ path }, sides.client ? { unix } : {});
  onTestFinished(async () => {
    await client.close();
    await server.close();
  });
  return {
    client,
    server,
    path,
    say: (text, options) => echoOf(client).say({ text, repeat: 1 }, options),
  };
}

const onlyClient = (server: Server): ServerClient => {
  const [client] = [...server.clients];
  if (client === undefined) throw new Error("no client");
  return client;
};

describe("identity", () => {
  it("is the process at the other end", async () => {
    const { server, say } = await pair(() => ({ lines: [] }));
    await say("hello");
    const { username } = userInfo();
    const stat = readFileSync("/proc/self/stat", "latin1");
    expect(onlyClient(server).identity.unix).toMatchObject({
      pid: process.pid,
      uid: process.getuid?.(),
      gid: process.getgid?.(),
      userName: username,
      groupName: expect.any(String),
      processStart: BigInt(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? ""),
    });
  });

  it("of a user and a group without names has none", () => {
    expect(unix.userName(4_000_000_000)).toBeNull();
    expect(unix.groupName(4_000_000_000)).toBeNull();
    expect([unix.userName(0), unix.userName(0)]).toEqual(["root", "root"]);
    expect(unix.groupName(0)).toBe("root");
  });

  it("is not known without this package", async () => {
    const { server, say } = await pair(() => ({ lines: [] }), { server: false, client: false });
    await say("hello");
    expect(onlyClient(server).identity.unix).toBeNull();
  });

  it("is not known over TCP, where this package changes nothing", async () => {
    const server = new Server({ name: "tcp" }).add(Echo, { say: ({ text }) => ({ lines: [text] }) });
    const { port = 0 } = await server.listen({ host: "127.0.0.1", port: 0 }, { unix });
    const client = await connect({ host: "127.0.0.1", port }, { unix });
    expect(await echoOf(client).say({ text: "over TCP", repeat: 1 })).toEqual({ lines: ["over TCP"] });
    expect(onlyClient(server).identity.unix).toBeNull();
    await client.close();
    await server.close();
  });
});

describe("descriptors", () => {
  it("go with a call, in their order", async () => {
    const { say } = await pair((_, { descriptors }) => ({ lines: descriptors.takeAll().map(drained) }));
    const files = ["one", "two", "three"].map(openFile);
    expect(await say("take these", { descriptors: files })).toEqual({ lines: ["one", "two", "three"] });
    expect(await say("and none")).toEqual({ lines: [] });
  });

  it("come with a reply, in their order", async () => {
    const { say } = await pair((_, { descriptors }) => {
      for (const content of ["four", "five"]) descriptors.attach(openFile(content));
      return { lines: ["here"] };
    });
    const got: string[] = [];
    const onDescriptors = (received: { takeAll(): number[] }): void =>
      void got.push(...received.takeAll().map(drained));
    expect(await say("give", { onDescriptors })).toEqual({ lines: ["here"] });
    expect(got).toEqual(["four", "five"]);
  });

  it("may be 32 each way, among other calls, again and again, and none is left", async () => {
    const { say } = await pair(({ text }, { descriptors }) => {
      const lines = [text, String(descriptors.size)];
      for (const descriptor of descriptors.takeAll()) {
        descriptors.attach(descriptor);
        closeSync(descriptor);
      }
      return { lines };
    });
    const file = openFile("x");
    const before = openDescriptors();
    for (let round = 0; round < 5; round++) {
      const calls = Array.from({ length: 40 }, async (_, i) => {
        let came = 0;
        const count = i % 4 === 0 ? 32 : i % 3;
        const onDescriptors = ({ size }: { size: number }): void => void (came = size);
        const said = `${i}:${"x".repeat(i * 100)}`;
        const { lines } = await say(said, { descriptors: Array<number>(count).fill(file), onDescriptors });
        return lines[0] === said && lines[1] === String(count) && came === count;
      });
      expect(await Promise.all(calls)).toEqual(Array<boolean>(40).fill(true));
    }
    await until(() => openDescriptors().length === before.length);
  });

  it("are closed when nobody takes them, on either side", async () => {
    const { say } = await pair((_, { descriptors }) => {
      descriptors.attach(0);
      return { lines: [String(descriptors.size)] };
    });
    const before = openDescriptors();
    expect(await say("ignore", { descriptors: [0, 1] })).toEqual({ lines: ["2"] });
    expect(openDescriptors()).toEqual(before);
  });

  it.each<[string, Say]>([
    ["refuses", () => Promise.reject(new RpcError("no"))],
    ["fails", () => Promise.reject(new Error("a bug"))],
    ["returns what can't be sent", () => ({ lines: Array<string>(17).fill("") })],
  ])("are closed when the handler %s", async (_, say) => {
    const { say: call } = await pair((args, passed) => {
      passed.descriptors.attach(0);
      return say(args, passed);
    });
    const before = openDescriptors();
    await expect(call("x", { descriptors: [0, 1, 2] })).rejects.toBeInstanceOf(RpcError);
    await until(() => openDescriptors().length === before.length);
  });

  it("are closed when the client goes while the handler works", async () => {
    const started: Call[] = [];
    const { client, server, say } = await pair((_, call) => {
      started.push(call);
      call.descriptors.attach(0);
      return new Promise(() => {});
    });
    const before = openDescriptors().length;
    const lost = say("wait", { descriptors: [0, 1] }).catch((error: unknown) => error);
    await until(() => started.length === 1);
    expect(openDescriptors().length).toBe(before + 3);
    await client.close();
    await lost;
    await until(() => [...server.clients].length === 0);
    expect(openDescriptors().length).toBe(before - 2);
    started[0]?.descriptors.attach(0);
    expect(openDescriptors().length).toBe(before - 2);
  });

  it("of a reply that nobody waits for any more are closed", async () => {
    const { promise, resolve } = deferred<undefined>();
    const { client, say } = await pair(async (_, { descriptors }) => {
      await promise;
      descriptors.attach(0);
      return { lines: [] };
    });
    const before = openDescriptors();
    const abort = new AbortController();
    const lost = say("x", { signal: abort.signal, onDescriptors: () => expect.unreachable() });
    await expect(Promise.all([lost, Promise.resolve().then(() => abort.abort())])).rejects.toThrow("aborted");
    resolve(undefined);
    await until(() => client.lateReplies === 1);
    expect(openDescriptors()).toEqual(before);
  });

  it("that can't be passed are refused before anything is sent", async () => {
    const { say } = await pair(() => ({ lines: ["fine"] }));
    const before = openDescriptors();
    await expect(say("x", { descriptors: Array<number>(33).fill(0) })).rejects.toThrow(
      new RangeError("33 descriptors, expected at most 32"),
    );
    await expect(say("x", { descriptors: [0, 99_999] })).rejects.toThrow(
      "99999 can't be passed as a descriptor: EBADF: fcntl",
    );
    await expect(say("x", { descriptors: [0, -1] })).rejects.toBeInstanceOf(TypeError);
    await expect(say("x".repeat(70_000), { descriptors: [0] })).rejects.toBeInstanceOf(RangeError);
    expect(openDescriptors()).toEqual(before);
    expect(await say("goes on")).toEqual({ lines: ["fine"] });
  });

  it("beyond 32 can't be attached", async () => {
    const { say } = await pair((_, { descriptors }) => {
      for (let n = 0; n < 33; n++) descriptors.attach(0);
      return { lines: [] };
    });
    const before = openDescriptors();
    await expect(say("x")).rejects.toThrow("internal error");
    expect(openDescriptors()).toEqual(before);
  });

  it("are not inherited by programs that are started", async () => {
    const list = promisify(execFile);
    const { say } = await pair(async (_, { descriptors }) => {
      const [descriptor = -1] = descriptors.takeAll();
      const { stdout } = await list("ls", ["/proc/self/fd"]);
      closeSync(descriptor);
      return { lines: [String(stdout.split("\n").includes(String(descriptor)))] };
    });
    expect(await say("x", { descriptors: [openFile("secret")] })).toEqual({ lines: ["false"] });
  });
});

describe("where one side can't pass descriptors", () => {
  it("a client is told before anything is sent", async () => {
    const { say } = await pair(({ text }) => ({ lines: [text] }), { server: true, client: false });
    await expect(say("x", { descriptors: [0] })).rejects.toThrow("descriptors can only be passed over a UNIX socket");
    expect(await say("goes on")).toEqual({ lines: ["goes on"] });
  });

  it("a server that gets some hangs up, and says why", async () => {
    const { client, server, say } = await pair(() => ({ lines: [] }), { server: false, client: true });
    const closed = onlyClient(server).closed;
    await expect(say("x", { descriptors: [0] })).rejects.toBeInstanceOf(ConnectionError);
    expect(await closed).toMatchObject({
      reason: "protocol",
      message: "the client sent a call with 1 descriptors, which this connection can't pass",
    });
    await client.closed;
  });

  it("a handler that wants or gives some refuses the call", async () => {
    const { say } = await pair(
      ({ text }, { descriptors }) => {
        if (text === "take") descriptors.take();
        descriptors.attach(0);
        return { lines: [] };
      },
      { server: false, client: true },
    );
    await expect(say("take")).rejects.toThrow("the call came without the descriptor it needs");
    await expect(say("give")).rejects.toThrow("descriptors can't be passed over this connection");
  });

  it("a client that gets some hangs up, and says why", async () => {
    const { client, say } = await pair(
      (_, { descriptors }) => {
        descriptors.attach(0);
        return { lines: [] };
      },
      { server: true, client: false },
    );
    const before = openDescriptors().length;
    await expect(say("give")).rejects.toThrow("a reply with 1 descriptors, which this connection can't pass");
    await client.closed;
    await until(() => openDescriptors().length < before);
  });
});
