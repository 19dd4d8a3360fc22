import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Connection } from "../../src/connection/connection.ts";
import { Keepalive, type KeepaliveOptions } from "../../src/connection/keepalive.ts";
import { SlabPool } from "../../src/connection/slab-pool.ts";
import { defaultLimits } from "../../src/protocol/limits.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { hex, toHex } from "../helpers/bytes.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";
import { frame, keepAlive, MESSAGE, ping } from "../helpers/frames.ts";

const PING = toHex(ping);
const PONG = toHex(frame({ program: keepAlive, version: 1, procedure: 2, type: MESSAGE, serial: 0, status: 0 }));

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** A connection that keepalive looks after. */
function watched(options: KeepaliveOptions, announce = false, keepalive = new Keepalive(options)) {
  const transport = new FakeTransport();
  const connection = new Connection({
    transport,
    slabs: new SlabPool(),
    limits: defaultLimits,
    events: { message() {}, ended() {}, closed() {} },
  });
  connection.start();
  connection.watch(keepalive, announce);
  /** Lets time pass; what was written is taken by the system. */
  const pass = async (ms: number): Promise<string[]> => {
    const before = transport.writes.length;
    await vi.advanceTimersByTimeAsync(ms);
    transport.allSent();
    return transport.writes.slice(before).map(toHex);
  };
  return { connection, transport, keepalive, pass };
}

describe("a silent peer", () => {
  it("is asked after each interval, and given up after count + 1 of them", async () => {
    const { transport, pass } = watched({ interval: 1000, count: 2 });
    expect(await pass(999)).toEqual([]);
    expect(await pass(1)).toEqual([PING]);
    expect(await pass(1000)).toEqual([PING]);
    expect(await pass(999)).toEqual([]);
    expect(transport.destroyedWith).toBeUndefined();
    expect(await pass(1)).toEqual([]);
    expect(transport.destroyedWith).toMatchObject({
      reason: "keepalive",
      message: "the peer has given no sign of life for 3 s",
    });
  });

  it("is given up without a question when the count is 0", async () => {
    const { transport, pass } = watched({ interval: 1000, count: 0 });
    expect(await pass(1000)).toEqual([]);
    expect(transport.destroyedWith).toMatchObject({ reason: "keepalive" });
  });

  it("has 30 seconds unless told otherwise", async () => {
    const { transport, pass } = watched({});
    for (let i = 0; i < 5; i++) expect(await pass(5000)).toEqual([PING]);
    expect(await pass(4999)).toEqual([]);
    expect(transport.destroyedWith).toBeUndefined();
    await pass(1);
    expect(transport.destroyedWith).toMatchObject({ reason: "keepalive" });
  });
});

describe("a peer that says anything", () => {
  it.each([
    ["a PONG", hex(PONG)],
    ["a message", frame({ program: 7, version: 1, procedure: 1, type: MESSAGE, serial: 1, status: 0 })],
    ["half a message", ping.subarray(0, 9)],
  ])("lives: %s", async (_, bytes) => {
    const { transport, pass } = watched({ interval: 1000, count: 1 });
    expect(await pass(1900)).toEqual([PING]);
    transport.events.receive(bytes);
    expect(await pass(1000)).toEqual([]);
    expect(await pass(125)).toEqual([PING]);
    expect(transport.destroyedWith).toBeUndefined();
  });

  it("is never asked while it talks", async () => {
    const { transport, pass } = watched({ interval: 1000, count: 1 });
    for (let i = 0; i < 20; i++) {
      transport.events.receive(hex(PONG));
      expect(await pass(500)).toEqual([]);
    }
  });
});

describe("a busy process", () => {
  it("takes no peer for dead, however late its timer is", async () => {
    const { transport, pass } = watched({ interval: 1000, count: 2 });
    await pass(500);
    // The loop stood still for an hour: the timer fires once, late, and only then are sockets read.
    vi.setSystemTime(Date.now() + 3_600_000);
    await vi.advanceTimersToNextTimerAsync();
    expect(transport.destroyedWith).toBeUndefined();
    transport.events.receive(hex(PONG));
    expect(await pass(1000)).toEqual([]);
  });
});

