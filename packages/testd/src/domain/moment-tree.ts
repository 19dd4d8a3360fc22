/** A named point in a domain's life: a snapshot or a checkpoint. */
export interface Moment {
  readonly name: string;
  readonly parent: string | null;
}

/** The moments of one domain, each below the one that was current when it was made. */
export class MomentTree<T extends Moment> {
  readonly #moments = new Map<string, T>();
  #current: string | null = null;

  get size(): number {
    return this.#moments.size;
  }

  get current(): T | null {
    return this.#current === null ? null : this.get(this.#current);
  }

  set current(moment: T | null) {
    this.#current = moment?.name ?? null;
  }

  get(name: string): T | null {
    return this.#moments.get(name) ?? null;
  }

  /** Adds a moment, or puts it in the place of one of its name. */
  put(moment: T): void {
    this.#moments.set(moment.name, moment);
  }

  all(): T[] {
    return [...this.#moments.values()];
  }

  roots(): T[] {
    return this.all().filter((moment) => this.parentOf(moment) === null);
  }

  children(name: string): T[] {
    return this.all().filter((moment) => moment.parent === name);
  }

  /** Everything below, parents before their children. */
  descendants(name: string): T[] {
    return this.children(name).flatMap((child) => [child, ...this.descendants(child.name)]);
  }

  parentOf(moment: T): T | null {
    return moment.parent === null ? null : this.get(moment.parent);
  }

  /** Takes one out; its children become children of its parent. */
  remove(moment: T): void {
    for (const child of this.children(moment.name)) this.put({ ...child, parent: moment.parent });
    if (this.#current === moment.name) this.#current = this.parentOf(moment)?.name ?? null;
    this.#moments.delete(moment.name);
  }

  /** Takes out everything below one, and the one itself unless told otherwise. */
  removeTree(moment: T, childrenOnly: boolean): void {
    const gone = this.descendants(moment.name);
    const hadCurrent = gone.some((child) => child.name === this.#current);
    for (const child of gone) this.#moments.delete(child.name);
    if (hadCurrent) this.#current = moment.name;
    if (!childrenOnly) this.remove(moment);
  }

  clear(): void {
    this.#moments.clear();
    this.#current = null;
  }
}
