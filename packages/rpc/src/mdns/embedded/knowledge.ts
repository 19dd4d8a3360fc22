import { type DnsRecord, type Question, RecordType } from "../dns/message.ts";
import { joinName, splitName } from "../dns/name.ts";
import { type FoundService, lowerAscii } from "../service.ts";
import { readText } from "../txt.ts";
import { Fact } from "./fact.ts";

/** Addresses of one host that are kept. */
const ADDRESSES = 32;

interface Instance {
  readonly name: string;
  /** The whole name of the service, `echo._libvirt._tcp.local`. */
  readonly fullName: string;
  readonly pointer: Fact<true>;
  readonly location: Fact<{ readonly host: string; readonly port: number }>;
  readonly text: Fact<readonly Uint8Array[]>;
  host: Host | undefined;
}

/** A host that some instance names; others are of no interest. */
interface Host {
  readonly name: string;
  readonly users: Set<Instance>;
  readonly addresses: Map<string, Fact<true>>;
  /** When to ask for addresses while none is known. */
  readonly any: Fact<true>;
}

export interface KnowledgeOptions {
  readonly type: string;
  readonly domain: string;
  /** Instances known at a time. */
  readonly limit: number;
  /** A service may be another than before; `undefined` has gone or is not known whole. */
  readonly changed: (name: string, service: FoundService | undefined) => void;
}

/**
 * What packets have told of the services of one type (RFC 6762 §10, RFC 6763 §4). Only what leads from the type to an
 * address is kept, so records that nobody asked for are nothing. Time is an argument: milliseconds.
 */
export class Knowledge {
  readonly #options: KnowledgeOptions;
  readonly #typeName: string;
  readonly #instances = new Map<string, Instance>();
  readonly #hosts = new Map<string, Host>();
  readonly #touched = new Set<Instance>();

  constructor(options: KnowledgeOptions) {
    this.#options = options;
    this.#typeName = `${options.type}.${options.domain}`;
  }

