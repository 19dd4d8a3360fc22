import { describe, expect, it } from "vitest";
import { FIRST_ENCRYPTED_PART, SendQueue } from "../../src/connection/send-queue.ts";
import { SlabPool } from "../../src/connection/slab-pool.ts";
import { defaultLimits } from "../../src/protocol/limits.ts";
import { XdrError } from "../../src/xdr/error.ts";
import { type XdrType, XdrVoid } from "../../src/xdr/type.ts";
import { concat, toHex } from "../helpers/bytes.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";
import { cutFrames, frame, numberedHeader as header } from "../helpers/frames.ts";
import { nextTurn } from "../helpers/turns.ts";

const Raw: XdrType<Uint8Array> = {
  encode: (writer, value) => writer.raw(value),
  decode: () => new Uint8Array(0),
};

const Text: XdrType<string> = {
  encode: (writer, value) => writer.string(value, 8),
  decode: (reader) => reader.string(8),
};

function queueOver(limits = defaultLimits, slabs = new SlabPool(), firstPart?: number) {
  const transport = new FakeTransport();
  const queue = new SendQueue({ write: (bytes, done) => transport.write(bytes, done) }, slabs, limits, firstPart);
  const push = (serial: number, payload = new Uint8Array(0)): void => queue.push(header(serial), Raw, payload, "raw");
  return { queue, transport, push, slabs };
}

describe("a whole message", () => {
  it("that is alone in its turn leaves as it is, uncopied", async () => {
    const written: Uint8Array[] = [];
    const queue = new SendQueue({ write: (bytes) => void written.push(bytes) }, new SlabPool(), defaultLimits);
    const shared = frame(header(1), Uint8Array.of(1, 2, 3, 4));
    queue.pushFrame(shared);
    expect(queue.queuedBytes).toBe(shared.length);
    await nextTurn();
    expect(written).toEqual([shared]);
    expect(written[0]).toBe(shared);
  });

  it.each([
    ["messages", (queue: SendQueue) => queue.push(header(2), Raw, Uint8Array.of(5), "raw")],
    ["whole messages", (queue: SendQueue) => queue.pushFrame(frame(header(2), Uint8Array.of(5)))],
    ["raw messages", (queue: SendQueue) => queue.pushRaw(header(2), Uint8Array.of(5), () => {})],
  ])("leaves in one write with the %s before and behind it, in order", async (_, push) => {
    const { queue, transport } = queueOver();
    queue.pushFrame(frame(header(1)));
    push(queue);
    queue.pushFrame(frame(header(3)));
    expect(queue.position).toBe(28 * 3 + 1);
    await nextTurn();
    expect(transport.writes.map(toHex)).toEqual([
      toHex(concat(frame(header(1)), frame(header(2), Uint8Array.of(5)), frame(header(3)))),
    ]);
    transport.allSent();
    expect(queue.queuedBytes).toBe(0);
  });

  it("leaves at once when somebody waits for all to have left, and not at all after the end", async () => {
    const { queue, transport } = queueOver();
    let drained = 0;
    queue.pushFrame(frame(header(1)));
    queue.whenDrained(() => drained++);
    expect(transport.writes).toHaveLength(1);
    queue.pushFrame(frame(header(2)));
    queue.close();
    queue.pushFrame(frame(header(3)));
    await nextTurn();
    transport.allSent();
    expect(transport.writes).toHaveLength(1);
    expect(drained).toBe(1);
  });

  it("must keep to the limit", () => {
    const { queue } = queueOver({ ...defaultLimits, frame: 40 });
    expect(() => queue.pushFrame(new Uint8Array(41))).toThrow("frame of 41 bytes exceeds 40");
    expect(() => queue.pushFrame(new Uint8Array(40))).not.toThrow();
  });
});

describe("a large payload", () => {
  it("has its length in its header, however full the slab was that it finds", () => {
    const large = new Uint8Array(20_000);
    const wrong: number[] = [];
    for (let size = 0; size <= 9000; size += 4) {
      const { queue, push, transport } = queueOver();
      push(1, new Uint8Array(size));
      queue.pushRaw(header(2), large, () => {});
      const expected = concat(frame(header(1), new Uint8Array(size)), frame(header(2), large));
      if (Buffer.compare(concat(...transport.writes), expected) !== 0) wrong.push(size);
    }
    expect(wrong).toEqual([]);
  });
});

