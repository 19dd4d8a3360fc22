import { RecordType } from "../../src/mdns/dns/message.ts";
import { encodeName } from "../../src/mdns/dns/name.ts";

/** A record to be written; `data` overrides what the type would have. */
export interface RecordDraft {
  readonly name: string;
  readonly type: number;
  readonly ttl: number;
  readonly flush?: boolean;
  readonly class?: number;
  readonly target?: string;
  readonly port?: number;
  readonly strings?: readonly Uint8Array[];
  readonly address?: readonly number[];
  readonly data?: readonly number[];
}

/** A response as a responder would send it, uncompressed. */
export function response(
  records: readonly RecordDraft[],
  head: { id?: number; flags?: number; question?: Uint8Array } = {},
): Uint8Array {
  const { id = 0, flags = 0x8400, question } = head;
  const counts = [id, flags, question === undefined ? 0 : 1, records.length, 0, 0].flatMap(word);
  return Uint8Array.from([...counts, ...(question ?? []), ...records.flatMap(recordBytes)]);
}

/** All that is needed to find the service `a`, on one host. */
export function announcement(
  type: string,
  name: string,
  parts: { host?: string; port?: number; ttl?: number; address?: number[] } = {},
): RecordDraft[] {
  const { host = "kvm1.local", port = 16509, ttl = 120, address = [192, 0, 2, 1] } = parts;
  const fullName = `${name}.${type}`;
  return [
    { name: type, type: RecordType.ptr, ttl, target: fullName },
    { name: fullName, type: RecordType.srv, ttl, flush: true, port, target: host },
    { name: fullName, type: RecordType.txt, ttl, flush: true, strings: [new TextEncoder().encode("a=b")] },
    { name: host, type: RecordType.a, ttl, flush: true, address },
  ];
}

export function word(value: number): [number, number] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

function recordBytes(record: RecordDraft): number[] {
  const data = record.data ?? dataOf(record);
  const kind = (record.class ?? 1) | (record.flush === true ? 0x8000 : 0);
  const ttl = [...word(record.ttl >>> 16), ...word(record.ttl & 0xffff)];
  return [...encodeName(record.name), ...word(record.type), ...word(kind), ...ttl, ...word(data.length), ...data];
}

function dataOf({ type, target = "", port = 0, strings = [], address = [] }: RecordDraft): number[] {
  if (type === RecordType.srv) return [0, 0, 0, 0, ...word(port), ...encodeName(target)];
  if (type === RecordType.ptr) return [...encodeName(target)];
  if (type === RecordType.txt) return strings.flatMap((bytes) => [bytes.length, ...bytes]);
  return [...address];
}
