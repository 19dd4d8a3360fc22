import type { ServiceText } from "./service.ts";

/** A string of a TXT record has one length byte. */
const STRING_BYTES = 255;
/** What fits a packet with everything else (RFC 6763 §6.2). */
const TEXT_BYTES = 1300;
/** Strings of a peer's TXT record that are looked at. */
const STRINGS = 256;

/** The strings of a TXT record. Throws `RangeError` for a key or a length that RFC 6763 §6 forbids. */
export function textStrings(text: ServiceText): Uint8Array[] {
  const strings = Object.entries(text).map(([key, value]) => textString(key, value));
  const size = strings.reduce((sum, { length }) => sum + 1 + length, 0);
  if (size > TEXT_BYTES)
    throw new RangeError(`the texts of a service take ${size} bytes, expected at most ${TEXT_BYTES}`);
  return strings;
}

function textString(key: string, value: string | true): Uint8Array {
  if (!/^[\x20-\x3c\x3e-\x7e]+$/.test(key)) {
    throw new RangeError(`key of a service's text is "${key}", expected printable ASCII without "="`);
  }
  const bytes = new TextEncoder().encode(value === true ? key : `${key}=${value}`);
  if (bytes.length > STRING_BYTES) {
    throw new RangeError(`text ${key} of a service takes ${bytes.length} bytes, expected at most ${STRING_BYTES}`);
  }
  return bytes;
}

/**
 * What the strings of a TXT record say: of a key that comes twice the first counts, a string without a key is passed
 * over (RFC 6763 §6.4). Bytes that are no UTF-8 become U+FFFD.
 */
export function readText(strings: readonly Uint8Array[]): ServiceText {
  const found = new Map<string, [string, string | true]>();
  for (const bytes of strings.slice(0, STRINGS)) {
    const [key, value] = keyAndValue(new TextDecoder().decode(bytes));
    if (key !== "" && !found.has(key.toLowerCase())) found.set(key.toLowerCase(), [key, value]);
  }
  return Object.fromEntries(found.values());
}

function keyAndValue(text: string): [string, string | true] {
  const at = text.indexOf("=");
  return at === -1 ? [text, true] : [text.slice(0, at), text.slice(at + 1)];
}
