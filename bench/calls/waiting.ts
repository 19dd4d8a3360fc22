/** Calls by their number, for contenders whose library has none. */
export class Waiting {
  readonly #calls = new Map<number, (message: unknown) => void>();
  #next = 0;

  /** Sends a call under a number of its own; resolves to the answer that carries it. */
  add(send: (id: number) => void): Promise<unknown> {
    return new Promise((resolve) => {
      const id = this.#next++;
      this.#calls.set(id, resolve);
      send(id);
    });
  }

  settle(message: unknown): void {
    const { id } = message as { readonly id: number }; // the echo of what was sent
    this.#calls.get(id)?.(message);
    this.#calls.delete(id);
  }
}
