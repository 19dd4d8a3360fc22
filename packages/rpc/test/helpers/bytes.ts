/** Bytes from hexadecimal digits; blanks and `|` between them are for the reader. */
export function hex(text: string): Uint8Array {
  const digits = text.replaceAll(/[\s|]/g, "");
  if (digits.length % 2 !== 0 || /[^\da-f]/i.test(digits)) throw new TypeError(`not hexadecimal: ${text}`);
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16));
}

/** Hexadecimal digits, in words of four bytes. */
export function toHex(bytes: Uint8Array): string {
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replaceAll(/(.{8})(?=.)/g, "$1 ");
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** `bytes` cut at the given places, whatever order they come in. */
export function split(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const borders = [0, ...cuts.filter((cut) => cut > 0 && cut < bytes.length).toSorted((a, b) => a - b), bytes.length];
  return borders.slice(1).map((end, i) => bytes.slice(borders[i], end));
}
