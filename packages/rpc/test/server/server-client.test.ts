import { assert, describe, expect, it } from "vitest";
import type { Handlers } from "../../src/server/handlers.ts";
import type { ServerLimits } from "../../src/server/limits.ts";
import { Server } from "../../src/server/server.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { type Deferred, deferred } from "../../src/util/deferred.ts";
import { decodeXdr, encodeXdr } from "../../src/xdr/type.ts";
import { concat, hex, toHex } from "../helpers/bytes.ts";
import { Echo, type EchoProcedures, type EchoSayRet, EchoTick } from "../helpers/echo.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";
import { CALL, type Frame, frame, OK, ping } from "../helpers/frames.ts";
import { type ScriptedPeer, scripted } from "../helpers/scripted-peer.ts";
import { nextTurn, until } from "../helpers/turns.ts";

const call = (procedure: number, serial: number, payload?: Uint8Array): Uint8Array =>
  frame({ program: Echo.number, version: 1, procedure, type: CALL, serial, status: OK }, payload);
const say = (serial: number, text: string): Uint8Array =>
  call(1, serial, encodeXdr(Echo.procedures.say.args, { text, repeat: 1 }));
const wait = (serial: number, text = String(serial)): Uint8Array =>
  call(2, serial, encodeXdr(Echo.procedures.wait.args, { text, repeat: 1 }));

const serialsOf = (frames: readonly Frame[]): number[] => frames.map(({ header }) => header.serial);

/** A server whose `wait` answers when the test says so, with what was asked for. */
function served(limits: Partial<ServerLimits> = {}) {
  const waiting: { text: string; answer: Deferred<EchoSayRet> }[] = [];
  const handlers: Handlers<EchoProcedures> = {
    say: ({ text, repeat }) => ({ lines: Array<string>(repeat).fill(text) }),
    wait({ text }) {
      const answer = deferred<EchoSayRet>();
      waiting.push({ text, answer });
      return answer.promise;
    },
  };
  const server = new Server({ name: "echod", limits, onHandlerError: () => {} }).add(Echo, handlers);
  const answerNext = (): void => {
    const next = waiting.shift();
    assert(next !== undefined);
    next.answer.resolve({ lines: [next.text] });
  };
  const join = () => {
    const { peer, transport } = scripted();
    const client = server.accept(transport);
    assert(client !== undefined);
    return { peer, client };
  };
  return { server, waiting, answerNext, join };
}

describe("the window of requests", () => {
  it("lets five calls in; the sixth, and even a PING, wait for a place", async () => {
    const { join, waiting, answerNext } = served();
    const { peer, client } = join();
    peer.send(...[1, 2, 3, 4, 5, 6, 7].map((n) => wait(n)), ping);
    await until(() => waiting.length === 5);
    await nextTurn();
    expect(waiting.map(({ text }) => text)).toEqual(["1", "2", "3", "4", "5"]);
    expect(client.requests).toBe(5);
    expect(peer.received).toBe(0);
    answerNext();
    await until(() => waiting.length === 5);
    expect(waiting.map(({ text }) => text)).toEqual(["2", "3", "4", "5", "6"]);
    expect(serialsOf(await peer.take(1))).toEqual([1]);
    answerNext();
    answerNext();
    expect(new Set(serialsOf(await peer.take(3)))).toEqual(new Set([0, 2, 3]));
    expect(client.requests).toBe(4);
  });

  it("pauses reading while it is full, and nothing is refused", async () => {
    const { server, waiting, answerNext } = served({ clientRequests: 1 });
    const transport = new FakeTransport();
    server.accept(transport);
    transport.events.receive(wait(1));
    expect(transport.calls).toEqual([]);
    transport.events.receive(wait(2));
    expect(transport.calls).toEqual(["pause"]);
    answerNext();
    await nextTurn();
    expect(waiting.map(({ text }) => text)).toEqual(["2"]);
    expect(transport.calls).toEqual(["pause"]);
    answerNext();
    await nextTurn();
    expect(transport.calls).toEqual(["pause", "resume"]);
  });

  it("answers a hundred calls of one write, all of them, each once", async () => {
    const { join } = served();
    const { peer } = join();
    peer.send(...Array.from({ length: 100 }, (_, n) => say(n, "x")));
    expect(serialsOf(await peer.take(100))).toEqual(Array.from({ length: 100 }, (_, n) => n));
    await peer.silence();
  });

  it("leaves a place to quick calls while slow ones are worked on, here and for every other client", async () => {
    const { join, waiting } = served();
    const [busy, other] = [join(), join()];
    busy.peer.send(...[1, 2, 3, 4].map((n) => wait(n)), say(5, "quick"), say(6, "quick"));
    expect(serialsOf(await busy.peer.take(2))).toEqual([5, 6]);
    busy.peer.send(wait(7));
    await until(() => waiting.length === 5);
    other.peer.send(say(1, "quick"));
    expect(serialsOf(await other.peer.take(1))).toEqual([1]);
  });

  it("is each client's own", async () => {
    const { join, waiting } = served({ clientRequests: 1 });
    const [busy, free] = [join(), join()];
    busy.peer.send(wait(1), wait(2));
    await until(() => waiting.length === 1);
    free.peer.send(say(1, "hello"));
    expect(serialsOf([await free.peer.next()])).toEqual([1]);
  });
});

