import { getEventListeners } from "node:events";
import { assert, describe, expect, it } from "vitest";
import { Client } from "../../src/client/client.ts";
import { Lagged } from "../../src/client/event-hub.ts";
import { VirNetMessageError } from "../../src/protocol/gen/net.ts";
import { errorToWire, RpcError } from "../../src/protocol/rpc-error.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { XdrError } from "../../src/xdr/error.ts";
import { encodeXdr } from "../../src/xdr/type.ts";
import { hex, toHex } from "../helpers/bytes.ts";
import { Echo, EchoTick } from "../helpers/echo.ts";
import { CALL, type Frame, frame, type Header, MESSAGE, STREAM } from "../helpers/frames.ts";
import { replyTo, scripted } from "../helpers/scripted-peer.ts";
import { nextTurn, until } from "../helpers/turns.ts";

function connected() {
  const { peer, transport } = scripted();
  const client = new Client(transport);
  return { peer, client, echo: client.program(Echo) };
}

const sayRet = (...lines: string[]): Uint8Array => encodeXdr(Echo.procedures.say.ret, { lines });
const said = (call: Frame, ...lines: string[]): Uint8Array => replyTo(call, sayRet(...lines));
const refused = (call: Frame, error: RpcError): Uint8Array =>
  replyTo(call, encodeXdr(VirNetMessageError, errorToWire(error)), { status: 1 });
const tick = (count: bigint, change: Partial<Header> = {}): Uint8Array =>
  frame(
    { program: Echo.number, version: 1, procedure: 4, type: MESSAGE, serial: 1, status: 0, ...change },
    encodeXdr(EchoTick.payload, { count }),
  );

/** How a promise ends, so that its rejection is looked after from the start. */
const outcome = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

describe("a call", () => {
  it("is a frame with the program's numbers, a serial from 0, and the arguments", async () => {
    const { peer, echo } = connected();
    const all = Promise.all([echo.say({ text: "hi", repeat: 2 }), echo.watch()]);
    const [say, watch] = await peer.take(2);
    assert(say !== undefined && watch !== undefined);
    expect(say.header).toEqual({ program: 0x20170805, version: 1, procedure: 1, type: CALL, serial: 0, status: 0 });
    expect(toHex(say.payload)).toBe("00000002 68690000 00000002");
    expect(watch.header).toMatchObject({ procedure: 3, serial: 1 });
    expect(watch.payload).toHaveLength(0);
    peer.send(said(say, "hi", "hi"), replyTo(watch));
    expect(await all).toEqual([{ lines: ["hi", "hi"] }, undefined]);
  });

  it("finds its reply in whatever order replies come", async () => {
    const { peer, echo } = connected();
    const texts = Array.from({ length: 50 }, (_, i) => `${i}`);
    const all = Promise.all(texts.map((text) => echo.say({ text, repeat: 1 })));
    const calls = await peer.take(50);
    for (const call of calls.toReversed()) peer.send(said(call, `re: ${call.header.serial}`));
    expect(await all).toEqual(texts.map((text) => ({ lines: [`re: ${text}`] })));
  });

  it("may be one of ten thousand in flight", async () => {
    const { peer, client, echo } = connected();
    const all = Array.from({ length: 10_000 }, (_, i) => echo.say({ text: String(i), repeat: 1 }));
    expect(client.pending).toBe(10_000);
    const calls = await peer.take(10_000);
    peer.send(...calls.toReversed().map((call) => said(call, String(call.header.serial))));
    const got = await Promise.all(all);
    expect(got.every(({ lines }, i) => lines[0] === String(i))).toBe(true);
    expect(client.pending).toBe(0);
  });

  it("takes a reply with bytes left over", async () => {
    const { peer, echo } = connected();
    const call = echo.watch();
    peer.send(replyTo(await peer.next(), hex("01020304")));
    expect(await call).toBeUndefined();
  });

  it("whose arguments can't be sent is refused and sends nothing", async () => {
    const { peer, client, echo } = connected();
    await expect(echo.say({ text: "x".repeat(65_537), repeat: 1 })).rejects.toThrow(
      "ECHO_PROC_SAY.text: string of 65537 bytes exceeds 65536",
    );
    await expect(echo.say({ text: "", repeat: -1 })).rejects.toThrow(RangeError);
    expect(client.pending).toBe(0);
    await peer.silence();
  });

  it("with a reply that is broken is refused with its place; the connection goes on", async () => {
    const { peer, echo } = connected();
    const broken = outcome(echo.say({ text: "", repeat: 1 }));
    const good = echo.say({ text: "", repeat: 1 });
    const [first, second] = await peer.take(2);
    assert(first !== undefined && second !== undefined);
    peer.send(replyTo(first, hex("00000001 00000009 6162")), said(second, "fine"));
    expect(await broken).toBeInstanceOf(XdrError);
    expect(await broken).toMatchObject({ message: expect.stringContaining("ECHO_PROC_SAY.lines[0]") });
    expect(await good).toEqual({ lines: ["fine"] });
  });
});

