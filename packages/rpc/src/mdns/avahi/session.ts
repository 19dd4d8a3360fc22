import { MissingPackageError } from "../../util/optional-package.ts";
import { type AvahiBus, openAvahiBus } from "./bus.ts";

/** Milliseconds between attempts to reach the bus: twice as long each time, up to the longest. */
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 30_000;

export interface SessionEvents {
  /** The daemon is there, and knows nothing of us. */
  up(bus: AvahiBus): void;
  /** It is gone; `up` comes when it is back. */
  down(): void;
  signal(path: string, member: string, body: readonly unknown[]): void;
}

/** Stays in touch with the Avahi daemon: over its restarts and those of the bus. */
export class AvahiSession {
  readonly #events: SessionEvents;
  #bus: AvahiBus | undefined;
  #opening: Promise<void> | undefined;
  #up = false;
  #closed = false;
  #retryMs = FIRST_RETRY_MS;
  #retry: NodeJS.Timeout | undefined;

  constructor(events: SessionEvents) {
    this.#events = events;
  }

  /**
   * Resolves to whether the daemon is there now. If not it comes up later, should it ever. Rejects with
   * {@link MissingPackageError} without the package for D-Bus.
   */
  async start(): Promise<boolean> {
    this.#opening = this.#open();
    await this.#opening;
    return this.#up;
  }

  /** Whether the daemon is there. */
  get isUp(): boolean {
    return this.#up;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#opening?.catch(() => {});
    await this.#bus?.close();
  }

  async #open(): Promise<void> {
    try {
      const bus = await openAvahiBus({
        signal: (path, member, body) => this.#events.signal(path, member, body),
        owner: (present) => this.#owner(present),
        closed: () => this.#lostBus(),
      });
      this.#bus = bus;
      await bus.subscribe();
      this.#retryMs = FIRST_RETRY_MS;
    } catch (error) {
      if (error instanceof MissingPackageError) throw error;
      await this.#bus?.close();
      this.#retryLater();
    }
  }

  #owner(present: boolean): void {
    if (this.#up === present || this.#closed || this.#bus === undefined) return;
    this.#up = present;
    if (present) this.#events.up(this.#bus);
    else this.#events.down();
  }

  #lostBus(): void {
    this.#owner(false);
    this.#bus = undefined;
    this.#retryLater();
  }

  #retryLater(): void {
    if (this.#closed || this.#bus !== undefined || this.#retry !== undefined) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#opening = this.#open();
    }, this.#retryMs);
    this.#retryMs = Math.min(2 * this.#retryMs, LONGEST_RETRY_MS);
  }
}
