const KEPT_MS = 60_000;
const KEPT = 1000;

interface Entry {
  readonly name: string | null;
  readonly until: number;
}

/** Names by number, kept for a minute: the user database may be at the other end of a network. */
export class NameCache {
  readonly #look: (id: number) => string | null;
  readonly #entries = new Map<number, Entry>();

  constructor(look: (id: number) => string | null) {
    this.#look = look;
  }

  get(id: number): string | null {
    const known = this.#entries.get(id);
    if (known !== undefined && performance.now() < known.until) return known.name;
    const name = this.#look(id);
    if (this.#entries.size >= KEPT) this.#entries.clear();
    this.#entries.set(id, { name, until: performance.now() + KEPT_MS });
    return name;
  }
}
