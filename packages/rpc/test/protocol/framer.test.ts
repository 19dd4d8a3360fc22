import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Framer } from "../../src/protocol/framer.ts";
import { defaultLimits } from "../../src/protocol/limits.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { concat, hex, split, toHex } from "../helpers/bytes.ts";
import { frame } from "../helpers/frames.ts";
import { Random } from "../helpers/random.ts";

const LIMIT = defaultLimits.frame;

/** A frame told apart by its serial, with a payload of `size` bytes. */
function numbered(serial: number, size = 0): Uint8Array {
  const payload = new Uint8Array(size).fill(serial);
  return frame({ program: 1, version: 1, procedure: 1, type: 0, serial, status: 0 }, payload);
}

/** A framer and what it hands on, each frame copied as its sink has to. */
function collecting(limit = LIMIT, then: (serial: number) => void = () => {}) {
  const frames: Uint8Array[] = [];
  const framer = new Framer(limit, {
    frame(bytes, start, end) {
      const one = bytes.slice(start, end);
      frames.push(one);
      then(new DataView(one.buffer).getUint32(20));
    },
  });
  const serials = (): number[] => frames.map((one) => new DataView(one.buffer).getUint32(20));
  return { framer, frames, serials };
}

const texts = (frames: readonly Uint8Array[]): string[] => frames.map(toHex);

describe("cutting", () => {
  const sent = [numbered(1), numbered(2, 5), numbered(3, 1000), numbered(4), numbered(5, 3)];
  const wire = concat(...sent);

  it("finds all frames of one chunk, in place", () => {
    const lent: Uint8Array[] = [];
    new Framer(LIMIT, { frame: (bytes) => void lent.push(bytes) }).push(wire);
    expect(lent).toHaveLength(5);
    expect(lent.every((bytes) => bytes === wire)).toBe(true);
  });

  it("takes one byte at a time", () => {
    const { framer, frames } = collecting();
    for (const byte of wire) framer.push(Uint8Array.of(byte));
    expect(texts(frames)).toEqual(texts(sent));
  });

  it("finds the same frames wherever the stream is cut once", () => {
    for (let cut = 0; cut <= wire.length; cut++) {
      const { framer, frames } = collecting();
      framer.push(wire.subarray(0, cut));
      framer.push(wire.subarray(cut));
      expect(frames).toHaveLength(5);
    }
  });

  it("finds the same frames in any fragmentation", () => {
    const sizes = fc.array(fc.nat(200), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(sizes, fc.array(fc.nat(2500), { maxLength: 30 }), (payloads, cuts) => {
        const expected = payloads.map((size, i) => numbered(i, size));
        const { framer, frames } = collecting();
        for (const chunk of split(concat(...expected), cuts)) framer.push(chunk);
        expect(texts(frames)).toEqual(texts(expected));
      }),
    );
  });

  it("keeps no reference to a chunk, which changes when push returns", () => {
    const { framer, frames } = collecting();
    const shared = new Uint8Array(16);
    for (let at = 0; at < wire.length; at += 16) {
      const part = wire.subarray(at, at + 16);
      shared.set(part);
      framer.push(shared.subarray(0, part.length));
      shared.fill(0xee);
    }
    expect(texts(frames)).toEqual(texts(sent));
  });

  it("passes over empty chunks", () => {
    const { framer, serials } = collecting();
    framer.push(new Uint8Array(0));
    framer.push(numbered(1).subarray(0, 3));
    framer.push(new Uint8Array(0));
    framer.push(numbered(1).subarray(3));
    expect(serials()).toEqual([1]);
  });
});

describe("length words", () => {
  it.each([0, 4, 5, 24, 27, 33_554_437, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff])("%i is refused", (length) => {
    const { framer, frames } = collecting();
    const head = new DataView(new ArrayBuffer(4));
    head.setUint32(0, length);
    const refused = (): void => framer.push(new Uint8Array(head.buffer));
    expect(refused).toThrow(ConnectionError);
    expect(refused).toThrow(`length word is ${length}, expected 28 to 33554436`);
    expect(frames).toEqual([]);
  });

  it.each([27, 33_554_437])("%i is refused at its fourth byte, also when the bytes come one by one", (length) => {
    const { framer } = collecting();
    const head = new DataView(new ArrayBuffer(4));
    head.setUint32(0, length);
    for (let i = 0; i < 3; i++) framer.push(Uint8Array.of(head.getUint8(i)));
    expect(() => framer.push(Uint8Array.of(head.getUint8(3)))).toThrow(ConnectionError);
  });

  it("28 is a frame without payload", () => {
    const { framer, serials } = collecting();
    framer.push(numbered(9));
    expect(serials()).toEqual([9]);
  });

  it("33554436 is a frame, whole", () => {
    let size = 0;
    const framer = new Framer(LIMIT, {
      frame(_, start, end) {
        size = end - start;
      },
    });
    framer.push(hex("02000004"));
    const chunk = new Uint8Array(262_144);
    for (let left = LIMIT - 4; left > 0; left -= chunk.length) {
      expect(size).toBe(0);
      framer.push(chunk.subarray(0, Math.min(left, chunk.length)));
    }
    expect(size).toBe(LIMIT);
  });

  it("the limit is the reader's own, to the byte", () => {
    const { framer, serials } = collecting(100);
    framer.push(numbered(1, 72));
    expect(serials()).toEqual([1]);
    expect(() => framer.push(numbered(2, 73))).toThrow("length word is 101, expected 28 to 100");
  });

  it("frames before a bad one are still handed on", () => {
    const { framer, serials } = collecting();
    expect(() => framer.push(concat(numbered(1), numbered(2), hex("0000001b")))).toThrow(ConnectionError);
    expect(serials()).toEqual([1, 2]);
  });

  it.each([
    ["GET / HTTP/1.1\r\n", "HTTP"],
    ["POST / HTTP/1.1\r\n", "HTTP"],
    ["HTTP/1.1 400 Bad Request\r\n", "HTTP"],
    ["SSH-2.0-OpenSSH_9.2\r\n", "SSH"],
  ])("%j is recognised", (text, name) => {
    const { framer } = collecting();
    expect(() => framer.push(new TextEncoder().encode(text))).toThrow(`(the peer seems to speak ${name})`);
  });

  it("TLS is recognised in every version", () => {
    for (const hello of ["16030100c4", "16030300c4", "160303ffff"]) {
      expect(() => collecting().framer.push(hex(hello))).toThrow("seems to speak TLS)");
    }
    expect(() => collecting().framer.push(hex("15030300020228"))).toThrow("seems to speak TLS: it sent an alert)");
  });
});

