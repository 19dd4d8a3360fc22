import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Connection } from "../../src/connection/connection.ts";
import { SlabPool } from "../../src/connection/slab-pool.ts";
import { defaultLimits } from "../../src/protocol/limits.ts";
import { SaslError } from "../../src/sasl/sasl-error.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { XdrVoid } from "../../src/xdr/type.ts";
import { concat } from "../helpers/bytes.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";
import { cutFrames, frame, numberedHeader as header } from "../helpers/frames.ts";
import { TestLayer } from "../helpers/layer.ts";
import { nextTurn } from "../helpers/turns.ts";

/** The message that the layer begins behind. */
const LAST_CLEAR = 7;

/** A connection that goes on hold behind {@link LAST_CLEAR}, as both sides do at the end of an authentication. */
function connected(layer: TestLayer) {
  const transport = new FakeTransport();
  const serials: number[] = [];
  const told: unknown[] = [];
  const connection: Connection = new Connection({
    transport,
    slabs: new SlabPool(),
    limits: defaultLimits,
    events: {
      message({ serial }) {
        serials.push(serial);
        if (serial === LAST_CLEAR) connection.hold();
      },
      ended: () => told.push("ended"),
      closed: (error) => told.push(error),
    },
  });
  connection.start();
  const secure = (): void => {
    connection.secure(layer);
    connection.release();
  };
  return { connection, transport, serials, told, secure };
}

describe("what leaves", () => {
  it("is in clear up to the switch, and wrapped from there on, in the same turn", async () => {
    const { connection, transport, secure } = connected(new TestLayer());
    connection.hold();
    connection.send(header(1), XdrVoid, undefined, "x");
    connection.send(header(2), XdrVoid, undefined, "x");
    secure();
    connection.send(header(3), XdrVoid, undefined, "x");
    await nextTurn();
    const { frames, rest } = cutFrames(concat(...transport.writes).subarray(0, 56));
    expect(frames.length).toBe(2);
    expect(rest.length).toBe(0);
    const peer = new TestLayer();
    expect(peer.unwrap(concat(...transport.writes).slice(56))).toEqual(frame(header(3)));
  });

  it.each([1, 27, 28, 1000, 65_536])(
    "comes in frames of at most %i bytes of text, large payloads too",
    async (size) => {
      const { connection, transport, secure } = connected(new TestLayer(size));
      connection.hold();
      secure();
      const payload = Uint8Array.from({ length: size === 1 ? 16_384 : 200_000 }, (_, i) => i);
      let sent = 0;
      connection.send(header(1), XdrVoid, undefined, "x");
      connection.sendRaw(header(2), payload, () => sent++);
      connection.sendRaw(header(3), payload.subarray(0, 9), () => sent++);
      await nextTurn();
      expect(sent).toBe(0);
      transport.allSent();
      const peer = new TestLayer(size);
      const text = concat(...transport.writes.map((bytes) => peer.unwrap(bytes)));
      const expected = concat(frame(header(1)), frame(header(2), payload), frame(header(3), payload.subarray(0, 9)));
      expect(text).toEqual(expected);
      expect(sent).toBe(2);
      expect(connection.queuedBytes).toBe(0);
    },
  );

  it("that the layer can't wrap ends the connection", async () => {
    class Broken extends TestLayer {
      override wrap(): never {
        throw new SaslError("the context has expired");
      }
    }
    const { connection, transport, secure } = connected(new Broken());
    connection.hold();
    secure();
    connection.send(header(1), XdrVoid, undefined, "x");
    await nextTurn();
    expect(transport.destroyedWith).toBeInstanceOf(ConnectionError);
    expect(transport.destroyedWith?.message).toBe("the security layer failed to wrap a message");
    expect(transport.writes).toEqual([]);
  });
});

describe("what comes", () => {
  const peer = new TestLayer();
  const wire = concat(
    frame(header(1)),
    frame(header(LAST_CLEAR)),
    peer.wrap(concat(frame(header(8)), frame(header(9)).subarray(0, 10))),
    peer.wrap(frame(header(9)).subarray(10)),
    peer.wrap(frame(header(10))),
  );

  it("is taken for wrapped exactly behind the last message in clear, however it is cut", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(wire.length), { maxLength: 6 }), fc.nat(6), (cuts, when) => {
        const { transport, serials, secure, told } = connected(new TestLayer());
        const at = [0, ...cuts.toSorted((a, b) => a - b), wire.length];
        const chunks = at.slice(1).map((end, i) => wire.subarray(at[i], end));
        let isSecure = false;
        for (const [i, chunk] of chunks.entries()) {
          transport.events.receive(chunk);
          if (isSecure || !serials.includes(LAST_CLEAR) || i < when) continue;
          isSecure = true;
          secure();
        }
        if (!isSecure) secure();
        expect(serials).toEqual([1, LAST_CLEAR, 8, 9, 10]);
        expect(told).toEqual([]);
        expect(transport.destroyedWith).toBeUndefined();
      }),
    );
  });

  it.each([
    ["damaged", concat(new TestLayer().wrap(frame(header(8))).subarray(0, 4), Uint8Array.of(1, 1, 1, 1))],
    ["too large", Uint8Array.of(0x7f, 0xff, 0xff, 0xff)],
    ["in clear", frame(header(8))],
  ])("and is %s ends the connection, with the reason", (_, bytes) => {
    const layer = new TestLayer();
    const { transport, secure, serials } = connected(layer);
    transport.events.receive(frame(header(LAST_CLEAR)));
    secure();
    transport.events.receive(concat(bytes, new Uint8Array(32)));
    expect(transport.destroyedWith).toMatchObject({ reason: "protocol" });
    expect(transport.destroyedWith?.message).toContain("what the peer sent does not pass the security layer: a ");
    transport.events.receive(frame(header(9)));
    expect(serials).toEqual([LAST_CLEAR]);
  });

  it("never outlives the connection", () => {
    const layer = new TestLayer();
    const { connection, transport, secure } = connected(layer);
    connection.hold();
    secure();
    expect(layer.closed).toBe(0);
    transport.events.closed(new ConnectionError("gone", "eof"));
    expect(layer.closed).toBe(1);
    const late = new TestLayer();
    connection.secure(late);
    expect(late.closed).toBe(1);
  });
});

it("frames may be bounded while a peer is unknown", () => {
  const { connection, transport, serials } = connected(new TestLayer());
  connection.boundFrames(100);
  transport.events.receive(frame(header(1), new Uint8Array(72)));
  expect(serials).toEqual([1]);
  connection.boundFrames(200);
  transport.events.receive(frame(header(2), new Uint8Array(172)));
  connection.boundFrames(100);
  transport.events.receive(frame(header(3), new Uint8Array(73)));
  expect(serials).toEqual([1, 2]);
  expect(transport.destroyedWith?.message).toBe("length word is 101, expected 28 to 100");
});