describe("a peer that takes nothing", () => {
  const large = new Uint8Array(65_536);
  const small = (serial: number): Uint8Array => frame(header(serial), Uint8Array.of(serial, serial >> 8));

  it("has the messages of many turns gather, in order, so that few writes wait for it", async () => {
    const { queue, push, transport } = queueOver();
    push(0, large);
    const count = 5000;
    for (let i = 1; i < count; i++) {
      if (i % 2 === 0) queue.pushFrame(small(i));
      else push(i, Uint8Array.of(i, i >> 8));
      await nextTurn();
    }
    const bytes = frame(header(0), large).length + (count - 1) * small(0).length;
    expect(queue.queuedBytes).toBe(bytes);
    expect(queue.position).toBe(bytes);
    expect(transport.writes.length).toBeLessThanOrEqual(bytes / large.length);
    transport.allSent();
    const { frames } = cutFrames(concat(...transport.writes));
    expect(frames.map(toHex).slice(1)).toEqual(Array.from({ length: count - 1 }, (_, i) => toHex(small(i + 1))));
    expect(queue.queuedBytes).toBe(0);
  });

  it("gets what has gathered as soon as it takes something", async () => {
    const { push, transport } = queueOver();
    push(0, large);
    await nextTurn();
    push(1);
    await nextTurn();
    push(2);
    await nextTurn();
    expect(transport.writes).toHaveLength(1);
    transport.sent();
    expect(transport.writes.slice(1).map(toHex)).toEqual([toHex(concat(frame(header(1)), frame(header(2))))]);
    push(3);
    await nextTurn();
    expect(transport.writes).toHaveLength(3);
  });

  it("gets what has gathered ahead of a large payload", async () => {
    const { queue, push, transport } = queueOver();
    push(0, large);
    await nextTurn();
    push(1);
    await nextTurn();
    queue.pushRaw(header(2), large, () => {});
    push(3);
    transport.allSent();
    await nextTurn();
    transport.allSent();
    const { frames } = cutFrames(concat(...transport.writes));
    expect(frames.map((bytes) => bytes[23])).toEqual([0, 1, 2, 3]);
  });

  it("has each message wait in bytes of its own where each is a write, with what that takes", () => {
    const written: Uint8Array[] = [];
    const queue = new SendQueue({ write: (bytes) => void written.push(bytes) }, new SlabPool(), defaultLimits, 1);
    for (let i = 0; i < 3; i++) queue.push(header(i), Raw, Uint8Array.of(i), "raw");
    expect(written.map((bytes) => [toHex(bytes), bytes.buffer.byteLength])).toEqual(
      [0, 1, 2].map((i) => [toHex(frame(header(i), Uint8Array.of(i))), 29]),
    );
    const shared = frame(header(3));
    queue.pushFrame(shared);
    expect(written[3]).toBe(shared);
    expect(queue.position).toBe(3 * 29 + 28);
    expect(queue.queuedBytes).toBe(queue.position + 4 * 256);
  });
});

