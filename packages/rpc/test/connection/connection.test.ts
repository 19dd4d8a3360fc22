import { describe, expect, it } from "vitest";
import { Connection } from "../../src/connection/connection.ts";
import { SlabPool } from "../../src/connection/slab-pool.ts";
import { defaultLimits } from "../../src/protocol/limits.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { type XdrType, XdrVoid } from "../../src/xdr/type.ts";
import { concat, hex, toHex } from "../helpers/bytes.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";
import { frame, numberedHeader as header, MESSAGE, parseFrame, ping } from "../helpers/frames.ts";
import { nextTurn } from "../helpers/turns.ts";

const numbered = (serial: number, ...payload: number[]): Uint8Array => frame(header(serial), Uint8Array.from(payload));

const Raw: XdrType<Uint8Array> = { encode: (writer, value) => writer.raw(value), decode: () => new Uint8Array(0) };

/** A connection over a transport that the test plays, and what it delivers. */
function connected(onMessage: (serial: number, connection: Connection) => void = () => {}) {
  const transport = new FakeTransport();
  const got: { serial: number; payload: string }[] = [];
  const told: unknown[] = [];
  const connection: Connection = new Connection({
    transport,
    slabs: new SlabPool(),
    limits: defaultLimits,
    events: {
      message({ serial }, bytes, start, end) {
        got.push({ serial, payload: toHex(bytes.slice(start, end)) });
        onMessage(serial, connection);
      },
      ended: () => told.push("ended"),
      closed: (error) => told.push(error),
    },
  });
  connection.start();
  return { connection, transport, got, told, serials: () => got.map(({ serial }) => serial) };
}

const pong = "0000001c 6b656570 00000001 00000002 00000002 00000000 00000000";

describe("messages", () => {
  it("are delivered with header and payload, whatever pieces they come in", () => {
    const { transport, got } = connected();
    const wire = concat(numbered(1, 1, 2, 3), numbered(2));
    transport.events.receive(wire.subarray(0, 30));
    transport.events.receive(wire.subarray(30));
    expect(got).toEqual([
      { serial: 1, payload: "010203" },
      { serial: 2, payload: "" },
    ]);
  });

  it("leave as frames", async () => {
    const { connection, transport } = connected();
    connection.send(header(7), Raw, hex("0102"), "raw");
    await nextTurn();
    expect(transport.writes.map(toHex)).toEqual([toHex(numbered(7, 1, 2))]);
  });
});

describe("keepalive", () => {
  it.each([
    ["serial 0", ping],
    ["serial 5", frame({ ...parseFrame(ping).header, serial: 5 })],
    ["a payload", frame(parseFrame(ping).header, hex("01020304"))],
  ])("a PING with %s is answered by a PONG of serial 0 and delivered to nobody", async (_, bytes) => {
    const { transport, got } = connected();
    transport.events.receive(bytes);
    await nextTurn();
    expect(transport.writes.map(toHex)).toEqual([pong]);
    expect(got).toEqual([]);
  });

  it.each([
    ["a PONG", { procedure: 2 }],
    ["procedure 3", { procedure: 3 }],
    ["version 2", { version: 2 }],
  ])("%s is swallowed", async (_, change) => {
    const { transport, got } = connected();
    transport.events.receive(frame({ ...parseFrame(ping).header, ...change }));
    await nextTurn();
    expect(transport.writes).toEqual([]);
    expect(got).toEqual([]);
  });

  it("a PING of type call is a message like any other", () => {
    const { transport, serials } = connected();
    transport.events.receive(frame({ ...parseFrame(ping).header, type: 0, serial: 9 }));
    expect(serials()).toEqual([9]);
  });

  it("an event of another program is not keepalive", () => {
    const { transport, serials } = connected();
    transport.events.receive(frame({ ...header(3), type: MESSAGE, procedure: 1 }));
    expect(serials()).toEqual([3]);
  });

  it("PINGs without end make no heap of PONGs for a peer who does not read", async () => {
    const { connection, transport } = connected();
    const many = concat(...Array.from({ length: 1000 }, () => ping));
    for (let i = 0; i < 100; i++) {
      transport.events.receive(many);
      await nextTurn();
    }
    expect(connection.queuedBytes).toBeLessThanOrEqual(65_536 + 28);
    transport.allSent();
    transport.events.receive(ping);
    await nextTurn();
    expect(connection.queuedBytes).toBe(28);
  });
});

