import { assert, describe, expect, it, vi } from "vitest";
import { VirNetMessageError } from "../../src/protocol/gen/net.ts";
import { errorToWire, RpcError } from "../../src/protocol/rpc-error.ts";
import type { HandlerFailure } from "../../src/server/dispatcher.ts";
import type { Call, Handlers } from "../../src/server/handlers.ts";
import { Server, type ServerOptions } from "../../src/server/server.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { deferred } from "../../src/util/deferred.ts";
import { decodeXdr, encodeXdr } from "../../src/xdr/type.ts";
import { concat, hex } from "../helpers/bytes.ts";
import { Echo, type EchoProcedures, type EchoSayRet } from "../helpers/echo.ts";
import { CALL, ERROR, type Frame, frame, type Header, MESSAGE, OK, REPLY } from "../helpers/frames.ts";
import { scripted } from "../helpers/scripted-peer.ts";
import { until } from "../helpers/turns.ts";

const sayCall: Header = { program: Echo.number, version: 1, procedure: 1, type: CALL, serial: 5, status: OK };
const sayArgs = (text: string, repeat = 1): Uint8Array => encodeXdr(Echo.procedures.say.args, { text, repeat });

function served(handlers: Handlers<EchoProcedures>, options: Partial<ServerOptions> = {}) {
  const failures: HandlerFailure[] = [];
  const server = new Server({ name: "echod", onHandlerError: (failure) => failures.push(failure), ...options });
  server.add(Echo, handlers);
  const { peer, transport } = scripted();
  const client = server.accept(transport);
  assert(client !== undefined);
  return { server, client, peer, failures };
}

const echoing: Handlers<EchoProcedures> = {
  say: ({ text, repeat }) => ({ lines: Array<string>(repeat).fill(text) }),
};

function failing(when: string): Handlers<EchoProcedures> {
  return {
    say() {
      if (when === "later") return Promise.reject(new Error("secret"));
      throw new Error("secret");
    },
  };
}

function errorIn({ header, payload }: Frame) {
  expect([header.type, header.status]).toEqual([REPLY, ERROR]);
  return decodeXdr(VirNetMessageError, payload);
}

function linesIn({ header, payload }: Frame): string[] {
  expect([header.type, header.status]).toEqual([REPLY, OK]);
  return decodeXdr(Echo.procedures.say.ret, payload).lines;
}