describe("a turn", () => {
  it("leaves in one write, in order", async () => {
    const { push, transport } = queueOver();
    for (let i = 0; i < 15; i++) push(i, Uint8Array.of(i));
    expect(transport.writes).toEqual([]);
    await nextTurn();
    const expected = Array.from({ length: 15 }, (_, i) => frame(header(i), Uint8Array.of(i)));
    expect(transport.writes.map(toHex)).toEqual([toHex(concat(...expected))]);
  });

  it("of one message each leaves with a write per message, whatever kind it is", async () => {
    const { queue, push, transport } = queueOver(defaultLimits, new SlabPool(), 1);
    for (let i = 0; i < 3; i++) push(i);
    queue.pushFrame(frame(header(3), Uint8Array.of(3)));
    queue.pushRaw(header(4), Uint8Array.of(4), () => {});
    push(5);
    await nextTurn();
    expect(transport.writes.map((bytes) => cutFrames(bytes).frames.length)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it("with many messages to be encrypted leaves in longer parts", async () => {
    const { push, transport } = queueOver(defaultLimits, new SlabPool(), FIRST_ENCRYPTED_PART);
    for (let i = 0; i < 200; i++) push(i);
    await nextTurn();
    expect(transport.writes.map(({ length }) => length / 28)).toEqual([64, 128, 8]);
  });

  it("with many messages leaves in parts, each twice as long; the next turn begins anew", async () => {
    const { push, transport } = queueOver();
    for (let i = 0; i < 100; i++) push(i);
    await nextTurn();
    expect(transport.writes.map(({ length }) => length / 28)).toEqual([16, 32, 52]);
    for (let i = 0; i < 20; i++) push(i);
    await nextTurn();
    expect(transport.writes.slice(3).map(({ length }) => length / 28)).toEqual([16, 4]);
    const { frames } = cutFrames(concat(...transport.writes));
    expect(frames).toHaveLength(120);
  });

  it("that queued nothing writes nothing", async () => {
    const { queue, transport } = queueOver();
    queue.flush();
    await nextTurn();
    expect(transport.writes).toEqual([]);
  });

  it("does not wait for what earlier turns have written", async () => {
    const { push, transport, queue } = queueOver();
    push(1);
    await nextTurn();
    push(2);
    await nextTurn();
    expect(transport.writes).toHaveLength(2);
    expect(queue.queuedBytes).toBe(56);
  });

  it("may be cut short by flush; what follows leaves at its end", async () => {
    const { queue, push, transport } = queueOver();
    push(1);
    queue.flush();
    expect(transport.writes).toHaveLength(1);
    push(2);
    await nextTurn();
    expect(transport.writes).toHaveLength(2);
  });
});

describe("a message that can't be sent", () => {
  it("leaves nothing behind between its neighbours", async () => {
    const { queue, push, transport } = queueOver();
    push(1);
    expect(() => queue.push(header(2), Text, "too long by far", "text")).toThrow(RangeError);
    push(3);
    await nextTurn();
    expect(transport.writes.map(toHex)).toEqual([toHex(concat(frame(header(1)), frame(header(3))))]);
  });

  it("alone in its turn writes nothing, and its slab is used again", async () => {
    const { queue, transport, slabs } = queueOver();
    const slab = slabs.take();
    slabs.give(slab);
    expect(() => queue.push(header(2), Text, "too long by far", "args")).toThrow("args: string of 15 bytes exceeds 8");
    expect(queue.queuedBytes).toBe(0);
    await nextTurn();
    expect(transport.writes).toEqual([]);
    expect(slabs.take()).toBe(slab);
  });
});

describe("the limit", () => {
  it("is for each message, header and length word included, to the byte", async () => {
    const { push, transport } = queueOver({ frame: 100 });
    push(1, new Uint8Array(72));
    push(2, new Uint8Array(72));
    expect(() => push(3, new Uint8Array(73))).toThrow(XdrError);
    push(4, new Uint8Array(72));
    await nextTurn();
    expect(cutFrames(concat(...transport.writes)).frames.map((one) => one.length)).toEqual([100, 100, 100]);
  });

  it("of libvirt is 33554436, also behind other messages", async () => {
    const { push, transport } = queueOver();
    const most = new Uint8Array(33_554_436 - 28);
    push(1);
    push(2, most);
    expect(() => push(3, new Uint8Array(most.length + 1))).toThrow(XdrError);
    await nextTurn();
    expect(transport.writes.map((write) => write.length)).toEqual([28 + 33_554_436]);
  });

  it("lets frames through that are larger than a slab", async () => {
    const { push, transport } = queueOver();
    const payload = new Uint8Array(200_001).fill(7);
    push(1);
    push(2, payload);
    push(3);
    await nextTurn();
    const { frames } = cutFrames(concat(...transport.writes));
    expect(frames.map(toHex)).toEqual([frame(header(1)), frame(header(2), payload), frame(header(3))].map(toHex));
  });
});

describe("slabs", () => {
  it("are not written to while the transport holds them", async () => {
    const { queue, slabs, push } = queueOver();
    const held: Uint8Array[] = [];
    const done: (() => void)[] = [];
    const other = new SendQueue(
      {
        write(bytes, then) {
          held.push(bytes);
          done.push(then);
        },
      },
      slabs,
      defaultLimits,
    );
    other.push(header(1), Raw, Uint8Array.of(1, 1, 1), "raw");
    other.flush();
    push(2, Uint8Array.of(2, 2, 2, 2, 2, 2));
    queue.flush();
    other.push(header(3), Raw, Uint8Array.of(3), "raw");
    other.flush();
    expect(held.map(toHex)).toEqual(
      [frame(header(1), Uint8Array.of(1, 1, 1)), frame(header(3), Uint8Array.of(3))].map(toHex),
    );
  });

  it("are shared by all queues of a pool, and used again once sent", async () => {
    const slabs = new SlabPool();
    const slab = slabs.take();
    slabs.give(slab);
    const { push, transport } = queueOver(defaultLimits, slabs);
    for (let i = 0; i < 10; i++) {
      push(i);
      await nextTurn();
      transport.sent();
    }
    expect(slabs.take()).toBe(slab);
    expect(slabs.take()).not.toBe(slab);
  });
});

describe("queuedBytes", () => {
  it("counts what waits and what the transport holds", async () => {
    const { queue, push, transport } = queueOver();
    push(1, new Uint8Array(72));
    expect(queue.queuedBytes).toBe(100);
    await nextTurn();
    push(2);
    expect(queue.queuedBytes).toBe(128);
    transport.sent();
    expect(queue.queuedBytes).toBe(28);
    await nextTurn();
    transport.sent();
    expect(queue.queuedBytes).toBe(0);
  });
});

describe("whenDrained", () => {
  it("calls at once when nothing waits", () => {
    const { queue } = queueOver();
    let drained = false;
    queue.whenDrained(() => {
      drained = true;
    });
    expect(drained).toBe(true);
  });

  it("sends what is queued and calls once all has been taken", () => {
    const { queue, push, transport } = queueOver();
    let calls = 0;
    push(1);
    queue.flush();
    push(2);
    queue.whenDrained(() => calls++);
    expect(transport.writes).toHaveLength(2);
    transport.sent();
    expect(calls).toBe(0);
    transport.sent();
    expect(calls).toBe(1);
  });

  it("calls when the queue is closed", () => {
    const { queue, push } = queueOver();
    let calls = 0;
    push(1);
    queue.whenDrained(() => calls++);
    queue.close();
    expect(calls).toBe(1);
  });
});

describe("after close", () => {
  it("nothing leaves, also what was queued before", async () => {
    const { queue, push, transport } = queueOver();
    push(1);
    queue.close();
    push(2);
    await nextTurn();
    expect(transport.writes).toEqual([]);
    expect(queue.queuedBytes).toBe(0);
    expect(() => queue.push(header(3), XdrVoid, undefined, "void")).not.toThrow();
  });
});
