import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeMessage, encodeQuery, RecordType } from "../../../src/mdns/dns/message.ts";
import { DnsFormatError, encodeName } from "../../../src/mdns/dns/name.ts";
import { response } from "../../helpers/dns.ts";

const type = "_libvirt._tcp.local";

describe("decodeMessage", () => {
  it("reads the records that finding services takes", () => {
    const strings = [Uint8Array.of(97, 61, 98)];
    const packet = response([
      { name: type, type: RecordType.ptr, ttl: 4500, target: `a.${type}` },
      { name: `a.${type}`, type: RecordType.srv, ttl: 120, flush: true, port: 16509, target: "kvm1.local" },
      { name: `a.${type}`, type: RecordType.txt, ttl: 4500, flush: true, strings },
      { name: "kvm1.local", type: RecordType.a, ttl: 120, flush: true, address: [192, 0, 2, 7] },
      { name: "kvm1.local", type: RecordType.aaaa, ttl: 120, address: [0xfe, 0x80, ...Array<number>(13).fill(0), 1] },
    ]);
    expect(decodeMessage(packet)).toMatchObject({
      isResponse: true,
      isTruncated: false,
      code: 0,
      records: [
        { name: type, type: RecordType.ptr, ttl: 4500, flush: false, target: `a.${type}` },
        { type: RecordType.srv, ttl: 120, flush: true, port: 16509, target: "kvm1.local" },
        { type: RecordType.txt, strings },
        { type: RecordType.a, address: "192.0.2.7" },
        { type: RecordType.aaaa, address: "fe80::1" },
      ],
    });
  });

  it.each([
    ["2001:db8:0:1::2:3", [0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 3]],
    ["::", Array<number>(16).fill(0)],
    ["::1", [...Array<number>(15).fill(0), 1]],
    ["1::", [0, 1, ...Array<number>(14).fill(0)]],
    ["1:0:2:3:4:5:6:7", [0, 1, 0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7]],
    ["::a00:0:0:1", [...Array<number>(8).fill(0), 0xa, 0, 0, 0, 0, 0, 0, 1]],
  ])("writes %s as RFC 5952 wants", (text, address) => {
    const packet = response([{ name: "h.local", type: RecordType.aaaa, ttl: 1, address }]);
    expect(decodeMessage(packet).records).toMatchObject([{ address: text }]);
  });

  it("passes over records of other types and classes, and those too short for theirs", () => {
    const packet = response([
      { name: "h.local", type: 47, ttl: 1, data: [1, 2, 3] },
      { name: "h.local", type: RecordType.a, ttl: 1, data: [1, 2, 3] },
      { name: "h.local", type: RecordType.a, ttl: 1, class: 3, address: [1, 2, 3, 4] },
    ]);
    expect(decodeMessage(packet).records).toEqual([]);
  });

  it("reads at most 512 records, whatever the header promises", () => {
    const record = { name: "h", type: RecordType.a, ttl: 1, address: [1, 2, 3, 4] };
    expect(decodeMessage(response(Array.from({ length: 700 }, () => record))).records).toHaveLength(512);
    expect(() => decodeMessage(Uint8Array.from([0, 0, 0x84, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0]))).toThrow(DnsFormatError);
    expect(() => decodeMessage(Uint8Array.from([0, 0, 0x84, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0]))).toThrow(
      "65535 questions",
    );
  });

  it("refuses a name that does not fill its record", () => {
    const data = [...encodeName("a.local"), 0];
    expect(() => decodeMessage(response([{ name: type, type: RecordType.ptr, ttl: 1, data }]))).toThrow(
      "does not fill",
    );
  });

  it("throws DnsFormatError or nothing, for any bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), survives), { numRuns: 2000 });
  });

  it("throws DnsFormatError or nothing, for packets that were changed a little", () => {
    const good = response([
      { name: type, type: RecordType.ptr, ttl: 4500, target: `a.${type}` },
      { name: `a.${type}`, type: RecordType.srv, ttl: 120, port: 1, target: "kvm1.local" },
      { name: `a.${type}`, type: RecordType.txt, ttl: 1, strings: [Uint8Array.of(1, 2)] },
    ]);
    const change = fc.tuple(fc.nat({ max: good.length - 1 }), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat({ max: good.length }), (changes, length) => {
        const packet = good.slice();
        for (const [at, byte] of changes) packet[at] = byte;
        survives(packet);
        survives(packet.subarray(0, length));
      }),
      { numRuns: 3000 },
    );
  });
});

describe("encodeQuery", () => {
  it("asks, and tells what is known already", () => {
    const known = [{ name: type, target: `a.${type}`, ttl: 70_000 }];
    const message = decodeMessage(encodeQuery([{ name: type, type: RecordType.ptr }], known));
    expect(message).toMatchObject({ id: 0, isResponse: false, questions: [{ name: type, type: RecordType.ptr }] });
    expect(message.records).toMatchObject([{ name: type, target: `a.${type}`, ttl: 70_000 }]);
  });

  it("asks a name server with its number, recursion and room for a long answer", () => {
    const packet = encodeQuery([{ name: "a b.example.org", type: RecordType.txt }], [], {
      id: 0x1234,
      recursive: true,
    });
    expect([...packet.subarray(0, 12)]).toEqual([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
    expect(decodeMessage(packet).questions).toEqual([{ name: "a b.example.org", type: RecordType.txt }]);
  });
});

/** Any other error is the test's failure. */
function survives(packet: Uint8Array): void {
  try {
    decodeMessage(packet);
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
  }
}
