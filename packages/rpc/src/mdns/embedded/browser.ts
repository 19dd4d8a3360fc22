import type { BrowseSink, Closer, Query } from "../backend.ts";
import { encodeQuery, type Question } from "../dns/message.ts";
import { Knowledge } from "./knowledge.ts";
import { type Link, openLink } from "./link.ts";
import { readable } from "./packet.ts";

/** Milliseconds: the first question waits a random while, so that machines booting together don't ask together. */
const FIRST_MIN_MS = 20;
const FIRST_SPREAD_MS = 100;
/** Then the type is asked for after 1 s, 2 s, 4 s … and at last once an hour (RFC 6762 §5.2). */
const FIRST_INTERVAL_MS = 1000;
const LONGEST_INTERVAL_MS = 3_600_000;
/** Between looks at what is due, however much is. */
const STEP_MS = 100;
/** Questions in one packet, and known answers that go with the type's: names are at most 255 bytes, so they fit a packet. */
const QUESTIONS = 4;
const KNOWN = 8;
/** Longest wait that a timer can have. */
const TIMER_MS = 2 ** 31 - 1;

export interface EmbeddedBrowserOptions {
  /** Interfaces to ask on; all unless given. */
  readonly interfaces?: readonly string[];
}

/** Looks for services by ourselves, beside any daemon that does the same. Rejects where multicast is not possible. */
export async function browseEmbedded(
  query: Query,
  sink: BrowseSink,
  { interfaces }: EmbeddedBrowserOptions = {},
): Promise<Closer> {
  const browser = new EmbeddedBrowser(query, sink);
  browser.start(await openLink((name) => interfaces?.includes(name) ?? true, browser));
  return browser;
}

/** Asks, listens and remembers. */
export class EmbeddedBrowser implements Closer {
  readonly #knowledge: Knowledge;
  #link: Link | undefined;
  #timer: NodeJS.Timeout | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;
  #askTypeAt = Date.now() + FIRST_MIN_MS + Math.random() * FIRST_SPREAD_MS;
  #interval = FIRST_INTERVAL_MS;
  #closed = false;

  constructor({ type, domain, limit }: Query, sink: BrowseSink) {
    this.#knowledge = new Knowledge({
      type,
      domain,
      limit,
      changed: (name, service) => {
        if (service === undefined) sink.lost("", name);
        else sink.saw("", service);
      },
    });
  }

  start(link: Link): void {
    this.#link = link;
    this.#wake();
  }

  receive(packet: Uint8Array, zone: string | undefined): void {
    const message = readable(packet);
    if (message === undefined || !message.isResponse || this.#closed) return;
    this.#knowledge.learn(message.records, zone, Date.now());
    this.#wake();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#link?.close();
  }

  #wake(): void {
    const now = Date.now();
    const due = Math.max(now + STEP_MS, Math.min(this.#askTypeAt, this.#soonest(now)));
    if (due >= this.#wakeAt || this.#closed) return;
    clearTimeout(this.#timer);
    this.#wakeAt = due;
    this.#timer = setTimeout(() => this.#step(), Math.min(due - now, TIMER_MS));
  }

  /** Looking through all that is known is for steps; a packet only has to make sure that one comes soon. */
  #soonest(now: number): number {
    return this.#wakeAt <= now + STEP_MS ? Number.POSITIVE_INFINITY : this.#knowledge.due;
  }

  #step(): void {
    this.#wakeAt = Number.POSITIVE_INFINITY;
    const now = Date.now();
    this.#knowledge.expire(now);
    if (this.#knowledge.isPointerDue(now) || now >= this.#askTypeAt) this.#askForType(now);
    const questions = this.#knowledge.questions(QUESTIONS, now);
    if (questions.length > 0) this.#ask(questions);
    this.#wake();
  }

  #askForType(now: number): void {
    this.#ask([this.#knowledge.question], this.#knowledge.known(KNOWN, now));
    if (now < this.#askTypeAt) return;
    this.#askTypeAt = now + this.#interval;
    this.#interval = Math.min(2 * this.#interval, LONGEST_INTERVAL_MS);
  }

  #ask(questions: readonly Question[], known: Parameters<typeof encodeQuery>[1] = []): void {
    const packet = encodeQuery(questions, known);
    this.#link?.send(() => packet);
  }
}
