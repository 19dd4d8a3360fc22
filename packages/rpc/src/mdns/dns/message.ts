import { byteAt, DnsFormatError, decodeName, encodeName } from "./name.ts";

export const RecordType = { a: 1, ptr: 12, txt: 16, aaaa: 28, srv: 33 } as const;
export type RecordType = (typeof RecordType)[keyof typeof RecordType];

/** In questions: records of all types. */
export const ANY = 255;

export interface Question {
  readonly name: string;
  readonly type: RecordType | typeof ANY;
}

interface RecordHead {
  readonly name: string;
  /** Seconds; 0 says goodbye. */
  readonly ttl: number;
  /** It replaces what was known by this name and type (RFC 6762 §10.2). */
  readonly flush: boolean;
}

/** A record of the five types that finding services takes. */
export type DnsRecord = RecordHead &
  (
    | { readonly type: typeof RecordType.ptr; readonly target: string }
    | { readonly type: typeof RecordType.srv; readonly port: number; readonly target: string }
    | { readonly type: typeof RecordType.txt; readonly strings: readonly Uint8Array[] }
    | { readonly type: typeof RecordType.a | typeof RecordType.aaaa; readonly address: string }
  );

export interface DnsMessage {
  readonly id: number;
  readonly isResponse: boolean;
  /** Not all of it fitted the packet. */
  readonly isTruncated: boolean;
  /** 0 is no error, 3 that there is no such name. */
  readonly code: number;
  readonly questions: readonly Question[];
  /** Of all sections; those of other types are left out. */
  readonly records: readonly DnsRecord[];
}

/** What a sender may put into one packet; those beyond are not read. */
const MAX_RECORDS = 512;
const MAX_QUESTIONS = 64;
const HEADER_BYTES = 12;
const CLASS_IN = 1;
const FLUSH = 0x8000;
const RECURSION_DESIRED = 0x0100;
/** An OPT record (RFC 6891 §6.1.2): answers up to 1232 bytes are welcome, which no path cuts. */
const EXTENSION = [0, 0, 41, 1232 >>> 8, 1232 & 0xff, 0, 0, 0, 0, 0, 0];

/** Reads a packet. Throws {@link DnsFormatError} for one that is none. */
export function decodeMessage(packet: Uint8Array): DnsMessage {
  byteAt(packet, HEADER_BYTES - 1);
  const [id, flags, questionCount, ...recordCounts] = [0, 2, 4, 6, 8, 10].map((at) => word(packet, at));
  const questions = readQuestions(packet, questionCount ?? 0);
  const count = recordCounts.reduce((sum, each) => sum + each, 0);
  return {
    id: id ?? 0,
    isResponse: ((flags ?? 0) & 0x8000) !== 0,
    isTruncated: ((flags ?? 0) & 0x0200) !== 0,
    code: (flags ?? 0) & 0x000f,
    questions: questions.list,
    records: readRecords(packet, questions.end, Math.min(count, MAX_RECORDS)),
  };
}

/** Questions of ours; `recursive` ones are for a name server of unicast DNS. `known` are records that need not be told again (RFC 6762 §7.1). */
export function encodeQuery(
  questions: readonly Question[],
  known: readonly { readonly name: string; readonly target: string; readonly ttl: number }[] = [],
  options: { readonly id?: number; readonly recursive?: boolean } = {},
): Uint8Array {
  const flags = options.recursive === true ? RECURSION_DESIRED : 0;
  const extension = options.recursive === true ? EXTENSION : [];
  const counts = [questions.length, known.length, 0, extension.length > 0 ? 1 : 0];
  const head = [options.id ?? 0, flags, ...counts].flatMap(wordBytes);
  const asked = questions.flatMap(({ name, type }) => [
    ...encodeName(name),
    ...wordBytes(type),
    ...wordBytes(CLASS_IN),
  ]);
  return Uint8Array.from([...head, ...asked, ...known.flatMap(knownAnswer), ...extension]);
}

/** What we say of ourselves (RFC 6762 §18). */
export function encodeResponse(records: readonly DnsRecord[]): Uint8Array {
  const head = [0, 0x8400, 0, records.length, 0, 0].flatMap(wordBytes);
  return Uint8Array.from([...head, ...records.flatMap(recordBytes)]);
}

/** Asks whether anybody has these names, and says what we would put there (RFC 6762 §8.1). */
export function encodeProbe(names: readonly string[], records: readonly DnsRecord[]): Uint8Array {
  const head = [0, 0, names.length, 0, records.length, 0].flatMap(wordBytes);
  const asked = names.flatMap((name) => [...encodeName(name), ...wordBytes(ANY), ...wordBytes(CLASS_IN)]);
  return Uint8Array.from([...head, ...asked, ...records.flatMap(recordBytes)]);
}

/** A record's data on the wire, names uncompressed: what RFC 6762 §8.2 compares. */
export function dataBytes(record: DnsRecord): number[] {
  switch (record.type) {
    case RecordType.ptr:
      return [...encodeName(record.target)];
    case RecordType.srv:
      return [0, 0, 0, 0, ...wordBytes(record.port), ...encodeName(record.target)];
    case RecordType.txt:
      return record.strings.length === 0 ? [0] : record.strings.flatMap((bytes) => [bytes.length, ...bytes]);
    case RecordType.a:
      return record.address.split(".").map(Number);
    case RecordType.aaaa:
      return ipv6Bytes(record.address);
  }
}

