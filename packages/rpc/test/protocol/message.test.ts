import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { beginFrame, decodeHeader, endFrame, type MessageHeader } from "../../src/protocol/message.ts";
import { XdrWriter } from "../../src/xdr/writer.ts";
import { concat, hex, toHex } from "../helpers/bytes.ts";

const remote = { program: 0x20008086, version: 1 };

/** The examples of libvirt-rpc §1.11, computed by hand there and compared with the daemon. */
const worked: [name: string, header: MessageHeader, payload: string, wire: string][] = [
  [
    "A: AUTH_LIST call",
    { ...remote, procedure: 66, type: 0, serial: 0, status: 0 },
    "",
    "0000001c 20008086 00000001 00000042 00000000 00000000 00000000",
  ],
  [
    "A: AUTH_LIST reply",
    { ...remote, procedure: 66, type: 1, serial: 0, status: 0 },
    "00000001 00000000",
    "00000024 20008086 00000001 00000042 00000001 00000000 00000000 00000001 00000000",
  ],
  [
    "B: CONNECT_OPEN call",
    { ...remote, procedure: 1, type: 0, serial: 1, status: 0 },
    "00000001 0000000f 74657374 3a2f2f2f 64656661 756c7400 00000000",
    "00000038 20008086 00000001 00000001 00000000 00000001 00000000 00000001 0000000f 74657374 3a2f2f2f 64656661 756c7400 00000000",
  ],
  [
    "B: CONNECT_OPEN reply",
    { ...remote, procedure: 1, type: 1, serial: 1, status: 0 },
    "",
    "0000001c 20008086 00000001 00000001 00000001 00000001 00000000",
  ],
  [
    "D: PING",
    { program: 0x6b656570, version: 1, procedure: 1, type: 2, serial: 0, status: 0 },
    "",
    "0000001c 6b656570 00000001 00000001 00000002 00000000 00000000",
  ],
  [
    "E: stream data, unpadded",
    { ...remote, procedure: 208, type: 3, serial: 7, status: 2 },
    "616263",
    "0000001f 20008086 00000001 000000d0 00000003 00000007 00000002 616263",
  ],
  [
    "E: stream abort",
    { ...remote, procedure: 208, type: 3, serial: 7, status: 1 },
    "",
    "0000001c 20008086 00000001 000000d0 00000003 00000007 00000001",
  ],
  [
    "E: hole of 1 MiB",
    { ...remote, procedure: 209, type: 6, serial: 7, status: 2 },
    "00000000 00100000 00000000",
    "00000028 20008086 00000001 000000d1 00000006 00000007 00000002 00000000 00100000 00000000",
  ],
  [
    "F: call with two descriptors",
    { ...remote, procedure: 249, type: 4, serial: 9, status: 0 },
    "00000002 3c617267 733e",
    "00000026 20008086 00000001 000000f9 00000004 00000009 00000000 00000002 3c617267 733e",
  ],
  [
    "G: admin call",
    { program: 0x06900690, version: 1, procedure: 6, type: 0, serial: 0, status: 0 },
    "00000005 61646d69 6e000000 00000000",
    "0000002c 06900690 00000001 00000006 00000000 00000000 00000000 00000005 61646d69 6e000000 00000000",
  ],
];

function written(header: MessageHeader, payload: Uint8Array, writer = new XdrWriter()): Uint8Array {
  const start = beginFrame(writer, header);
  writer.raw(payload);
  endFrame(writer, start);
  return writer.written().slice(start);
}

describe("the worked examples", () => {
  it.each(worked)("%s is written byte for byte", (_, header, payload, wire) => {
    expect(toHex(written(header, hex(payload)))).toBe(wire);
  });

  it.each(worked)("%s is read back", (_, header, _payload, wire) => {
    expect(decodeHeader(hex(wire), 0)).toEqual(header);
  });
});

describe("decodeHeader", () => {
  it("takes any words: only procedure, type and status are signed", () => {
    expect(decodeHeader(hex(`0000001c ${"ffffffff ".repeat(6)}`), 0)).toEqual({
      program: 4_294_967_295,
      version: 4_294_967_295,
      procedure: -1,
      type: -1,
      serial: 4_294_967_295,
      status: -1,
    });
  });

  it.each(worked)("finds %s in the middle of other bytes", (_, header, _payload, wire) => {
    expect(decodeHeader(concat(hex("ffffff"), hex(wire), hex("ff")), 3)).toEqual(header);
  });
});

const uint = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const headers: fc.Arbitrary<MessageHeader> = fc.record({
  program: uint,
  version: uint,
  procedure: int,
  type: int,
  serial: uint,
  status: int,
});

describe("any header", () => {
  it("survives the way there and back, also where the writer has to grow", () => {
    fc.assert(
      fc.property(headers, fc.uint8Array({ maxLength: 200 }), fc.nat(40), (header, payload, size) => {
        const writer = new XdrWriter(size);
        writer.raw(new Uint8Array(size));
        const bytes = written(header, payload, writer);
        expect(new DataView(bytes.buffer).getUint32(0)).toBe(28 + payload.length);
        expect(decodeHeader(bytes, 0)).toEqual(header);
        expect(bytes.slice(28)).toEqual(payload);
      }),
    );
  });
});