/** A client played by hand, for what a memory transport can't do: close one half and go on reading. */
function halfClosing(limits: Partial<ServerLimits> = {}) {
  const { server, waiting, answerNext } = served(limits);
  const transport = new FakeTransport();
  const client = server.accept(transport);
  assert(client !== undefined);
  const answers = (): number[] => {
    const bytes = concat(...transport.writes);
    const serials: number[] = [];
    for (let at = 0; at < bytes.length; at += new DataView(bytes.buffer).getUint32(at)) {
      serials.push(new DataView(bytes.buffer).getUint32(at + 20));
    }
    return serials;
  };
  return { server, client, transport, waiting, answerNext, answers };
}

describe("a half-closed client", () => {
  it("is closed in the same turn when nothing is at hand", async () => {
    const { transport } = halfClosing();
    transport.events.ended();
    await nextTurn();
    expect(transport.calls).toEqual(["end"]);
  });

  it("gets the answers that are ready, and no call is worked on any further", async () => {
    const { transport, client, answers } = halfClosing();
    transport.events.receive(concat(say(1, "a"), wait(2), say(3, "c")));
    transport.events.ended();
    await nextTurn();
    expect(answers()).toEqual([1, 3]);
    expect(transport.calls).toEqual(["end"]);
    transport.events.closed(new ConnectionError("the peer closed the connection", "eof"));
    expect(client.signal.reason).toMatchObject({ reason: "eof" });
  });
});

describe("calls behind the window of a client that has gone", () => {
  it("are not begun", async () => {
    const { transport, waiting, answerNext, answers } = halfClosing({ clientRequests: 1 });
    transport.events.receive(concat(wait(1), wait(2)));
    transport.events.ended();
    answerNext();
    await nextTurn();
    expect(waiting).toEqual([]);
    expect(answers()).toEqual([1]);
  });
});

describe("a client that does not read", () => {
  it("has its calls wait once a megabyte of answers does", async () => {
    const { join } = served();
    const { peer, client } = join();
    peer.pause();
    const big = "x".repeat(65_536);
    const calls = 200;
    const answer = 28 + 4 + 4 + big.length;
    peer.send(...Array.from({ length: calls }, (_, n) => say(n, big)));
    for (let i = 0; i < 50; i++) await nextTurn();
    expect(peer.received).toBe(0);
    peer.resume();
    expect(serialsOf(await peer.take(calls))).toEqual(Array.from({ length: calls }, (_, n) => n));
    expect(peer.received).toBe(calls * answer);
    expect(client.requests).toBe(0);
  });

  it("makes the server hold no more than a megabyte and what one turn adds", async () => {
    const { transport } = halfClosing();
    const big = "x".repeat(65_536);
    for (let n = 0; n < 100; n++) transport.events.receive(say(n, big));
    await nextTurn();
    const held = transport.writes.reduce((sum, { length }) => sum + length, 0);
    expect(held).toBeGreaterThanOrEqual(1_048_576);
    expect(held).toBeLessThan(1_048_576 + 2 * 65_600);
    expect(transport.calls).toEqual(["pause"]);
  });

  it("delays no other client", async () => {
    const { join } = served();
    const [slow, quick] = [join(), join()];
    slow.peer.pause();
    slow.peer.send(...Array.from({ length: 100 }, (_, n) => say(n, "x".repeat(65_536))));
    for (let n = 0; n < 20; n++) {
      quick.peer.send(say(n, "quick"));
      expect((await quick.peer.next()).header.serial).toBe(n);
    }
    expect(slow.peer.received).toBe(0);
  });

  it("is disconnected when events pile up beyond the limit", async () => {
    const { client, transport } = halfClosing({ queuedBytes: 1000 });
    for (let n = 0n; n < 100n && transport.destroyedWith === undefined; n++) client.emit(EchoTick, { count: n });
    expect(transport.destroyedWith).toMatchObject({
      reason: "overflow",
      message: expect.stringMatching(/leaves 10\d\d bytes unread/),
    });
    const { length } = transport.writes;
    await nextTurn();
    expect(transport.writes).toHaveLength(length);
  });

  it("but reads in time gets every event", async () => {
    const { join } = served({ queuedBytes: 1000 });
    const { peer, client } = join();
    for (let n = 0n; n < 100n; n++) {
      client.emit(EchoTick, { count: n });
      await peer.next();
    }
    expect(peer.received).toBe(3600);
  });
});