function recordBytes(record: DnsRecord): number[] {
  const data = dataBytes(record);
  const kind = record.flush ? CLASS_IN | FLUSH : CLASS_IN;
  const ttl = [...wordBytes(record.ttl >>> 16), ...wordBytes(record.ttl & 0xffff)];
  return [
    ...encodeName(record.name),
    ...wordBytes(record.type),
    ...wordBytes(kind),
    ...ttl,
    ...wordBytes(data.length),
    ...data,
  ];
}

/** The sixteen bytes of an address as the system writes it: no zone, at most one `::`. */
function ipv6Bytes(address: string): number[] {
  const [front = "", back] = address.split("::");
  const [head, tail] = [groupsOf(front), groupsOf(back ?? "")];
  return [...head, ...Array<number>(Math.max(0, 8 - head.length - tail.length)).fill(0), ...tail].flatMap(wordBytes);
}

function groupsOf(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}

function knownAnswer({ name, target, ttl }: { name: string; target: string; ttl: number }): number[] {
  const data = encodeName(target);
  const head = [...encodeName(name), ...wordBytes(RecordType.ptr), ...wordBytes(CLASS_IN)];
  return [...head, ...wordBytes(ttl >>> 16), ...wordBytes(ttl & 0xffff), ...wordBytes(data.length), ...data];
}

function readQuestions(packet: Uint8Array, count: number): { list: Question[]; end: number } {
  const list: Question[] = [];
  let at = HEADER_BYTES;
  if (count > MAX_QUESTIONS)
    throw new DnsFormatError(`a packet asks ${count} questions, at most ${MAX_QUESTIONS} are read`);
  for (let i = 0; i < count; i++) {
    const { name, end } = decodeName(packet, at);
    const type = word(packet, end);
    if (isKnown(type) || type === ANY) list.push({ name, type });
    at = end + 4;
  }
  return { list, end: at };
}

function readRecords(packet: Uint8Array, start: number, count: number): DnsRecord[] {
  const records: DnsRecord[] = [];
  let at = start;
  for (let i = 0; i < count; i++) {
    const { name, end } = decodeName(packet, at);
    const [type, kind, length] = [word(packet, end), word(packet, end + 2), word(packet, end + 8)];
    const data = end + 10;
    at = data + length;
    byteAt(packet, at - 1);
    if ((kind & ~FLUSH) !== CLASS_IN) continue;
    // The topmost bit of a TTL means nothing (RFC 2181 §8).
    const ttl = ((word(packet, end + 4) & 0x7fff) << 16) | word(packet, end + 6);
    const record = readData(packet, data, length, type, { name, ttl, flush: (kind & FLUSH) !== 0 });
    if (record !== undefined) records.push(record);
  }
  return records;
}

function readData(
  packet: Uint8Array,
  at: number,
  length: number,
  type: number,
  head: RecordHead,
): DnsRecord | undefined {
  if (!isKnown(type)) return undefined;
  switch (type) {
    case RecordType.ptr:
      return { ...head, type, target: nameWithin(packet, at, length) };
    case RecordType.srv:
      return { ...head, type, port: word(packet, at + 4), target: nameWithin(packet, at + 6, length - 6) };
    case RecordType.txt:
      return { ...head, type, strings: stringsWithin(packet.subarray(at, at + length)) };
    case RecordType.a:
      return length === 4 ? { ...head, type, address: packet.subarray(at, at + 4).join(".") } : undefined;
    case RecordType.aaaa:
      return length === 16 ? { ...head, type, address: ipv6(packet.subarray(at, at + 16)) } : undefined;
  }
}

function nameWithin(packet: Uint8Array, at: number, length: number): string {
  const { name, end } = decodeName(packet, at);
  if (end !== at + length) throw new DnsFormatError("a name does not fill its record");
  return name;
}

function stringsWithin(data: Uint8Array): Uint8Array[] {
  const strings: Uint8Array[] = [];
  for (let at = 0; at < data.length; ) {
    const next = at + 1 + byteAt(data, at);
    byteAt(data, next - 1);
    if (next > at + 1) strings.push(data.slice(at + 1, next));
    at = next;
  }
  return strings;
}

/** As RFC 5952 wants it: lower case, the longest run of zeros left out. */
function ipv6(bytes: Uint8Array): string {
  const groups = [0, 2, 4, 6, 8, 10, 12, 14].map((at) => word(bytes, at).toString(16));
  const runs = [...groups.join(":").matchAll(/\b0(?::0)+\b/g)].map(([run]) => run);
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), "");
  if (longest === "") return groups.join(":");
  const text = `:${groups.join(":")}:`.replace(`:${longest}:`, "::");
  return text.replace(/^:(?!:)/, "").replace(/(?<!:):$/, "");
}

function isKnown(type: number): type is RecordType {
  return type === 1 || type === 12 || type === 16 || type === 28 || type === 33;
}

function word(packet: Uint8Array, at: number): number {
  return (byteAt(packet, at) << 8) | byteAt(packet, at + 1);
}

function wordBytes(value: number): [number, number] {
  return [(value >>> 8) & 0xff, value & 0xff];
}
