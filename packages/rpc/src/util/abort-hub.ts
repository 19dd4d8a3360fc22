/** Is told the reason of a signal's abort. */
type Listener = (reason: unknown) => void;

interface Group {
  readonly listeners: Set<Listener>;
  readonly tell: () => void;
}

/**
 * Many listeners to few signals. However many calls share a signal, the signal has one listener: Node takes the eleventh
 * for a leak, and warns.
 */
export class AbortHub {
  readonly #groups = new Map<AbortSignal, Group>();

  /** Calls `listener` once `signal` aborts, which it has not yet; returns what takes the listener off again. */
  on(signal: AbortSignal, listener: Listener): () => void {
    const group = this.#groups.get(signal) ?? this.#open(signal);
    group.listeners.add(listener);
    return () => {
      group.listeners.delete(listener);
      if (group.listeners.size === 0) this.#close(signal, group);
    };
  }

  #open(signal: AbortSignal): Group {
    const listeners = new Set<Listener>();
    const group: Group = {
      listeners,
      tell: () => {
        this.#groups.delete(signal);
        for (const listener of listeners) listener(signal.reason);
      },
    };
    this.#groups.set(signal, group);
    signal.addEventListener("abort", group.tell, { once: true });
    return group;
  }

  #close(signal: AbortSignal, group: Group): void {
    if (this.#groups.get(signal) !== group) return;
    this.#groups.delete(signal);
    signal.removeEventListener("abort", group.tell);
  }
}