  /** The question for all services of the type. */
  get question(): Question {
    return { name: this.#typeName, type: RecordType.ptr };
  }

  get size(): number {
    return this.#instances.size;
  }

  /** Takes the records of one packet. `zone` is the interface they came by. */
  learn(records: readonly DnsRecord[], zone: string | undefined, now: number): void {
    for (const record of records) if (record.type === RecordType.ptr) this.#learnPointer(record, now);
    for (const record of records) this.#learnInstance(record, now);
    for (const record of records) this.#learnAddress(record, zone, now);
    this.#tell();
  }

  /** Forgets what is over. */
  expire(now: number): void {
    for (const host of this.#hosts.values()) this.#expireHost(host, now);
    for (const instance of this.#instances.values()) this.#expireInstance(instance, now);
    this.#tell();
  }

  /** Questions due by now, at most `limit`; each counts as asked. */
  questions(limit: number, now: number): Question[] {
    const questions: Question[] = [];
    const ask = (fact: Fact<unknown>, name: string, ...types: RecordType[]): void => {
      if (fact.askAt > now || questions.length + types.length > limit) return;
      fact.asked();
      questions.push(...types.map((type) => ({ name, type })));
    };
    for (const { fullName, location, text } of this.#instances.values()) {
      ask(location, fullName, RecordType.srv);
      ask(text, fullName, RecordType.txt);
    }
    for (const { name, any, addresses } of this.#hosts.values()) {
      if (addresses.size === 0) ask(any, name, RecordType.a, RecordType.aaaa);
      for (const [address, fact] of addresses) ask(fact, name, address.includes(":") ? RecordType.aaaa : RecordType.a);
    }
    return questions;
  }

  /** Whether a name is about to be forgotten: all are to be asked for then. */
  isPointerDue(now: number): boolean {
    const due = [...this.#instances.values()].filter(({ pointer }) => pointer.askAt <= now);
    for (const { pointer } of due) pointer.asked();
    return due.length > 0;
  }

  /** Pointers that responders need not repeat, at most `limit`. */
  known(limit: number, now: number): { name: string; target: string; ttl: number }[] {
    const fresh = [...this.#instances.values()].filter(({ pointer }) => pointer.isFresh(now)).slice(0, limit);
    return fresh.map(({ fullName, pointer }) => ({ name: this.#typeName, target: fullName, ttl: pointer.ttl(now) }));
  }

  /** When something has to be done next. */
  get due(): number {
    let due = Number.POSITIVE_INFINITY;
    for (const { pointer, location, text } of this.#instances.values()) {
      due = Math.min(due, pointer.due, location.due, text.due);
    }
    for (const { addresses, any } of this.#hosts.values()) {
      if (addresses.size === 0) due = Math.min(due, any.due);
      for (const fact of addresses.values()) due = Math.min(due, fact.due);
    }
    return due;
  }

  #learnPointer(record: DnsRecord & { type: typeof RecordType.ptr }, now: number): void {
    if (!sameName(record.name, this.#typeName)) return;
    const key = lowerAscii(record.target);
    const instance = this.#instances.get(key) ?? (record.ttl > 0 ? this.#open(key, record.target, now) : undefined);
    instance?.pointer.learn(true, record.ttl, now);
  }

  #learnInstance(record: DnsRecord, now: number): void {
    const instance = this.#instances.get(lowerAscii(record.name));
    if (instance === undefined) return;
    if (record.type === RecordType.srv && record.port > 0 && record.target !== "") {
      instance.location.learn({ host: record.target, port: record.port }, record.ttl, now);
      if (instance.location.value !== undefined) this.#settle(instance, instance.location.value.host, now);
    } else if (record.type === RecordType.txt) {
      instance.text.learn(record.strings, record.ttl, now);
    }
    this.#touched.add(instance);
  }

  #learnAddress(record: DnsRecord, zone: string | undefined, now: number): void {
    if (record.type !== RecordType.a && record.type !== RecordType.aaaa) return;
    const host = this.#hosts.get(lowerAscii(record.name));
    const address = usable(record.address, zone);
    if (host === undefined || address === undefined) return;
    if (record.flush) fadeOld(host, record.type, now);
    const fact = host.addresses.get(address) ?? (record.ttl > 0 ? openAddress(host, address, now) : undefined);
    fact?.learn(true, record.ttl, now);
    for (const instance of host.users) this.#touched.add(instance);
  }

  /** Room for one more, at the cost of one that nobody answers for. */
  #open(key: string, fullName: string, now: number): Instance | undefined {
    const name = this.#instanceName(fullName);
    if (name === undefined) return undefined;
    if (this.#instances.size >= this.#options.limit && !this.#evict(now)) return undefined;
    const instance: Instance = {
      name,
      fullName,
      pointer: new Fact(now),
      location: new Fact(now),
      text: new Fact(now),
      host: undefined,
    };
    this.#instances.set(key, instance);
    return instance;
  }

  /** The first label, if what follows is the type (RFC 6763 §4.1). */
  #instanceName(fullName: string): string | undefined {
    const [name, ...rest] = splitName(fullName);
    return name !== undefined && sameName(joinName(rest), this.#typeName) ? name : undefined;
  }

  #evict(now: number): boolean {
    for (const [key, instance] of this.#instances) {
      if (!instance.location.isHopeless(now) && instance.host?.any.isHopeless(now) !== true) continue;
      this.#drop(key, instance);
      return true;
    }
    return false;
  }

  #drop(key: string, instance: Instance): void {
    this.#leave(instance);
    this.#instances.delete(key);
    this.#touched.delete(instance);
    this.#options.changed(instance.name, undefined);
  }

  #settle(instance: Instance, hostName: string, now: number): void {
    const key = lowerAscii(hostName);
    if (instance.host !== undefined && lowerAscii(instance.host.name) === key) return;
    this.#leave(instance);
    const host = this.#hosts.get(key) ?? { name: hostName, users: new Set(), addresses: new Map(), any: new Fact(now) };
    this.#hosts.set(key, host);
    host.users.add(instance);
    instance.host = host;
  }

  #leave(instance: Instance): void {
    const { host } = instance;
    instance.host = undefined;
    host?.users.delete(instance);
    if (host?.users.size === 0) this.#hosts.delete(lowerAscii(host.name));
  }

  #expireHost(host: Host, now: number): void {
    for (const [address, fact] of host.addresses) {
      if (!fact.expire(now)) continue;
      host.addresses.delete(address);
      if (host.addresses.size === 0) host.any.restart(now);
      for (const instance of host.users) this.#touched.add(instance);
    }
  }

  #expireInstance(instance: Instance, now: number): void {
    const lost = [instance.location.expire(now), instance.text.expire(now)];
    if (instance.location.value === undefined) this.#leave(instance);
    if (instance.pointer.expire(now)) this.#drop(lowerAscii(instance.fullName), instance);
    else if (lost.includes(true)) this.#touched.add(instance);
  }

  #tell(): void {
    for (const instance of this.#touched) this.#options.changed(instance.name, this.#serviceOf(instance));
    this.#touched.clear();
  }

  #serviceOf({ name, location, text, host }: Instance): FoundService | undefined {
    if (location.value === undefined || text.value === undefined || !host?.addresses.size) return undefined;
    return {
      name,
      type: this.#options.type,
      domain: this.#options.domain,
      host: location.value.host,
      port: location.value.port,
      addresses: [...host.addresses.keys()],
      txt: readText(text.value),
    };
  }
}

function sameName(a: string, b: string): boolean {
  return lowerAscii(a) === lowerAscii(b);
}

/** A link-local address is of use only together with its interface. */
function usable(address: string, zone: string | undefined): string | undefined {
  if (!/^fe[89ab]/.test(address)) return address;
  return zone === undefined ? undefined : `${address}%${zone}`;
}

/** Addresses of that family told more than a second ago are no more, the sender says (RFC 6762 §10.2). */
function fadeOld(host: Host, type: RecordType, now: number): void {
  for (const [address, fact] of host.addresses) {
    if (address.includes(":") === (type === RecordType.aaaa) && now - fact.learnt > 1000) fact.fade(now);
  }
}

function openAddress(host: Host, address: string, now: number): Fact<true> | undefined {
  if (host.addresses.size >= ADDRESSES) return undefined;
  const fact = new Fact<true>(now);
  host.addresses.set(address, fact);
  return fact;
}
