/** Longest time to live that is believed, in seconds: what RFC 6762 §10 recommends for services. */
const LONGEST_TTL = 4500;
/** Shares of its life after which a record is asked for again (RFC 6762 §5.2). */
const REFRESH_AT = [0.8, 0.85, 0.9, 0.95];
/** Milliseconds between questions for what was never told; then nobody will. */
const ASK_AFTER = [0, 1000, 2000, 4000];
/** A goodbye, or a newer record in its place, leaves this many milliseconds (RFC 6762 §10.1, §10.2). */
const LAST_MS = 1000;

/** Something that records tell and time takes away: what it is, and when to ask for it again. Times in milliseconds. */
export class Fact<T> {
  #value: T | undefined;
  #learnt: number;
  #expires = Number.POSITIVE_INFINITY;
  #asked = 0;

  /** Nothing is known from `now` on. */
  constructor(now: number) {
    this.#learnt = now;
  }

  get value(): T | undefined {
    return this.#value;
  }

  /** When it was told last. */
  get learnt(): number {
    return this.#learnt;
  }

  /** Seconds it is still good for. */
  ttl(now: number): number {
    return this.#value === undefined ? 0 : Math.max(0, Math.floor((this.#expires - now) / 1000));
  }

  /** Whether more than half of its life is left. */
  isFresh(now: number): boolean {
    return this.#value !== undefined && this.#expires - now > (this.#expires - this.#learnt) / 2;
  }

  learn(value: T, ttl: number, now: number): void {
    if (ttl === 0) {
      if (this.#value !== undefined) this.fade(now);
      return;
    }
    this.#value = value;
    this.#learnt = now;
    this.#expires = now + Math.min(ttl, LONGEST_TTL) * 1000;
    this.#asked = 0;
  }

  /** It will be over in a second, unless it is told again. */
  fade(now: number): void {
    this.#expires = Math.min(this.#expires, now + LAST_MS);
    this.#asked = REFRESH_AT.length;
  }

  /** Forgets what is over; whether that was now. */
  expire(now: number): boolean {
    if (this.#value === undefined || now < this.#expires) return false;
    this.restart(now);
    return true;
  }

  /** Nothing is known any more, and it is asked for anew. */
  restart(now: number): void {
    this.#value = undefined;
    this.#learnt = now;
    this.#expires = Number.POSITIVE_INFINITY;
    this.#asked = 0;
  }

  /** Nobody answers: it is not known, and all questions were asked. */
  isHopeless(now: number): boolean {
    return (
      this.#value === undefined && this.#asked >= ASK_AFTER.length && now >= this.#learnt + 2 * (ASK_AFTER.at(-1) ?? 0)
    );
  }

  /** When to ask for it next, for ever when not to. */
  get askAt(): number {
    if (this.#value === undefined) return this.#learnt + (ASK_AFTER[this.#asked] ?? Number.POSITIVE_INFINITY);
    const share = REFRESH_AT[this.#asked] ?? Number.POSITIVE_INFINITY;
    return this.#learnt + (this.#expires - this.#learnt) * share;
  }

  asked(): void {
    this.#asked++;
  }

  /** When something has to be done about it. */
  get due(): number {
    return Math.min(this.askAt, this.#expires);
  }
}
