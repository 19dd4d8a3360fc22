import { randomUUID } from "node:crypto";
import { internalError } from "./failure.ts";

/** The form that XML and errors have: `6695eb01-f6a4-8304-79aa-97f2502e193f`. */
export type UuidText = string;

export function newUuid(): UuidText {
  return randomUUID();
}

/** Reads what a user wrote: dashes may stand anywhere between bytes, as libvirt allows. */
export function parseUuid(text: string, domain: number): UuidText {
  const digits = text.trim().replaceAll("-", "");
  if (!/^[0-9a-fA-F]{32}$/.test(digits)) throw internalError("malformed uuid element", domain);
  return dashed(digits.toLowerCase());
}

export function uuidFromBytes(bytes: Uint8Array): UuidText {
  return dashed(Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(""));
}

export function uuidToBytes(text: UuidText): Uint8Array {
  const digits = text.replaceAll("-", "");
  return Uint8Array.from({ length: 16 }, (_, at) => Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16));
}

function dashed(digits: string): UuidText {
  const cut = (from: number, to: number): string => digits.slice(from, to);
  return [cut(0, 8), cut(8, 12), cut(12, 16), cut(16, 20), cut(20, 32)].join("-");
}
