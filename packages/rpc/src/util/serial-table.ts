/** What a table keeps by its serial. */
export interface Numbered {
  readonly serial: number;
}

const FIRST_SLOTS = 4;
const MOST_SLOTS = 65_536;
/** More, left by a burst, are given back once nothing is in them. */
const KEPT_SLOTS = 4096;

/**
 * Entries by serial, for serials that are handed out one after another and soon given back. A `Map` under such a load is
 * built anew every few dozen entries, and the garbage collector lets each of those it has moved to old space keep all that
 * follow alive: up to half of a busy client's time went there.
 */
export class SerialTable<T extends Numbered> {
  /** Each entry at its serial modulo the number of slots, which is a power of two. */
  #slots: (T | undefined)[] = [];
  /** Those whose slot another has taken. They stay here, even should the slot become free. */
  #old: Map<number, T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(serial: number): T | undefined {
    const entry = this.#slots[serial & (this.#slots.length - 1)];
    if (entry?.serial === serial) return entry;
    return this.#old?.get(serial);
  }

  has(serial: number): boolean {
    return this.get(serial) !== undefined;
  }

  /** The entry's serial must not be in the table. */
  add(entry: T): void {
    this.#size++;
    if (this.#slots.length === 0) this.#slots = emptySlots(FIRST_SLOTS);
    while (this.#size * 2 > this.#slots.length && this.#slots.length < MOST_SLOTS) this.#grow();
    const at = this.#slotOf(entry);
    const former = this.#slots[at];
    if (former !== undefined) (this.#old ??= new Map()).set(former.serial, former);
    this.#slots[at] = entry;
  }

  delete(serial: number): void {
    const at = serial & (this.#slots.length - 1);
    if (this.#slots[at]?.serial === serial) this.#slots[at] = undefined;
    else if (this.#old?.delete(serial) !== true) return;
    if (--this.#size === 0 && this.#slots.length > KEPT_SLOTS) this.#slots = [];
  }

  /** All entries, in any order. */
  values(): T[] {
    return [...(this.#old?.values() ?? []), ...this.#slots.filter((entry) => entry !== undefined)];
  }

  /** Two entries that had slots of their own still have. */
  #grow(): void {
    const entries = this.#slots;
    this.#slots = emptySlots(entries.length * 2);
    for (const entry of entries) if (entry !== undefined) this.#slots[this.#slotOf(entry)] = entry;
  }

  #slotOf({ serial }: T): number {
    return serial & (this.#slots.length - 1);
  }
}

function emptySlots<T>(count: number): (T | undefined)[] {
  return Array.from({ length: count }, () => undefined);
}
