import { type Numbered, SerialTable } from "./serial-table.ts";

/** Is told the reason of a signal's abort. */
type Listener = (reason: unknown) => void;

interface Listening extends Numbered {
  readonly listener: Listener;
}

interface Group {
  readonly listening: SerialTable<Listening>;
  /** The next listener's. */
  serial: number;
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
    const serial = group.serial++;
    group.listening.add({ serial, listener });
    return () => {
      group.listening.delete(serial);
      if (group.listening.size === 0) this.#close(signal, group);
    };
  }

  #open(signal: AbortSignal): Group {
    const listening = new SerialTable<Listening>();
    const group: Group = {
      listening,
      serial: 0,
      tell: () => {
        this.#groups.delete(signal);
        for (const { serial, listener } of inOrder(listening)) if (listening.has(serial)) listener(signal.reason);
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

function inOrder(listening: SerialTable<Listening>): Listening[] {
  return listening.values().toSorted((one, other) => one.serial - other.serial);
}