describe("an error reply", () => {
  it("is an RpcError with all its fields", async () => {
    const { peer, echo } = connected();
    const detail = { code: 38, domain: 38, level: 1, str1: "a", str2: null, str3: "c", int1: 28, int2: 0 };
    const call = outcome(echo.watch());
    peer.send(refused(await peer.next(), new RpcError("no space", detail)));
    expect(await call).toBeInstanceOf(RpcError);
    expect(await call).toMatchObject({ message: "no space", ...detail });
  });

  it.each([7, 13])("about an unknown procedure, of domain %i, means: not supported", async (domain) => {
    const { peer, echo } = connected();
    const call = outcome(echo.watch());
    peer.send(refused(await peer.next(), new RpcError("unknown procedure: 3", { code: 39, domain })));
    expect(await call).toMatchObject({ code: 3, domain, message: "unknown procedure: 3", cause: { code: 39 } });
  });

  it.each([
    ["another domain", { domain: 10 }, "unknown procedure: 3"],
    ["another code", { code: 1 }, "unknown procedure: 3"],
    ["another level", { level: 1 }, "unknown procedure: 3"],
    ["another text", {}, "an unknown procedure: 3"],
  ])("of %s stays what it is", async (_, change, message) => {
    const { peer, echo } = connected();
    const error = new RpcError(message, { code: 39, domain: 7, level: 2, ...change });
    const call = outcome(echo.watch());
    peer.send(refused(await peer.next(), error));
    expect(await call).toMatchObject({ ...errorToWire(error) });
  });

  it("that is broken is an XdrError of its call alone", async () => {
    const { peer, echo } = connected();
    const call = outcome(echo.watch());
    peer.send(replyTo(await peer.next(), hex("00000001"), { status: 1 }));
    expect(await call).toBeInstanceOf(XdrError);
    await peer.silence();
  });
});

