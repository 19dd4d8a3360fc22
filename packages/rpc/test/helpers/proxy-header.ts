import { concat } from "./bytes.ts";

export const SIGNATURE: Uint8Array = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10);

/** A header of version 2 with this command and family, and what follows its length word. */
export function binaryHeader(command: number, family: number, rest: Uint8Array = new Uint8Array(0)): Uint8Array {
  return concat(SIGNATURE, Uint8Array.of(command, family, rest.length >> 8, rest.length & 255), rest);
}

/** An extension of version 2. */
export function tlv(type: number, value: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(type, value.length >> 8, value.length & 255), value);
}

/** 192.0.2.7:4660 to 198.51.100.1:16509. */
export const tcp4Addresses: Uint8Array = Uint8Array.of(192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x34, 0x40, 0x7d);

export const tcp4Ends = {
  remote: { family: "ipv4", host: "192.0.2.7", port: 4660 },
  local: { family: "ipv4", host: "198.51.100.1", port: 16_509 },
} as const;
