import { isIPv4, isIPv6, SocketAddress } from "node:net";
import { ConnectionError } from "../util/connection-error.ts";
import { readUint32 } from "../xdr/words.ts";
import type { Endpoint } from "./address.ts";
import { crc32c } from "./crc32c.ts";

/** What a balancer says about a connection that it passes on (the PROXY protocol of HAProxy, versions 1 and 2). */
export interface ProxyHeader {
  /** Bytes of the header; what follows is the client's. */
  readonly length: number;
  /** Both ends as the balancer sees them; `null` for a connection of its own, such as a health check. */
  readonly ends: { readonly remote: Endpoint; readonly local: Endpoint } | null;
}

/** A header of version 2 may announce 64 KiB; what balancers send stays far below. */
const MAX_BYTES = 4096;
/** The longest line of version 1, its end included. */
const MAX_LINE_BYTES = 107;
const HEAD_BYTES = 16;
const UNIX_BYTES = 108;

const SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);
const LINE_START = ascii("PROXY ");
const LINE_END = ascii("\r\n");

/** The header that `bytes` begins with; `null` while it is not whole. Throws {@link ConnectionError} for what can be none. */
export function readProxyHeader(bytes: Uint8Array): ProxyHeader | null {
  if (beginsWith(bytes, SIGNATURE)) return readBinary(bytes);
  if (beginsWith(bytes, LINE_START)) return readLine(bytes);
  throw wrong(`expected the header of a balancer, got ${quoted(bytes.subarray(0, SIGNATURE.length))}`);
}

/** Does `bytes`, as far as it goes, agree with `start`? */
function beginsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return start.subarray(0, bytes.length).every((byte, i) => byte === bytes[i]);
}

// --- version 1

const LINE = /^PROXY TCP(?<version>[46]) (?<from>[\da-fA-F.:]+) (?<to>[\da-fA-F.:]+) (?<fromPort>\d+) (?<toPort>\d+)$/;

function readLine(bytes: Uint8Array): ProxyHeader | null {
  const seen = bytes.subarray(0, MAX_LINE_BYTES);
  const end = seen.findIndex((byte, i) => byte === LINE_END[0] && seen[i + 1] === LINE_END[1]);
  if (end < 0) {
    if (bytes.length < MAX_LINE_BYTES) return null;
    throw wrong(`a line has at most ${MAX_LINE_BYTES} bytes, this one goes on: ${quoted(seen.subarray(0, 32))}…`);
  }
  const line = seen.subarray(0, end);
  const length = end + LINE_END.length;
  const text = new TextDecoder("latin1").decode(line);
  if (/^PROXY UNKNOWN( |$)/.test(text)) return { length, ends: null };
  const { version, from = "", to = "", fromPort = "", toPort = "" } = LINE.exec(text)?.groups ?? {};
  const isAddress = version === "4" ? isIPv4 : isIPv6;
  const isGood = version !== undefined && isAddress(from) && isAddress(to) && isPort(fromPort) && isPort(toPort);
  if (!isGood) throw wrong(`expected PROXY TCP4|TCP6|UNKNOWN, addresses and ports, got ${quoted(line)}`);
  const family = version === "4" ? "ipv4" : "ipv6";
  const remote = { family, host: canonical(from, family), port: Number(fromPort) } as const;
  return { length, ends: { remote, local: { family, host: canonical(to, family), port: Number(toPort) } } };
}

function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

// --- version 2

const LOCAL = 0x20;
const PROXY = 0x21;
const FAMILIES: Readonly<Record<number, { readonly size: number; readonly read: ReadEnds }>> = {
  0x11: { size: 12, read: (view) => tcpEnds(view, "ipv4", 4) },
  0x21: { size: 36, read: (view) => tcpEnds(view, "ipv6", 16) },
  0x31: { size: 2 * UNIX_BYTES, read: unixEnds },
};
const UNSPECIFIED = 0;

type ReadEnds = (bytes: Uint8Array) => NonNullable<ProxyHeader["ends"]>;