describe("holds", () => {
  it("keep every message back until as many releases", () => {
    const { connection, transport, serials } = connected();
    connection.hold();
    connection.hold();
    transport.events.receive(concat(numbered(1), numbered(2)));
    connection.release();
    expect(serials()).toEqual([]);
    connection.release();
    expect(serials()).toEqual([1, 2]);
  });

  it("pause the transport with the first chunk that comes, once, and resume it at the end", () => {
    const { connection, transport } = connected();
    connection.hold();
    expect(transport.calls).toEqual([]);
    transport.events.receive(numbered(1));
    transport.events.receive(numbered(2));
    expect(transport.calls).toEqual(["pause"]);
    connection.release();
    expect(transport.calls).toEqual(["pause", "resume"]);
  });

  it("that end before a chunk comes cost the transport nothing", () => {
    const { connection, transport } = connected();
    connection.hold();
    connection.release();
    transport.events.receive(numbered(1));
    expect(transport.calls).toEqual([]);
  });

  it("from within a message take effect after it, also while resuming", () => {
    const { connection, transport, serials } = connected((_, self) => self.hold());
    transport.events.receive(concat(numbered(1), numbered(2), numbered(3)));
    expect(serials()).toEqual([1]);
    transport.events.receive(numbered(4));
    connection.release();
    expect(serials()).toEqual([1, 2]);
    expect(transport.calls).toEqual(["pause"]);
    connection.release();
    connection.release();
    expect(serials()).toEqual([1, 2, 3, 4]);
    connection.release();
    expect(transport.calls).toEqual(["pause", "resume"]);
  });

  it("do not swallow a protocol error: it comes at release", () => {
    const { connection, transport } = connected();
    connection.hold();
    transport.events.receive(hex("00000005"));
    expect(transport.destroyedWith).toBeUndefined();
    connection.release();
    expect(transport.destroyedWith?.reason).toBe("protocol");
  });
});

describe("failures", () => {
  it("a bad length closes the connection and delivers nothing after it", () => {
    const { transport, serials } = connected();
    transport.events.receive(concat(numbered(1), hex("0000001b"), numbered(2)));
    transport.events.receive(numbered(3));
    expect(serials()).toEqual([1]);
    expect(transport.destroyedWith).toMatchObject({
      reason: "protocol",
      message: expect.stringContaining("length word is 27"),
    });
  });

  it("a ConnectionError thrown by the receiver closes the connection with it", () => {
    const mine = new ConnectionError("mine", "protocol");
    const { transport } = connected(() => {
      throw mine;
    });
    transport.events.receive(numbered(1));
    expect(transport.destroyedWith).toBe(mine);
  });

  it("anything else thrown by the receiver closes this connection, with its cause, and goes no further", () => {
    const bug = new TypeError("a bug");
    const { transport } = connected(() => {
      throw bug;
    });
    expect(() => transport.events.receive(numbered(1))).not.toThrow();
    expect(transport.destroyedWith).toMatchObject({ reason: "error", cause: bug });
  });

  it("the first failure counts", () => {
    const { connection, transport } = connected();
    const first = new ConnectionError("first", "overflow");
    connection.fail(first);
    connection.fail(new ConnectionError("second", "error"));
    expect(transport.destroyedWith).toBe(first);
    expect(transport.calls).toEqual(["destroy"]);
  });

  it("fail from within a message stops the rest of the chunk", () => {
    const { transport, serials } = connected((_, self) => self.fail(new ConnectionError("enough", "closed")));
    transport.events.receive(concat(numbered(1), numbered(2)));
    expect(serials()).toEqual([1]);
  });

  it("after a failure release hands nothing on", () => {
    const { connection, transport, serials } = connected();
    connection.hold();
    transport.events.receive(numbered(1));
    connection.fail(new ConnectionError("gone", "error"));
    connection.release();
    expect(serials()).toEqual([]);
  });
});

describe("the end", () => {
  it("end sends what is queued first", () => {
    const { connection, transport } = connected();
    connection.send(header(1), XdrVoid, undefined, "void");
    connection.end();
    expect(transport.writes).toHaveLength(1);
    expect(transport.calls).toEqual(["end"]);
  });

  it("passes on the peer's end and the transport's close", () => {
    const { transport, told } = connected();
    const error = new ConnectionError("the peer closed the connection", "eof");
    transport.events.ended();
    transport.events.closed(error);
    expect(told).toEqual(["ended", error]);
  });

  it("after the close nothing is sent and waits for the drain end", async () => {
    const { connection, transport } = connected();
    let drained = 0;
    connection.send(header(1), XdrVoid, undefined, "void");
    connection.whenDrained(() => drained++);
    transport.events.closed(new ConnectionError("gone", "eof"));
    expect(drained).toBe(1);
    connection.send(header(2), XdrVoid, undefined, "void");
    await nextTurn();
    expect(transport.writes).toHaveLength(1);
  });
});