describe("a connection that is held paused", () => {
  it("tells the peer that it lives, and takes it for alive", async () => {
    const { connection, transport, pass } = watched({ interval: 1000, count: 2 });
    connection.hold();
    transport.events.receive(ping);
    expect(transport.calls).toEqual(["pause"]);
    const said = await pass(60_000);
    expect(new Set(said)).toEqual(new Set([PONG]));
    expect(said).toHaveLength(60 * 8);
    expect(transport.destroyedWith).toBeUndefined();
    connection.release();
    expect(await pass(4000)).toEqual([PONG, PING, PING]);
    expect(transport.destroyedWith).toMatchObject({ reason: "keepalive" });
  });

  it("makes no heap of signs for a peer that does not read", async () => {
    const { connection, transport } = watched({ interval: 1000 });
    connection.hold();
    transport.events.receive(ping);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(connection.queuedBytes).toBeLessThan(70_000);
  });

  it("finds a peer that was dead before it said anything", async () => {
    const { connection, transport, pass } = watched({ interval: 1000, count: 1 });
    connection.hold();
    expect(await pass(2000)).toEqual([PING]);
    expect(transport.destroyedWith).toMatchObject({ reason: "keepalive" });
  });
});

describe("a peer that is busy taking what we send", () => {
  it("lives as long as something leaves", async () => {
    const { connection, transport } = watched({ interval: 1000, count: 1 });
    const header = { program: 7, version: 1, procedure: 1, type: MESSAGE, serial: 1, status: 0 };
    for (let i = 0; i < 20; i++) connection.sendRaw(header, new Uint8Array(65_536), () => {});
    for (let i = 0; i < 20; i++) {
      await vi.advanceTimersByTimeAsync(900);
      transport.sent();
    }
    expect(transport.destroyedWith).toBeUndefined();
    await vi.advanceTimersByTimeAsync(2125);
    expect(transport.destroyedWith).toMatchObject({ reason: "keepalive" });
  });
});

describe("many connections", () => {
  it("have one timer, which ends with the last of them", () => {
    const keepalive = new Keepalive({});
    const all = Array.from({ length: 100 }, () => watched({}, false, keepalive));
    expect(vi.getTimerCount()).toBe(1);
    for (const { transport } of all) transport.events.closed(new ConnectionError("gone", "eof"));
    expect(vi.getTimerCount()).toBe(0);
  });

  it("are judged each by itself", async () => {
    const keepalive = new Keepalive({ interval: 1000, count: 1 });
    const [dead, alive] = [watched({}, false, keepalive), watched({}, false, keepalive)];
    for (let i = 0; i < 5; i++) {
      alive.transport.events.receive(hex(PONG));
      await vi.advanceTimersByTimeAsync(900);
    }
    expect(dead.transport.destroyedWith).toMatchObject({ reason: "keepalive" });
    expect(alive.transport.destroyedWith).toBeUndefined();
  });
});

it("announces itself once, soon, also to a peer that talks", async () => {
  const { transport, pass } = watched({ interval: 1000 }, true);
  transport.events.receive(hex(PONG));
  expect(await pass(125)).toEqual([PING]);
  transport.events.receive(hex(PONG));
  expect(await pass(875)).toEqual([]);
});

it("looks after a connection by the last options it was given", async () => {
  const { connection, pass } = watched({ interval: 1000 });
  connection.watch(new Keepalive({ interval: 4000 }), false);
  expect(await pass(3999)).toEqual([]);
  expect(await pass(1)).toEqual([PING]);
  expect(vi.getTimerCount()).toBe(1);
});

it.each([
  [{ interval: 7.9 }, "keepalive interval is 7.9 ms, expected 8 to 86400000"],
  [{ interval: 86_400_001 }, "keepalive interval is 86400001 ms, expected 8 to 86400000"],
  [{ interval: Number.NaN }, "keepalive interval is NaN ms"],
  [{ count: -1 }, "keepalive count is -1, expected a whole number, at least 0"],
  [{ count: 1.5 }, "keepalive count is 1.5"],
])("refuses %j", (options, message) => {
  expect(() => new Keepalive(options)).toThrow(message);
});

it.each([[{ interval: 8 }], [{ interval: 86_400_000 }], [{ count: 0 }]])("accepts %j", (options) => {
  expect(() => new Keepalive(options)).not.toThrow();
});