describe("an event", () => {
  it("is a message of serial 1, after what was queued before it", async () => {
    const { join } = served();
    const { peer, client } = join();
    client.emit(EchoTick, { count: 3n });
    const { header, payload } = await peer.next();
    expect(header).toEqual({ program: Echo.number, version: 1, procedure: 4, type: 2, serial: 1, status: 0 });
    expect(toHex(payload)).toBe("00000000 00000003");
  });

  it("that can't be sent throws and sends nothing", async () => {
    const { join } = served();
    const { peer, client } = join();
    expect(() => client.emit(EchoTick, { count: -1n })).toThrow("ECHO_PROC_TICK.count: -1 is out of range");
    await peer.silence();
  });

  it("to a client that has gone is nothing", async () => {
    const { join } = served();
    const { client } = join();
    client.disconnect(new ConnectionError("away with you", "closed"));
    await client.closed;
    expect(() => client.emit(EchoTick, { count: 1n })).not.toThrow();
  });
});

describe("close", () => {
  it("answers what is at hand, takes no further call, and closes", async () => {
    const { join, waiting, answerNext } = served();
    const { peer, client } = join();
    peer.send(wait(1));
    await until(() => waiting.length === 1);
    client.close();
    client.close();
    peer.send(say(2, "too late"));
    await nextTurn();
    answerNext();
    expect(serialsOf([await peer.next()])).toEqual([1]);
    await peer.gone();
    expect(peer.inbox).toEqual([]);
    expect(await client.closed).toMatchObject({ reason: "closed" });
  });

  it("sends what was queued before", async () => {
    const { join } = served();
    const { peer, client } = join();
    client.emit(EchoTick, { count: 1n });
    client.close();
    expect((await peer.next()).header.procedure).toBe(4);
    await peer.gone();
  });
});

describe("disconnect", () => {
  it("closes at once, and the signal and closed say why", async () => {
    const { join } = served();
    const { peer, client } = join();
    const why = new ConnectionError("away with you", "closed");
    client.disconnect(why);
    expect(await client.closed).toBe(why);
    expect(client.signal.reason).toBe(why);
    await peer.gone();
  });
});

describe("the end of a client", () => {
  it.each<[string, string, (peer: ScriptedPeer) => void]>([
    ["broken off", "eof", (peer) => peer.break()],
    ["gone wrong", "protocol", (peer) => peer.send(hex("00000000"))],
  ])("%s aborts its signal", async (_, reason, leave) => {
    const { join } = served();
    const { peer, client } = join();
    leave(peer);
    expect(await client.closed).toMatchObject({ reason });
    expect(client.signal.aborted).toBe(true);
  });
});

describe("the payload of an answer", () => {
  it("does not depend on the bytes of the call, which are only lent", async () => {
    const { server, answerNext, answers } = halfClosing();
    const other = new FakeTransport();
    server.accept(other);
    const bytes = wait(1, "keep me");
    other.events.receive(bytes);
    bytes.fill(0xff);
    answerNext();
    await nextTurn();
    const [written] = other.writes;
    assert(written !== undefined);
    expect(decodeXdr(Echo.procedures.wait.ret, written.subarray(28)).lines).toEqual(["keep me"]);
    expect(answers()).toEqual([]);
  });
});
