import type { Entry, PublishEvents, Publisher } from "../backend.ts";
import {
  ANY,
  type DnsMessage,
  type DnsRecord,
  encodeProbe,
  encodeResponse,
  type Question,
  RecordType,
} from "../dns/message.ts";
import { alternativeName } from "../instance-name.ts";
import { allInterfaces, interfaceAddresses } from "../places.ts";
import { Claim, same } from "./claim.ts";
import { type Link, type LinkFilter, openLink } from "./link.ts";
import { readable } from "./packet.ts";

/** Milliseconds, RFC 6762 §8.1 to §8.3: three questions whether a name is free, then three announcements. */
const PROBES = 3;
const PROBE_MS = 250;
const ANNOUNCE_AFTER_MS = [1000, 2000];
/** Who lost against another that wants the name at the same time asks again after this (§8.2). */
const YIELD_MS = 1000;
/** After so many denials the next try waits (§8.1). */
const DENIALS = 15;
const DENIED_MS = 5000;
/** Answers of which others may have some too wait a random while (§6); nothing is said twice within a second. */
const ANSWER_MIN_MS = 20;
const ANSWER_SPREAD_MS = 100;
const REPEAT_MS = 1000;
/** How often the machine's interfaces are looked at. */
const WATCH_MS = 30_000;

/** Advertises `entry` by ourselves. Rejects where multicast is not possible. */
export async function publishEmbedded(entry: Entry, events: PublishEvents): Promise<Publisher> {
  const publisher = new EmbeddedPublisher(entry, events);
  publisher.start(await openLink(publisher.filter, publisher));
  return publisher;
}

/** A responder for one service: asks whether its name is free, announces it, answers for it, says goodbye. */
export class EmbeddedPublisher implements Publisher {
  readonly backend = "embedded";
  readonly #entry: Entry;
  readonly #events: PublishEvents;
  #name: string;
  readonly #host: string;
  /** Names tried. */
  #names = 1;
  #claim: Claim;
  #link: Link | undefined;
  #state: "probing" | "announced" | "closed" = "probing";
  #denials = 0;
  #step: NodeJS.Timeout | undefined;
  #answer: NodeJS.Timeout | undefined;
  #saidAt = 0;
  #watch: NodeJS.Timeout | undefined;
  #addresses = "";

  constructor(entry: Entry, events: PublishEvents) {
    this.#entry = entry;
    this.#events = events;
    this.#name = entry.name;
    this.#host = entry.hostname ?? "localhost";
    this.#claim = new Claim(entry, this.#name, this.#host);
  }

  /** Where the service is to be found. */
  get filter(): LinkFilter {
    return (name, family) => this.#claim.isOn(name, family);
  }

  start(link: Link): void {
    this.#link = link;
    this.#addresses = allAddresses();
    this.#watch = setInterval(() => this.#look(), WATCH_MS);
    this.#probe(Math.random() * PROBE_MS);
  }

  receive(packet: Uint8Array): void {
    const message = readable(packet);
    if (message === undefined || this.#state === "closed") return;
    if (message.isResponse) this.#heard(message);
    else this.#asked(message);
  }

  async close(): Promise<void> {
    clearTimeout(this.#step);
    clearTimeout(this.#answer);
    clearInterval(this.#watch);
    const wasAnnounced = this.#state === "announced";
    this.#state = "closed"; // the goodbye comes back to us
    if (wasAnnounced) this.#say((record) => ({ ...record, ttl: 0 }));
    await this.#link?.close();
  }

  #probe(delay: number, asked = 0): void {
    this.#state = "probing";
    this.#after(delay, () => {
      if (asked === PROBES) return this.#announce();
      const { fullName, hostName } = this.#claim;
      this.#link?.send((name) => encodeProbe([fullName, hostName], this.#claim.unique(name).map(unflushed)));
      this.#probe(PROBE_MS, asked + 1);
    });
  }

  #announce(times = 0): void {
    this.#state = "announced";
    this.#say((record) => record);
    if (times === 0) this.#events.established(this.#name);
    const delay = ANNOUNCE_AFTER_MS[times];
    if (delay !== undefined) this.#after(delay, () => this.#announce(times + 1));
    else this.#denials = 0;
  }

