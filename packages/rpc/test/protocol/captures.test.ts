import { describe, expect, it } from "vitest";
import { Framer } from "../../src/protocol/framer.ts";
import { VirNetMessageError } from "../../src/protocol/gen/net.ts";
import { defaultLimits } from "../../src/protocol/limits.ts";
import { beginFrame, decodeHeader, endFrame, HEADER_BYTES, MessageStatus } from "../../src/protocol/message.ts";
import { errorFromWire, errorToWire } from "../../src/protocol/rpc-error.ts";
import { decodeXdr, encodeXdr } from "../../src/xdr/type.ts";
import { XdrWriter } from "../../src/xdr/writer.ts";
import { split, toHex } from "../helpers/bytes.ts";
import { type CapturedFrame, capturedFrames, capturedStreams, sessions } from "../helpers/captures.ts";
import { Random } from "../helpers/random.ts";

/** Errors with something in them; a stream that is aborted has none. */
const errorsOf = (frames: readonly CapturedFrame[]): CapturedFrame[] =>
  frames.filter(({ header, bytes }) => header.status === MessageStatus.ERROR && bytes.length > HEADER_BYTES);

describe.each(sessions)("the recorded session %s", (session) => {
  it("has headers that are read as recorded and written as they came", () => {
    const frames = capturedFrames(session);
    for (const { header, bytes } of frames) {
      expect(decodeHeader(bytes, 0)).toEqual(header);
      const writer = new XdrWriter(16);
      const start = beginFrame(writer, decodeHeader(bytes, 0));
      writer.raw(bytes.subarray(HEADER_BYTES));
      endFrame(writer, start);
      expect(Buffer.compare(writer.written(), bytes)).toBe(0);
    }
  });

  it("has errors that are read as recorded and written as they came", () => {
    for (const { bytes, error } of errorsOf(capturedFrames(session))) {
      const payload = bytes.subarray(HEADER_BYTES);
      const read = errorFromWire(decodeXdr(VirNetMessageError, payload));
      expect(read.message).toBe(error);
      expect(toHex(encodeXdr(VirNetMessageError, errorToWire(read)))).toBe(toHex(payload));
    }
  });

  it("has byte streams that are cut into the same frames, whatever pieces they come in", () => {
    for (const [i, { frames, bytes }] of capturedStreams(session).entries()) {
      const random = new Random(bytes.length + i);
      const cuts = Array.from({ length: 100 }, () => random.below(bytes.length));
      const got: Uint8Array[] = [];
      const framer = new Framer(defaultLimits.frame, {
        frame: (lent, start, end) => void got.push(lent.slice(start, end)),
      });
      for (const chunk of split(bytes, cuts)) framer.push(chunk);
      expect(got).toHaveLength(frames.length);
      expect(frames.every((frame, n) => Buffer.compare(got[n] ?? new Uint8Array(0), frame.bytes) === 0)).toBe(true);
    }
  });
});

describe("the recordings", () => {
  it("are there, with messages and errors of every kind", () => {
    const frames = sessions.flatMap(capturedFrames);
    expect(sessions.length).toBeGreaterThan(50);
    expect(frames.length).toBeGreaterThan(1500);
    expect(errorsOf(frames).length).toBeGreaterThan(20);
    expect(new Set(frames.map(({ header }) => header.type))).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
  });
});
