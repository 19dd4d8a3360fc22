import { assert, constantFrom, property, uint8Array } from "fast-check";
import { describe, expect, it } from "vitest";
import { crc32c } from "../../src/transport/crc32c.ts";
import { readProxyHeader } from "../../src/transport/proxy-header.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { concat } from "../helpers/bytes.ts";
import { binaryHeader, SIGNATURE, tcp4Addresses, tcp4Ends, tlv } from "../helpers/proxy-header.ts";
import { text } from "../helpers/socket-peer.ts";
import { thrownBy } from "../helpers/thrown.ts";

const readText = (line: string): unknown => readProxyHeader(text(line));
const complaint = (bytes: Uint8Array): string => {
  const error = thrownBy(() => readProxyHeader(bytes));
  expect(error).toBeInstanceOf(ConnectionError);
  return (error as ConnectionError).message;
};

const six = (last: number): Uint8Array =>
  concat(Uint8Array.of(0x20, 1, 0xd, 0xb8), new Uint8Array(11), Uint8Array.of(last));

/** Addresses, extensions and their checksum, right or wrong. */
function summed(change = 0): Uint8Array {
  const blank = binaryHeader(0x21, 0x11, concat(tcp4Addresses, tlv(4, text("x")), tlv(3, new Uint8Array(4))));
  new DataView(blank.buffer).setUint32(blank.length - 4, crc32c(blank) + change);
  return blank;
}

describe("a header of version 1", () => {
  it("tells both ends, in either family, as the system writes them", () => {
    expect(readText("PROXY TCP4 192.0.2.7 198.51.100.1 4660 16509\r\nrest")).toEqual({ length: 46, ends: tcp4Ends });
    expect(readText("PROXY TCP6 2001:DB8:0:0:0:0:0:7 ::1 0 65535\r\n")).toEqual({
      length: 45,
      ends: {
        remote: { family: "ipv6", host: "2001:db8::7", port: 0 },
        local: { family: "ipv6", host: "::1", port: 65_535 },
      },
    });
  });

  it("may not know, and then says nothing that counts", () => {
    expect(readText("PROXY UNKNOWN\r\n")).toEqual({ length: 15, ends: null });
    expect(readText("PROXY UNKNOWN ffff:: whatever 65535 65535\r\n")).toEqual({ length: 43, ends: null });
  });

  it.each([
    "PROXY TCP4 192.0.2.7 198.51.100.1 4660 16509 \r\n",
    "PROXY  TCP4 192.0.2.7 198.51.100.1 4660 16509\r\n",
    "PROXY TCP4 192.0.2.256 198.51.100.1 4660 16509\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 4660 65536\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 04660 16509\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 -1 16509\r\n",
    "PROXY TCP4 ::1 ::1 4660 16509\r\n",
    "PROXY TCP6 192.0.2.7 198.51.100.1 4660 16509\r\n",
    "PROXY TCP6 fe80::1%lo ::1 4660 16509\r\n",
    "PROXY TCP5 192.0.2.7 198.51.100.1 4660 16509\r\n",
    "PROXY UNKNOWNTCP4\r\n",
    "PROXY \r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 4660 16509\n\r\n",
  ])("is refused when it is %j", (line) => {
    expect(complaint(text(line))).toContain("PROXY protocol: expected PROXY TCP4|TCP6|UNKNOWN");
  });

  it("has at most 107 bytes", () => {
    const line = (bytes: number): Uint8Array => text(`PROXY UNKNOWN ${"x".repeat(bytes - 16)}\r\n`);
    expect(readProxyHeader(line(107))).toEqual({ length: 107, ends: null });
    expect(complaint(line(108))).toContain("at most 107 bytes");
    expect(readProxyHeader(line(107).subarray(0, 106))).toBeNull();
  });
});