function readBinary(bytes: Uint8Array): ProxyHeader | null {
  if (bytes.length < HEAD_BYTES) return null;
  const [command = 0, family = 0] = bytes.subarray(SIGNATURE.length);
  const length = HEAD_BYTES + uint16(bytes, HEAD_BYTES - 2);
  if (command !== LOCAL && command !== PROXY) throw wrong(`version and command are ${hex(command)}, expected 20 or 21`);
  if (length > MAX_BYTES) throw wrong(`the header announces ${length} bytes, expected at most ${MAX_BYTES}`);
  const known = FAMILIES[family];
  if (command === PROXY && known === undefined && family !== UNSPECIFIED)
    throw wrong(`family and protocol are ${hex(family)}, expected a stream: 11, 21 or 31`);
  if (bytes.length < length) return null;
  // A balancer that speaks for itself, or does not know for whom: the rest says nothing.
  if (command === LOCAL || known === undefined) return { length, ends: null };
  const size = HEAD_BYTES + known.size;
  if (length < size) throw wrong(`the header has ${length} bytes, its addresses take ${size}`);
  checkExtensions(bytes.subarray(0, length), size);
  return { length, ends: known.read(bytes.subarray(HEAD_BYTES, size)) };
}

function tcpEnds(bytes: Uint8Array, family: "ipv4" | "ipv6", size: number): NonNullable<ProxyHeader["ends"]> {
  const host = (at: number): string => canonical(addressText(bytes.subarray(at, at + size)), family);
  return {
    remote: { family, host: host(0), port: uint16(bytes, 2 * size) },
    local: { family, host: host(size), port: uint16(bytes, 2 * size + 2) },
  };
}

function unixEnds(bytes: Uint8Array): NonNullable<ProxyHeader["ends"]> {
  return {
    remote: { family: "unix", path: pathText(bytes.subarray(0, UNIX_BYTES)) },
    local: { family: "unix", path: pathText(bytes.subarray(UNIX_BYTES)) },
  };
}

/** A path ends with the first NUL; one that begins with it is abstract. */
function pathText(bytes: Uint8Array): string {
  const isAbstract = bytes[0] === 0;
  const path = isAbstract ? bytes.subarray(1) : bytes;
  const end = path.indexOf(0);
  const text = new TextDecoder().decode(end < 0 ? path : path.subarray(0, end));
  return isAbstract && text !== "" ? `@${text}` : text;
}

const TLV_HEAD_BYTES = 3;
const TLV_CRC32C = 0x03;
const CRC_BYTES = 4;

/** The extensions must fill the header exactly. None is of use here, but a checksum must be right where there is one. */
function checkExtensions(header: Uint8Array, start: number): void {
  let at = start;
  while (at < header.length) {
    const value = at + TLV_HEAD_BYTES;
    const end = value <= header.length ? value + uint16(header, at + 1) : value;
    if (end > header.length) throw wrong(`an extension at byte ${at} ends beyond the header's ${header.length} bytes`);
    if (header[at] === TLV_CRC32C) checkSum(header, value, end);
    at = end;
  }
}

function checkSum(header: Uint8Array, at: number, end: number): void {
  if (end - at !== CRC_BYTES) throw wrong(`a checksum has ${end - at} bytes, expected ${CRC_BYTES}`);
  const summed = new Uint8Array(header).fill(0, at, end);
  if (readUint32(header, at) !== crc32c(summed)) throw wrong("the header's checksum is wrong");
}

// --- both

function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  return Array.from({ length: bytes.length / 2 }, (_, i) => uint16(bytes, 2 * i).toString(16)).join(":");
}

/** As the system writes it, so that one client has one text. */
function canonical(address: string, family: "ipv4" | "ipv6"): string {
  return new SocketAddress({ address, family }).address;
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

function quoted(bytes: Uint8Array): string {
  return JSON.stringify(new TextDecoder("latin1").decode(bytes));
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function wrong(what: string): ConnectionError {
  return new ConnectionError(`PROXY protocol: ${what}`, "protocol");
}
