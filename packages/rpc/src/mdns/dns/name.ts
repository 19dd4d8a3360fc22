/** Bytes of a whole name on the wire, its final zero among them; bytes of a label (RFC 1035 §3.1). */
const NAME_BYTES = 255;
const LABEL_BYTES = 63;

/** The labels of a name, escapes undone (RFC 1035 §5.1, RFC 4343 §2.1): `a\.b._x` is `["a.b", "_x"]`. */
export function splitName(text: string): string[] {
  const labels: number[][] = [[]];
  for (const [token, number, escaped] of text.matchAll(/\\([0-9]{3})|\\(.)|./gsu)) {
    if (token === ".") labels.push([]);
    else if (number !== undefined) labels.at(-1)?.push(Number(number) & 0xff);
    else labels.at(-1)?.push(...new TextEncoder().encode(escaped ?? token));
  }
  return labels.filter(({ length }) => length > 0).map((bytes) => new TextDecoder().decode(Uint8Array.from(bytes)));
}

/** The text of a name: dots and backslashes within a label are escaped, nothing else is. */
export function joinName(labels: readonly string[]): string {
  return labels.map((label) => label.replace(/[\\.]/g, String.raw`\$&`)).join(".");
}

/** A name on the wire, uncompressed. Throws `RangeError` for one that is too long. */
export function encodeName(text: string): Uint8Array {
  const labels = splitName(text).map((label) => new TextEncoder().encode(label));
  const size = labels.reduce((sum, { length }) => sum + 1 + length, 1);
  if (size > NAME_BYTES || labels.some(({ length }) => length > LABEL_BYTES)) {
    throw new RangeError(`${text} is too long for a name of DNS`);
  }
  return Uint8Array.from([...labels.flatMap((label) => [label.length, ...label]), 0]);
}

/**
 * The name at `at`, and where what follows it begins. A pointer must lead to an earlier place than the last one did, so
 * no chain of them goes in circles (RFC 1035 §4.1.4). Throws {@link DnsFormatError}.
 */
export function decodeName(packet: Uint8Array, at: number): { name: string; end: number } {
  const labels: string[] = [];
  let size = 1;
  let end = 0;
  let horizon = at;
  for (let i = at; ; ) {
    const length = byteAt(packet, i);
    if (length === 0) return { name: joinName(labels), end: end || i + 1 };
    if (length >= 0xc0) {
      end ||= i + 2;
      i = ((length & 0x3f) << 8) | byteAt(packet, i + 1);
      if (i >= horizon) throw new DnsFormatError("a pointer in a name leads forward");
      horizon = i;
    } else {
      size += 1 + length;
      if (length > LABEL_BYTES || size > NAME_BYTES) throw new DnsFormatError("a name is too long");
      labels.push(decodeLabel(packet, i + 1, length));
      i += 1 + length;
    }
  }
}

/** A packet is not what DNS says it should be. */
export class DnsFormatError extends Error {
  override readonly name = "DnsFormatError";
}

export function byteAt(packet: Uint8Array, at: number): number {
  const byte = packet[at];
  if (byte === undefined) throw new DnsFormatError("a packet is too short");
  return byte;
}

function decodeLabel(packet: Uint8Array, start: number, length: number): string {
  byteAt(packet, start + length - 1);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(packet.subarray(start, start + length));
  } catch (cause) {
    throw new DnsFormatError("a name is no UTF-8", { cause }); // RFC 6763 §4.1.3; and what is read can be written
  }
}