describe("odd input (libvirt-rpc §1.9)", () => {
  const refusals: [string, Partial<Header>, Uint8Array, string][] = [
    ["an unknown program", { program: 0x12345678 }, sayArgs(""), "Cannot find program 305419896 version 1"],
    ["an unknown version", { version: 2 }, sayArgs(""), `Cannot find program ${Echo.number} version 2`],
    ["a PING of type call", { program: 0x6b656570 }, hex(""), "Cannot find program 1801807216 version 1"],
    ["an unknown procedure", { procedure: 9999 }, hex(""), "unknown procedure: 9999"],
    ["procedure 0", { procedure: 0 }, hex(""), "unknown procedure: 0"],
    ["procedure -1", { procedure: -1 }, hex(""), "unknown procedure: -1"],
    ["the number of an event", { procedure: 4 }, hex(""), "unknown procedure: 4"],
    ["a procedure without handler", { procedure: 2 }, sayArgs(""), "unknown procedure: 2"],
    ["status error", { status: 1 }, sayArgs(""), "Unexpected message status 1"],
    ["status continue", { status: 2 }, sayArgs(""), "Unexpected message status 2"],
    ["an unknown status", { status: -1 }, sayArgs(""), "Unexpected message status -1"],
    ["no payload", {}, hex(""), "Unable to decode message payload"],
    ["a cut payload", {}, sayArgs("abcdef").subarray(0, 10), "Unable to decode message payload"],
    ["a string longer than the message", {}, hex("00000100 61626364"), "Unable to decode message payload"],
    ["a string over its limit", {}, hex("00010001 61626364"), "Unable to decode message payload"],
  ];

  it.each(refusals)("a call with %s is refused with the header it came with", async (_, change, payload, message) => {
    const { peer } = served(echoing);
    const header = { ...sayCall, ...change };
    peer.send(frame(header, payload));
    const refusal = await peer.next();
    expect(refusal.header).toEqual({ ...header, type: REPLY, status: ERROR });
    expect(errorIn(refusal)).toEqual(errorToWire(new RpcError(message, { code: 39, domain: 7 })));
  });

  it.each(refusals)("after a call with %s the connection goes on", async (_, change, payload) => {
    const { peer, failures } = served(echoing);
    peer.send(frame({ ...sayCall, ...change }, payload), frame({ ...sayCall, serial: 6 }, sayArgs("still here")));
    await peer.next();
    expect(linesIn(await peer.next())).toEqual(["still here"]);
    expect(failures).toEqual([]);
  });

  it("bytes behind the arguments are ignored", async () => {
    const { peer } = served(echoing);
    peer.send(frame(sayCall, concat(sayArgs("hi", 2), hex("deadbeef 01"))));
    expect(linesIn(await peer.next())).toEqual(["hi", "hi"]);
  });

  it.each([
    ["a reply", { type: REPLY }],
    ["an event", { type: MESSAGE }],
    ["a stream packet", { type: 3, status: 2 }],
    ["a reply with descriptors", { type: 5 }],
    ["a hole", { type: 6, status: 2 }],
    ["type 7", { type: 7 }],
    ["type -1", { type: -1 }],
    ["a reply of an unknown program", { type: REPLY, program: 1 }],
    ["an event of an unknown program", { type: MESSAGE, program: 1 }],
  ])("%s is dropped, and the connection goes on", async (_, change) => {
    const { peer, client } = served(echoing);
    peer.send(frame({ ...sayCall, ...change }, sayArgs("")));
    await peer.silence();
    expect(client.requests).toBe(0);
    peer.send(frame(sayCall, sayArgs("on")));
    expect(linesIn(await peer.next())).toEqual(["on"]);
  });

  it("dropped messages never fill the window", async () => {
    const { peer } = served(echoing);
    for (let i = 0; i < 20; i++) peer.send(frame({ ...sayCall, type: REPLY }), frame({ ...sayCall, program: 1 }));
    expect((await peer.take(20)).map(({ header }) => header.status)).toEqual(Array<number>(20).fill(ERROR));
    await peer.silence();
  });

  it("any serial is echoed, also twice", async () => {
    const { peer } = served(echoing);
    for (const serial of [0, 0xffff_ffff, 7, 7]) peer.send(frame({ ...sayCall, serial }, sayArgs("")));
    expect((await peer.take(4)).map(({ header }) => header.serial)).toEqual([0, 0xffff_ffff, 7, 7]);
  });

  it("a first frame of zeros gets an answer about program 0", async () => {
    const { peer } = served(echoing);
    peer.send(hex(`0000001c ${"00000000 ".repeat(6)}`));
    expect(errorIn(await peer.next()).message).toBe("Cannot find program 0 version 0");
  });

  it.each([0, 4, 27, 33_554_437, 0xffff_ffff])(
    "a length of %i closes the connection without a word",
    async (length) => {
      const { peer, client } = served(echoing);
      peer.send(frame(sayCall, sayArgs(""), length));
      expect(await client.closed).toMatchObject({ reason: "protocol" });
      await peer.gone();
      expect(peer.received).toBe(0);
    },
  );
});

/** Handlers that reject with what only bad code rejects with. */
const rejecting = (value: unknown): Handlers<EchoProcedures> => ({ say: () => Promise.reject(value) });

/** Handlers that throw what only bad code throws. */
const throwing = (value: unknown): Handlers<EchoProcedures> => ({
  say() {
    throw value as Error;
  },
});

