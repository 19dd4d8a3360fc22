import type { Entry } from "../backend.ts";
import { type DnsRecord, dataBytes, RecordType } from "../dns/message.ts";
import { joinName } from "../dns/name.ts";
import { allInterfaces, familyOf, interfaceAddresses, outwardInterfaces } from "../places.ts";
import { lowerAscii } from "../service.ts";
import { textStrings } from "../txt.ts";

/** Seconds: records that name a host are believed for a shorter time (RFC 6762 §10). */
const SERVICE_TTL = 4500;
const HOST_TTL = 120;
const TYPES_NAME = "_services._dns-sd._udp.local";

/** What we claim to be ours: the records of a service under the names it has now. */
export class Claim {
  readonly #entry: Entry;
  readonly typeName: string;
  readonly fullName: string;
  readonly hostName: string;

  constructor(entry: Entry, name: string, host: string) {
    this.#entry = entry;
    this.typeName = `${entry.type}.local`;
    this.fullName = `${joinName([name])}.${this.typeName}`;
    this.hostName = `${joinName([host])}.local`;
  }

  /** Whether the service is to be found by way of this interface and family. */
  isOn(name: string, family: 4 | 6): boolean {
    return this.#entry.places.some((place) => {
      const here = place.interface === undefined ? outwardInterfaces().includes(name) : place.interface === name;
      return here && (place.family ?? family) === family;
    });
  }

  /** All records, as they are on one interface: a host's addresses are those it has there. */
  records(name: string): DnsRecord[] {
    return [this.pointer, this.typePointer, ...this.unique(name)];
  }

  get pointer(): DnsRecord {
    return { name: this.typeName, type: RecordType.ptr, ttl: SERVICE_TTL, flush: false, target: this.fullName };
  }

  /** For those who ask what types there are (RFC 6763 §9). */
  get typePointer(): DnsRecord {
    return { name: TYPES_NAME, type: RecordType.ptr, ttl: SERVICE_TTL, flush: false, target: this.typeName };
  }

  /** Those that nobody else may have. */
  unique(name: string): DnsRecord[] {
    const { port, txt } = this.#entry;
    const common = { name: this.fullName, flush: true };
    return [
      { ...common, type: RecordType.srv, ttl: HOST_TTL, port, target: this.hostName },
      { ...common, type: RecordType.txt, ttl: SERVICE_TTL, strings: textStrings(txt) },
      ...this.#addresses(name),
    ];
  }

  /** Whether a record of somebody's denies what we claim: our name with other data. */
  isDeniedBy(record: DnsRecord): boolean {
    if (record.type === RecordType.a || record.type === RecordType.aaaa) {
      return same(record.name, this.hostName) && !ownAddresses().includes(record.address);
    }
    return same(record.name, this.fullName) && this.#compare([record]) !== 0;
  }

  /** Two who want a name at the same time compare what they want it for; the greater wins (RFC 6762 §8.2). */
  losesTo(records: readonly DnsRecord[]): boolean {
    return this.#compare(records.filter(({ name }) => same(name, this.fullName))) < 0;
  }

  /** Our data against theirs, type by type. */
  #compare(theirs: readonly DnsRecord[]): number {
    for (const type of [RecordType.txt, RecordType.srv]) {
      const other = theirs.find((record) => record.type === type);
      const ours = this.unique("").find((record) => record.type === type);
      const order = other === undefined || ours === undefined ? 0 : compareBytes(dataBytes(ours), dataBytes(other));
      if (order !== 0) return order;
    }
    return 0;
  }

  #addresses(name: string): DnsRecord[] {
    const families = ([4, 6] as const).filter((family) => this.isOn(name, family));
    const addresses = families.flatMap((family) => interfaceAddresses(name, family));
    return addresses.map((address) => ({
      name: this.hostName,
      type: familyOf(address) === 6 ? RecordType.aaaa : RecordType.a,
      ttl: HOST_TTL,
      flush: true,
      address,
    }));
  }
}

export function same(a: string, b: string): boolean {
  return lowerAscii(a) === lowerAscii(b);
}

function ownAddresses(): string[] {
  return allInterfaces().flatMap((name) => interfaceAddresses(name));
}

function compareBytes(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
