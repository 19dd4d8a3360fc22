/** How often each thing happened. */
export class Tally {
  readonly #times = new Map<string, number>();

  add(what: string, times = 1): void {
    this.#times.set(what, (this.#times.get(what) ?? 0) + times);
  }

  print(): void {
    const rows = [...this.#times].toSorted(([a], [b]) => a.localeCompare(b));
    for (const [what, times] of rows) console.log(`  ${what.padEnd(32)} ${times}`);
  }
}