  /** Somebody told something: it may deny our claim, or take our records away from others' memory. */
  #heard({ records }: DnsMessage): void {
    if (records.some((record) => record.ttl > 0 && this.#claim.isDeniedBy(record))) this.#denied();
    else if (this.#state === "announced" && records.some((record) => this.#isForgotten(record)))
      this.#answerLater(REPEAT_MS);
  }

  #isForgotten(record: DnsRecord): boolean {
    return record.ttl === 0 && (same(record.name, this.#claim.fullName) || sayTheSame(record, this.#claim.pointer));
  }

  /** A name that is ours already is asked for again: whoever answers then has it (RFC 6762 §9). */
  #denied(): void {
    const delay = ++this.#denials > DENIALS ? DENIED_MS : PROBE_MS;
    if (this.#state === "announced") return this.#probe(delay);
    const taken = this.#name;
    this.#name = alternativeName(taken);
    this.#claim = new Claim(this.#entry, this.#name, `${this.#host}-${++this.#names}`); // whichever of the two it was
    this.#events.notice(`the name "${taken}" is taken; trying "${this.#name}"`);
    this.#probe(delay);
  }

  #asked({ questions, records }: DnsMessage): void {
    const isProbe = records.some(({ name }) => same(name, this.#claim.fullName));
    if (this.#state === "probing") {
      if (isProbe && this.#claim.losesTo(records)) this.#probe(YIELD_MS);
      return;
    }
    const wanted = questions.filter((question) => this.#isOurs(question));
    if (wanted.length === 0 || this.#isKnown(wanted, records)) return;
    if (isProbe)
      this.#say((record) => record); // at once: the asker waits no longer than 250 ms
    else this.#answerLater(ANSWER_MIN_MS + Math.random() * ANSWER_SPREAD_MS);
  }

  #isOurs({ name, type }: Question): boolean {
    const { typeName, fullName, hostName, typePointer } = this.#claim;
    if (type === RecordType.ptr || type === ANY) {
      if (same(name, typeName) || same(name, typePointer.name)) return true;
    }
    if (type === RecordType.a || type === RecordType.aaaa || type === ANY) if (same(name, hostName)) return true;
    return type !== RecordType.ptr && same(name, fullName);
  }

  /** The asker knows the only answer, for more than half of its life yet (RFC 6762 §7.1). */
  #isKnown(questions: readonly Question[], records: readonly DnsRecord[]): boolean {
    const { pointer, typeName } = this.#claim;
    if (!questions.every(({ name, type }) => type === RecordType.ptr && same(name, typeName))) return false;
    return records.some((record) => sayTheSame(record, pointer) && record.ttl > pointer.ttl / 2);
  }

  #answerLater(delay: number): void {
    if (this.#answer !== undefined) return;
    const wait = Math.max(delay, this.#saidAt + REPEAT_MS - Date.now());
    this.#answer = setTimeout(() => {
      this.#answer = undefined;
      if (this.#state === "announced") this.#say((record) => record);
    }, wait);
  }

  /** All we have to say, on each interface: it fits one packet, and spares further questions. */
  #say(as: (record: DnsRecord) => DnsRecord): void {
    this.#saidAt = Date.now();
    const claim = this.#claim;
    this.#link?.send((name) => encodeResponse(claim.records(name).map(as)));
  }

  /** On a link that is new to us the name may not be free (RFC 6762 §8). */
  #look(): void {
    const addresses = allAddresses();
    if (addresses === this.#addresses) return;
    this.#addresses = addresses;
    this.#probe(PROBE_MS);
  }

  #after(delay: number, next: () => void): void {
    clearTimeout(this.#step);
    this.#step = setTimeout(next, delay);
  }
}

function allAddresses(): string {
  return JSON.stringify(allInterfaces().map((name) => [name, interfaceAddresses(name)]));
}

/** What is only wanted replaces nothing yet (RFC 6762 §10.2). */
function unflushed(record: DnsRecord): DnsRecord {
  return { ...record, flush: false };
}

function sayTheSame(a: DnsRecord, b: DnsRecord): boolean {
  return a.type === RecordType.ptr && b.type === RecordType.ptr && same(a.name, b.name) && same(a.target, b.target);
}