describe("memory", () => {
  it("an announced length alone takes none", () => {
    const before = process.memoryUsage().arrayBuffers;
    const framers = Array.from({ length: 200 }, () => {
      const { framer } = collecting();
      framer.push(hex("02000004 20008086 00000001"));
      return framer;
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
    expect(framers).toHaveLength(200);
  });

  it("a half-sent frame takes no more than about twice what came", () => {
    const before = process.memoryUsage().arrayBuffers;
    const { framer } = collecting();
    framer.push(hex("02000004"));
    for (let i = 0; i < 65; i++) framer.push(new Uint8Array(65_536));
    // The chunks themselves may not have been collected yet.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(3 * 4 * 65 * 65_536);
    framer.stop();
  });
});

describe("stop and resume", () => {
  it("nothing is handed on while stopped, whatever comes, and all of it afterwards", () => {
    const { framer, serials } = collecting();
    framer.stop();
    for (const byte of concat(numbered(1), numbered(2, 7))) framer.push(Uint8Array.of(byte));
    expect(serials()).toEqual([]);
    framer.resume();
    expect(serials()).toEqual([1, 2]);
  });

  it("stop in the sink takes effect after the frame at hand", () => {
    const { framer, serials } = collecting(LIMIT, () => framer.stop());
    framer.push(concat(numbered(1), numbered(2), numbered(3)));
    expect(serials()).toEqual([1]);
    framer.resume();
    expect(serials()).toEqual([1, 2]);
    framer.resume();
    expect(serials()).toEqual([1, 2, 3]);
    framer.resume();
    expect(serials()).toEqual([1, 2, 3]);
  });

  it("stop and resume within the sink goes on with the next frame, once", () => {
    const { framer, serials } = collecting(LIMIT, () => {
      framer.stop();
      framer.resume();
    });
    framer.push(concat(numbered(1), numbered(2), numbered(3).subarray(0, 10)));
    framer.push(numbered(3).subarray(10));
    expect(serials()).toEqual([1, 2, 3]);
  });

  it("stop in the sink of a frame that came in pieces keeps the rest of the chunk", () => {
    const { framer, serials } = collecting(LIMIT, () => framer.stop());
    framer.push(numbered(1).subarray(0, 20));
    framer.push(concat(numbered(1).subarray(20), numbered(2), numbered(3).subarray(0, 8)));
    expect(serials()).toEqual([1]);
    framer.resume();
    expect(serials()).toEqual([1, 2]);
    framer.push(numbered(3).subarray(8));
    framer.resume();
    expect(serials()).toEqual([1, 2, 3]);
  });

  it("half a frame kept while stopped is completed after resume", () => {
    const { framer, serials } = collecting();
    framer.push(numbered(1).subarray(0, 2));
    framer.stop();
    framer.push(numbered(1).subarray(2, 27));
    framer.resume();
    expect(serials()).toEqual([]);
    framer.push(concat(numbered(1).subarray(27), numbered(2)));
    expect(serials()).toEqual([1, 2]);
  });

  it("a bad length that came while stopped is refused at resume", () => {
    const { framer } = collecting();
    framer.stop();
    framer.push(hex("0000001b"));
    expect(() => framer.resume()).toThrow(ConnectionError);
  });

  it("in any order, from within and without, frames come once and in order", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new Random(seed);
      const expected = Array.from({ length: 20 }, (_, i) => numbered(i, random.below(60)));
      const wire = concat(...expected);
      const act = (): void => {
        const choice = random.below(6);
        if (choice < 2) framer.stop();
        if (choice === 1 || choice === 2) framer.resume();
      };
      const { framer, frames } = collecting(LIMIT, act);
      const cuts = Array.from({ length: random.below(30) }, () => random.below(wire.length));
      for (const chunk of split(wire, cuts)) {
        framer.push(chunk);
        act();
      }
      for (let i = 0; i <= 20; i++) framer.resume();
      expect({ seed, frames: texts(frames) }).toEqual({ seed, frames: texts(expected) });
    }
  });
});