describe("a handler", () => {
  it("may answer at once or later", async () => {
    const later = deferred<EchoSayRet>();
    const { peer } = served({ ...echoing, wait: () => later.promise });
    peer.send(frame({ ...sayCall, procedure: 2 }, sayArgs("")), frame({ ...sayCall, serial: 6 }, sayArgs("now")));
    expect((await peer.next()).header.serial).toBe(6);
    later.resolve({ lines: ["later"] });
    expect(linesIn(await peer.next())).toEqual(["later"]);
  });

  it("may answer nothing to a procedure without result", async () => {
    const { peer } = served({ watch: () => undefined });
    peer.send(frame({ ...sayCall, procedure: 3 }));
    expect(await peer.next()).toEqual({ header: { ...sayCall, procedure: 3, type: REPLY }, payload: hex("") });
  });

  it.each<[string, Handlers<EchoProcedures>]>([
    [
      "throws",
      {
        say() {
          throw new RpcError("no room", { code: 38, domain: 10, str3: "left", int1: 28 });
        },
      },
    ],
    [
      "rejects with",
      { say: () => Promise.reject(new RpcError("no room", { code: 38, domain: 10, str3: "left", int1: 28 })) },
    ],
  ])("that %s an RpcError tells all of it to the peer and nobody else", async (_, handlers) => {
    const { peer, failures } = served(handlers);
    peer.send(frame(sayCall, sayArgs("")));
    expect(errorIn(await peer.next())).toMatchObject({
      message: "no room",
      code: 38,
      domain: 10,
      str3: "left",
      int1: 28,
    });
    expect(failures).toEqual([]);
  });

  const bug = new TypeError("secret: password");
  it.each<[string, unknown, Handlers<EchoProcedures>]>([
    ["throws an error", bug, throwing(bug)],
    ["rejects", bug, { say: () => Promise.reject(bug) }],
    ["throws no error at all", "text", throwing("text")],
    ["rejects with nothing", undefined, rejecting(undefined)],
    ["throws nothing", undefined, throwing(undefined)],
  ])("that %s is an internal error to the peer and told to the server's owner", async (_, error, handlers) => {
    const { peer, client, failures } = served(handlers);
    peer.send(frame(sayCall, sayArgs("")));
    expect(errorIn(await peer.next())).toEqual(
      errorToWire(
        new RpcError("internal error: ECHO_PROC_SAY failed", {
          str1: "internal error: %s",
          str2: "ECHO_PROC_SAY failed",
        }),
      ),
    );
    expect(failures).toEqual([{ error, client, procedure: "ECHO_PROC_SAY" }]);
    expect(client.requests).toBe(0);
  });

  it.each<[string, unknown]>([
    ["too many lines", { lines: Array<string>(17).fill("") }],
    ["nothing", undefined],
    ["something else", { lines: [5] }],
    ["a NUL", { lines: ["a\0b"] }],
  ])("that returns %s, which can't be encoded, is an internal error", async (_, ret) => {
    const { peer, client, failures } = served({ say: () => ret as EchoSayRet });
    peer.send(frame(sayCall, sayArgs("")), frame({ ...sayCall, procedure: 2 }));
    expect(errorIn(await peer.next()).message).toBe("internal error: ECHO_PROC_SAY failed");
    expect(errorIn(await peer.next()).message).toBe("unknown procedure: 2");
    expect(failures).toHaveLength(1);
    expect(client.requests).toBe(0);
  });

  it("whose RpcError can't be encoded is an internal error", async () => {
    const { peer, failures } = served({
      say() {
        throw new RpcError("nul \0 inside");
      },
    });
    peer.send(frame(sayCall, sayArgs("")));
    expect(errorIn(await peer.next()).message).toBe("internal error: ECHO_PROC_SAY failed");
    expect(failures).toMatchObject([{ error: expect.any(RangeError) as unknown }]);
  });

  it.each(["at once", "later"])("that fails %s disconnects a client whose frames hold no error", async (when) => {
    const { client, peer, failures } = served(failing(when), { limits: { frame: 100 } });
    peer.send(frame(sayCall, sayArgs("")));
    await peer.gone();
    expect(await client.closed).toMatchObject({ reason: "error", message: expect.stringContaining("frame limit") });
    expect(failures.map(({ error }) => String(error))).toContain("Error: secret");
  });

  it.each(["at once", "later"])("that fails %s is answered for, though who is told of it fails too", async (when) => {
    const told = vi.spyOn(console, "error").mockReturnValue();
    const onHandlerError = (): never => {
      throw new Error("the log is full");
    };
    const { peer } = served(failing(when), { onHandlerError });
    for (let i = 0; i < 2; i++) {
      peer.send(frame(sayCall, sayArgs("")));
      expect(errorIn(await peer.next()).message).toBe("internal error: ECHO_PROC_SAY failed");
    }
    await until(() => told.mock.calls.length === 2);
    expect(String(told.mock.calls[0]?.[1])).toBe("Error: the log is full");
    told.mockRestore();
  });

  it("knows its client, the header and a signal", async () => {
    const calls: Call[] = [];
    const { peer, client } = served({
      watch: (_, call) => {
        calls.push(call);
      },
    });
    peer.send(frame({ ...sayCall, procedure: 3, serial: 9 }));
    await peer.next();
    const [call] = calls;
    expect(call?.client).toBe(client);
    expect(call?.header).toMatchObject({ serial: 9, procedure: 3 });
    expect(call?.signal.aborted).toBe(false);
  });

  it("that never answers keeps its place until the client goes, and its signal says why", async () => {
    const { promise: started, resolve } = deferred<AbortSignal>();
    const { peer, client, failures } = served({
      watch: (_, { signal }) => {
        resolve(signal);
        return new Promise<void>(() => {});
      },
    });
    peer.send(frame({ ...sayCall, procedure: 3 }));
    const signal = await started;
    await peer.silence();
    expect(client.requests).toBe(1);
    peer.send(hex("0000001b"));
    const error = await client.closed;
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toBe(error);
    expect(failures).toEqual([]);
  });

  it("that rejects with its signal's reason after the client has gone is no failure", async () => {
    const { promise: started, resolve } = deferred<void>();
    const { peer, client, failures } = served({
      watch: (_, { signal }) =>
        new Promise<void>((_fulfil, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
          resolve();
        }),
    });
    peer.send(frame({ ...sayCall, procedure: 3 }));
    await started;
    client.disconnect(new ConnectionError("enough of you", "closed"));
    await client.closed;
    await until(() => client.requests === 0);
    expect(failures).toEqual([]);
  });

  it("that answers after the client has gone bothers nobody", async () => {
    const later = deferred<EchoSayRet>();
    const { peer, client, failures } = served({ wait: () => later.promise });
    peer.send(frame({ ...sayCall, procedure: 2 }, sayArgs("")));
    await peer.silence();
    peer.send(hex("0000001b"));
    await client.closed;
    later.resolve({ lines: ["too late"] });
    await until(() => client.requests === 0);
    expect(failures).toEqual([]);
  });
});