describe("a header of version 2", () => {
  it("tells both ends, in either family", () => {
    expect(readProxyHeader(binaryHeader(0x21, 0x11, tcp4Addresses))).toEqual({ length: 28, ends: tcp4Ends });
    const addresses = concat(six(7), six(1), Uint8Array.of(0, 1, 255, 255));
    expect(readProxyHeader(binaryHeader(0x21, 0x21, addresses))).toEqual({
      length: 52,
      ends: {
        remote: { family: "ipv6", host: "2001:db8::7", port: 1 },
        local: { family: "ipv6", host: "2001:db8::1", port: 65_535 },
      },
    });
  });

  it("tells UNIX sockets, abstract ones and such without a name", () => {
    const path = (name: string): Uint8Array => concat(text(name), new Uint8Array(108 - name.length));
    const ends = (from: string, to: string): unknown =>
      readProxyHeader(binaryHeader(0x21, 0x31, concat(path(from), path(to))))?.ends;
    const unix = (name: string): object => ({ family: "unix", path: name });
    expect(ends("/run/a", "\0b")).toEqual({ remote: unix("/run/a"), local: unix("@b") });
    expect(ends("", "x".repeat(108))).toEqual({ remote: unix(""), local: unix("x".repeat(108)) });
  });

  it("may speak of the balancer's own connection, or of none that it knows", () => {
    expect(readProxyHeader(binaryHeader(0x20, 0))).toEqual({ length: 16, ends: null });
    expect(readProxyHeader(binaryHeader(0x20, 0x99, text("whatever")))).toEqual({ length: 24, ends: null });
    expect(readProxyHeader(binaryHeader(0x21, 0, text("whatever")))).toEqual({ length: 24, ends: null });
  });

  it.each([
    ["version", binaryHeader(0x31, 0x11, tcp4Addresses), "version and command are 31"],
    ["command", binaryHeader(0x22, 0x11, tcp4Addresses), "version and command are 22"],
    ["protocol", binaryHeader(0x21, 0x12, tcp4Addresses), "family and protocol are 12"],
    ["family", binaryHeader(0x21, 0x41, tcp4Addresses), "family and protocol are 41"],
    ["length", binaryHeader(0x21, 0x11, tcp4Addresses.subarray(1)), "the header has 27 bytes, its addresses take 28"],
    ["IPv6 length", binaryHeader(0x21, 0x21, new Uint8Array(35)), "its addresses take 52"],
    ["path length", binaryHeader(0x21, 0x31, new Uint8Array(215)), "its addresses take 232"],
  ])("with an odd %s is refused", (_, bytes, words) => {
    expect(complaint(bytes)).toContain(words);
  });

  it("has at most 4096 bytes, which is said before they have come", () => {
    const header = (bytes: number): Uint8Array =>
      binaryHeader(0x21, 0x11, concat(tcp4Addresses, tlv(4, new Uint8Array(bytes - 31))));
    expect(readProxyHeader(header(4096))?.length).toBe(4096);
    expect(complaint(header(4097).subarray(0, 16))).toContain("announces 4097 bytes, expected at most 4096");
  });

  it("has extensions that fill it exactly", () => {
    const header = (...extensions: Uint8Array[]): Uint8Array =>
      binaryHeader(0x21, 0x11, concat(tcp4Addresses, ...extensions));
    expect(readProxyHeader(header(tlv(4, text("noop")), tlv(0x20, new Uint8Array(0))))?.ends).toEqual(tcp4Ends);
    expect(complaint(header(Uint8Array.of(4)))).toContain("an extension at byte 28 ends beyond");
    expect(complaint(header(Uint8Array.of(4, 0, 1)))).toContain("an extension at byte 28 ends beyond");
    expect(complaint(header(tlv(4, text("a")), Uint8Array.of(5, 255, 255, 0)))).toContain("at byte 32");
  });

  it("with a checksum is refused where that is wrong", () => {
    // As HAProxy 2.6 sent it; and a Buffer, whose slices are no copies.
    const sent = "0d0a0d0a000d0a515549540a211100167f0000017f000001b4d699dd030004a2b6b6d1050000";
    expect(readProxyHeader(Buffer.from(sent, "hex"))?.length).toBe(38);
    expect(readProxyHeader(summed())?.ends).toEqual(tcp4Ends);
    expect(complaint(summed(1))).toContain("checksum is wrong");
    const short = binaryHeader(0x21, 0x11, concat(tcp4Addresses, tlv(3, new Uint8Array(3))));
    expect(complaint(short)).toContain("a checksum has 3 bytes");
  });
});

describe("whatever comes", () => {
  const good = [text("PROXY TCP4 192.0.2.7 198.51.100.1 4660 16509\r\n"), summed(), binaryHeader(0x20, 0)];

  it("is read only when it is whole", () => {
    for (const header of good) {
      for (let end = 0; end < header.length; end++) expect(readProxyHeader(header.subarray(0, end))).toBeNull();
      expect(readProxyHeader(concat(header, text("more")))?.length).toBe(header.length);
    }
  });

  it.each(["\0\0\0\x1c", "GET / HTTP/1.1", "\x16\x03\x01", "PROXZ", "proxy tcp4"])(
    "that begins with %j is none",
    (start) => {
      expect(complaint(text(start))).toContain("expected the header of a balancer, got ");
    },
  );

  it("is read, waited for, or refused", () => {
    const start = constantFrom(new Uint8Array(0), SIGNATURE, text("PROXY "), ...good);
    assert(
      property(start, uint8Array({ maxLength: 300 }), (first, then) => {
        const bytes = concat(first, then);
        try {
          return (readProxyHeader(bytes)?.length ?? 0) <= bytes.length;
        } catch (error) {
          return error instanceof ConnectionError;
        }
      }),
    );
  });
});