describe("an aborted call", () => {
  it("rejects at once with the reason; its late reply is dropped and counted", async () => {
    const { peer, client, echo } = connected();
    const controller = new AbortController();
    const call = outcome(echo.say({ text: "slow", repeat: 1 }, { signal: controller.signal }));
    const frameOfCall = await peer.next();
    const reason = new Error("changed my mind");
    controller.abort(reason);
    expect(await call).toBe(reason);
    expect(client.pending).toBe(0);
    peer.send(said(frameOfCall, "late"));
    await until(() => client.lateReplies === 1);
    await peer.silence();
  });

  it("with a signal that has aborted before is never sent", async () => {
    const { peer, echo } = connected();
    await expect(echo.watch(undefined, { signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow("no");
    await peer.silence();
  });

  it("gets its error reply dropped, too, and its serial is not used meanwhile", async () => {
    const { peer, client, echo } = connected();
    const controller = new AbortController();
    const call = outcome(echo.watch(undefined, { signal: controller.signal }));
    const first = await peer.next();
    controller.abort();
    await call;
    const second = echo.watch();
    const frameOfSecond = await peer.next();
    expect(frameOfSecond.header.serial).toBe(1);
    peer.send(refused(first, new RpcError("late")), replyTo(frameOfSecond));
    await second;
    expect(client.lateReplies).toBe(1);
  });

  it("takes its listener off the signal however it ends", async () => {
    const { peer, client, echo } = connected();
    const { signal } = new AbortController();
    const calls = [echo.watch(undefined, { signal }), outcome(echo.watch(undefined, { signal }))];
    const ends = outcome(echo.watch(undefined, { signal }));
    const [good, bad] = await peer.take(3);
    assert(good !== undefined && bad !== undefined);
    peer.send(replyTo(good), refused(bad, new RpcError("no")));
    await Promise.all(calls);
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    await Promise.all([client.close(), ends]);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("aborted after its reply has come changes nothing", async () => {
    const { peer, client, echo } = connected();
    const controller = new AbortController();
    const call = echo.watch(undefined, { signal: controller.signal });
    peer.send(replyTo(await peer.next()));
    await call;
    controller.abort();
    await peer.silence();
    expect(client.lateReplies).toBe(0);
  });

  it("is one of at most 65536 that a server may leave unanswered", async () => {
    const { peer, transport } = scripted();
    const client = new Client(transport, { limits: { calls: 70_000, queuedBytes: 100_000_000 } });
    const echo = client.program(Echo);
    const other = outcome(echo.watch());
    for (let group = 0; group < 8192; group++) {
      const controller = new AbortController();
      const calls = Array.from({ length: 8 }, () => outcome(echo.watch(undefined, { signal: controller.signal })));
      controller.abort(new Error("changed my mind"));
      expect(await calls[7]).toMatchObject({ message: "changed my mind" });
    }
    await peer.take(65_537);
    const last = new AbortController();
    const call = outcome(echo.watch(undefined, { signal: last.signal }));
    last.abort();
    await call;
    expect(await client.closed).toMatchObject({ reason: "protocol", message: expect.stringContaining("abandoned") });
    expect(await other).toMatchObject({ reason: "protocol" });
  }, 60_000);
});

describe("what a server must not send closes the connection, says what came, and rejects every call", () => {
  const violations: [string, (call: Frame) => Uint8Array, string][] = [
    ["a reply nobody waits for", (call) => replyTo(call, undefined, { serial: 77 }), "a reply that nobody waits for"],
    ["a reply of another program", (call) => replyTo(call, undefined, { program: 5 }), "a reply that nobody waits for"],
    ["a reply of another version", (call) => replyTo(call, undefined, { version: 2 }), "a reply that nobody waits for"],
    [
      "a reply of another procedure",
      (call) => replyTo(call, undefined, { procedure: 1 }),
      "another procedure than ECHO_PROC_WATCH",
    ],
    ["a call", (call) => replyTo(call, undefined, { type: CALL }), "a message of type 0"],
    ["an unknown type", (call) => replyTo(call, undefined, { type: 99 }), "a message of type 99"],
    ["a reply of status continue", (call) => replyTo(call, undefined, { status: 2 }), "a reply of status 2"],
    ["a reply of an unknown status", (call) => replyTo(call, undefined, { status: -1 }), "a reply of status -1"],
    ["a length too small", () => hex("0000001b"), "length word is 27"],
    ["a length too big", () => hex("02000005"), "length word is 33554437"],
    ["another protocol", () => new TextEncoder().encode("HTTP/1.1 400 Bad Request"), "seems to speak HTTP"],
  ];

  it.each(violations)("%s", async (_, violation, message) => {
    const { peer, client, echo } = connected();
    const calls = [outcome(echo.watch()), outcome(echo.say({ text: "", repeat: 1 }))];
    const ticks = client.events(EchoTick);
    const call = await peer.next();
    peer.send(violation(call));
    const expected = {
      name: "ConnectionError",
      reason: "protocol",
      message: expect.stringContaining(message) as string,
    };
    expect(await client.closed).toMatchObject(expected);
    for (const rejected of await Promise.all(calls)) expect(rejected).toMatchObject(expected);
    await expect(ticks.next()).rejects.toMatchObject(expected);
    await expect(echo.watch()).rejects.toMatchObject(expected);
    await peer.gone();
  });

  it("a second reply to one call", async () => {
    const { peer, client, echo } = connected();
    const call = echo.watch();
    const reply = replyTo(await peer.next());
    peer.send(reply, reply);
    await call;
    expect(await client.closed).toMatchObject({ reason: "protocol", message: expect.stringContaining("serial 0") });
  });

  it("but late stream packets are dropped", async () => {
    const { peer } = connected();
    const header = { program: Echo.number, version: 1, procedure: 1, serial: 5, status: 2 };
    peer.send(frame({ ...header, type: STREAM }, hex("0102")), frame({ ...header, type: 6 }, hex("0102")));
    await peer.silence();
  });
});

describe("events", () => {
  it("are kept from the call of events on", async () => {
    const { peer, client } = connected();
    const ticks = client.events(EchoTick);
    peer.send(tick(1n), tick(2n));
    await peer.silence();
    expect(await ticks.next()).toEqual({ value: { count: 1n }, done: false });
    expect(await ticks.next()).toEqual({ value: { count: 2n }, done: false });
  });

  it("have any serial", async () => {
    const { peer, client } = connected();
    const ticks = client.events(EchoTick);
    peer.send(tick(1n, { serial: 0 }), tick(2n, { serial: 0xffff_ffff }));
    await peer.silence();
    expect([await ticks.next(), await ticks.next()]).toMatchObject([
      { value: { count: 1n } },
      { value: { count: 2n } },
    ]);
  });

  it("reach every subscriber, each with a payload of its own", async () => {
    const { peer, client } = connected();
    const all = [client.events(EchoTick), client.events(EchoTick)];
    peer.send(tick(5n));
    const [first, second] = await Promise.all(all.map((ticks) => ticks.next()));
    expect(first).toEqual(second);
    expect(first?.value).not.toBe(second?.value);
  });

  it("that nobody listens to are dropped, of known and unknown programs", async () => {
    const { peer } = connected();
    peer.send(tick(1n), tick(1n, { procedure: 99 }), tick(1n, { program: 5 }), tick(1n, { version: 2 }));
    await peer.silence();
  });

  it("do not come any more once the loop is left", async () => {
    const { peer, client } = connected();
    const ticks = client.events(EchoTick);
    peer.send(tick(1n), tick(2n));
    const seen: bigint[] = [];
    for await (const { count } of ticks) {
      seen.push(count);
      break;
    }
    peer.send(tick(3n));
    await peer.silence();
    expect(seen).toEqual([1n]);
    expect(await ticks.next()).toEqual({ value: undefined, done: true });
  });

  it("beyond the limit end the iteration, and the others go on", async () => {
    const { peer, client } = connected();
    const slow = client.events(EchoTick, { limit: 2 });
    const lossy = client.events(EchoTick, { limit: 2, overflow: "dropOldest" });
    const roomy = client.events(EchoTick);
    peer.send(tick(1n), tick(2n), tick(3n));
    await peer.silence();
    expect([await slow.next(), await slow.next()]).toMatchObject([{ value: { count: 1n } }, { value: { count: 2n } }]);
    await expect(slow.next()).rejects.toThrow(RangeError);
    expect(lossy.dropped).toBe(1);
    expect([await lossy.next(), await lossy.next()]).toEqual([
      { value: new Lagged(1), done: false },
      { value: { count: 2n }, done: false },
    ]);
    expect(await roomy.next()).toMatchObject({ value: { count: 1n } });
  });

  it("that nobody listens for are counted", async () => {
    const { peer, client } = connected();
    peer.send(tick(1n));
    await peer.silence();
    expect(client.unheardEvents).toBe(1);
    const ticks = client.events(EchoTick);
    peer.send(tick(2n));
    await peer.silence();
    expect(client.unheardEvents).toBe(1);
    await ticks.return?.();
  });

  it("are told to listeners at once, with their size, until they have had enough", async () => {
    const { peer, client } = connected();
    const heard: unknown[] = [];
    const off = client.listen(EchoTick, {
      event: (payload, size) => heard.push(payload, size),
      broken: (error) => heard.push(error),
      ended: (error) => heard.push(error),
    });
    peer.send(
      tick(1n),
      frame({ program: Echo.number, version: 1, procedure: 4, type: MESSAGE, serial: 3, status: 0 }, hex("0000")),
    );
    await peer.silence();
    expect(heard).toEqual([{ count: 1n }, 8, expect.any(XdrError)]);
    off();
    peer.send(tick(2n));
    await peer.silence();
    expect(heard).toHaveLength(3);
  });

  it("are at their end for who listens too late", async () => {
    const { peer, client } = connected();
    peer.break();
    const end = await client.closed;
    const heard: unknown[] = [];
    const listener = { event() {}, broken() {}, ended: (error: unknown) => heard.push(error) };
    client.listen(EchoTick, listener);
    expect(heard).toEqual([end]);
  });

  it("that wait for a reader who blocks stop the reading, and a call lets it go on", async () => {
    const { peer, client, echo } = connected();
    const ticks = client.events(EchoTick, { overflow: "block", limit: 4 });
    for (let i = 1n; i <= 20n; i++) {
      peer.send(tick(i));
      await nextTurn();
    }
    expect(client.streamBytes).toBe(1_048_576);
    const call = echo.watch();
    peer.send(replyTo(await peer.next()));
    await call;
    const counts: bigint[] = [];
    for await (const { count } of ticks) if (counts.push(count) === 20) break;
    expect(counts).toEqual(Array.from({ length: 20 }, (_, i) => BigInt(i + 1)));
    expect(client.streamBytes).toBe(0);
  });

  it("end with the signal's reason, at once when it has aborted before", async () => {
    const { client } = connected();
    const controller = new AbortController();
    const ticks = client.events(EchoTick, { signal: controller.signal });
    const reading = outcome(ticks.next());
    controller.abort(new Error("enough"));
    expect(await reading).toMatchObject({ message: "enough" });
    await expect(client.events(EchoTick, { signal: controller.signal }).next()).rejects.toThrow("enough");
  });

  it("leave no listener on the signal of a loop that was left", async () => {
    const { client } = connected();
    const { signal } = new AbortController();
    const ticks = client.events(EchoTick, { signal });
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    await ticks.return?.();
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("with a broken payload end the subscription and nothing else", async () => {
    const { peer, client, echo } = connected();
    const ticks = client.events(EchoTick);
    peer.send(tick(1n), frame({ program: Echo.number, version: 1, procedure: 4, type: MESSAGE, serial: 1, status: 0 }));
    const call = echo.watch();
    peer.send(replyTo(await peer.next()));
    await call;
    expect(await ticks.next()).toMatchObject({ value: { count: 1n } });
    await expect(ticks.next()).rejects.toThrow("ECHO_PROC_TICK.count");
  });

  it("end quietly when the client is closed", async () => {
    const { peer, client } = connected();
    const ticks = client.events(EchoTick);
    peer.send(tick(1n));
    await peer.silence();
    await client.close();
    expect(await ticks.next()).toMatchObject({ value: { count: 1n } });
    expect(await ticks.next()).toEqual({ value: undefined, done: true });
  });

  it("end with the error when the server goes", async () => {
    const { peer, client } = connected();
    const ticks = client.events(EchoTick);
    peer.break();
    await expect(ticks.next()).rejects.toMatchObject({ reason: "eof" });
  });
});

describe("the end", () => {
  it("of the server in the middle of a call rejects the call", async () => {
    const { peer, client, echo } = connected();
    const call = outcome(echo.watch());
    await peer.next();
    peer.break();
    expect(await call).toBeInstanceOf(ConnectionError);
    expect(await call).toMatchObject({ reason: "eof" });
    expect(await call).toMatchObject({ cause: await client.closed, delivery: "in-doubt" });
  });

  it("of the server in the middle of a reply rejects the call", async () => {
    const { peer, echo } = connected();
    const call = outcome(echo.watch());
    peer.send(replyTo(await peer.next()).subarray(0, 20));
    peer.end();
    expect(await call).toMatchObject({ reason: "eof" });
  });

  it("close sends what is queued, rejects what waits, and may be called again", async () => {
    const { peer, client, echo } = connected();
    const call = outcome(echo.watch());
    const closes = [client.close(), client.close()];
    expect(await call).toMatchObject({ reason: "closed", delivery: "in-doubt" });
    await Promise.all(closes);
    await client.close();
    expect(await peer.next()).toMatchObject({ header: { procedure: 3 } });
    await peer.gone();
    expect(await client.closed).toMatchObject({ reason: "closed" });
    await expect(echo.watch()).rejects.toMatchObject({ reason: "closed" });
  });

  it("replies that cross close do not cut off what is still to be sent", async () => {
    const { peer, client, echo } = connected();
    const first = outcome(echo.watch());
    const call = await peer.next();
    peer.pause();
    const big = outcome(echo.say({ text: "x".repeat(60_000), repeat: 1 }));
    const closed = client.close();
    peer.send(replyTo(call));
    await nextTurn();
    await nextTurn();
    peer.resume();
    await Promise.all([first, big, closed]);
    expect((await peer.next()).payload.length).toBe(60_008);
    expect(await client.closed).toMatchObject({ reason: "closed" });
  });

  it("await using closes", async () => {
    const { peer, transport } = scripted();
    {
      await using client = new Client(transport);
      expect(client.pending).toBe(0);
    }
    await peer.gone();
  });

  it("closed never rejects, and calls after it do", async () => {
    const { peer, client, echo } = connected();
    peer.end();
    expect(await client.closed).toBeInstanceOf(ConnectionError);
    await expect(echo.watch()).rejects.toMatchObject({ reason: "eof" });
    await expect(client.events(EchoTick).next()).rejects.toMatchObject({ reason: "eof" });
  });
});

describe("program", () => {
  it("is the same object each time, frozen, with the program's procedures", () => {
    const { client, echo } = connected();
    expect(client.program(Echo)).toBe(echo);
    expect(Object.keys(echo)).toEqual(["say", "wait", "watch"]);
    expect(Object.isFrozen(echo)).toBe(true);
  });

  it("several share one count of serials", async () => {
    const { peer, client, echo } = connected();
    const Other = { ...Echo, number: 0x20170806 };
    const calls = [echo.watch(), client.program(Other).watch(), echo.watch()];
    const frames = await peer.take(3);
    expect(frames.map(({ header }) => [header.program, header.serial])).toEqual([
      [0x20170805, 0],
      [0x20170806, 1],
      [0x20170805, 2],
    ]);
    peer.send(...frames.map((one) => replyTo(one)));
    await Promise.all(calls);
  });
});