describe("handlers", () => {
  it("may be an instance of a class with state of its own", async () => {
    class Service implements Handlers<EchoProcedures> {
      readonly #prefix: string;
      constructor(prefix: string) {
        this.#prefix = prefix;
      }
      say({ text }: { text: string }): EchoSayRet {
        return { lines: [this.#prefix + text] };
      }
      async wait({ text }: { text: string }): Promise<EchoSayRet> {
        await Promise.resolve();
        return this.say({ text });
      }
    }
    const { peer } = served(new Service("> "));
    peer.send(frame(sayCall, sayArgs("a")), frame({ ...sayCall, procedure: 2 }, sayArgs("b")));
    expect((await peer.take(2)).map(linesIn)).toEqual([["> a"], ["> b"]]);
  });

  it("of a name that no procedure has are refused", () => {
    const server = new Server({ name: "echod" });
    const misspelt = { sya: echoing.say } as unknown as Handlers<EchoProcedures>;
    expect(() => server.add(Echo, misspelt)).toThrow(new TypeError("program ECHO has no procedure sya"));
  });

  it("that are no functions are refused", () => {
    const server = new Server({ name: "echod" });
    const odd = { say: "hello" } as unknown as Handlers<EchoProcedures>;
    expect(() => server.add(Echo, odd)).toThrow(new TypeError("handler say is no function"));
  });

  it("of one program are added once", () => {
    const server = new Server({ name: "echod" }).add(Echo, echoing);
    expect(() => server.add({ ...Echo, name: "TWIN", version: 2 }, {})).toThrow(
      new TypeError("program 0x20170805 is served already, as ECHO"),
    );
  });

  it("that were refused leave the program free", () => {
    const server = new Server({ name: "echod" });
    expect(() => server.add(Echo, { sya() {} } as unknown as Handlers<EchoProcedures>)).toThrow(TypeError);
    expect(() => server.add(Echo, echoing)).not.toThrow();
  });

  it("of several programs are told apart", async () => {
    const { server, peer } = served(echoing);
    server.add({ ...Echo, number: 6 }, { say: () => ({ lines: ["six"] }) });
    peer.send(frame({ ...sayCall, program: 6 }, sayArgs("")), frame(sayCall, sayArgs("five")));
    expect((await peer.take(2)).map(linesIn)).toEqual([["six"], ["five"]]);
  });
});
