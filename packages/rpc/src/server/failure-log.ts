import type { Endpoint } from "../transport/address.ts";

interface Entry {
  count: number;
  readonly until: number;
}

/** Addresses that are remembered; whoever has more than these has other means. */
const ADDRESSES = 10_000;
const WINDOW_MS = 60_000;

/** Counts failed attempts by the address that they came from, over a minute from the first of them. */
export class FailureLog {
  readonly #limit: number;
  /** In the order of their first failures, so that the first to be forgotten stand first. */
  readonly #entries = new Map<string, Entry>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Has this end failed too often? UNIX sockets never have: they are shared by everybody who may connect at all. */
  isBlocked(endpoint: Endpoint): boolean {
    const address = addressOf(endpoint);
    return address !== null && (this.#current(address)?.count ?? 0) >= this.#limit;
  }

  note(endpoint: Endpoint): void {
    const address = addressOf(endpoint);
    if (address === null) return;
    const entry = this.#current(address);
    if (entry !== undefined) {
      entry.count++;
      return;
    }
    if (this.#entries.size >= ADDRESSES) this.#forgetOldest();
    this.#entries.set(address, { count: 1, until: performance.now() + WINDOW_MS });
  }

  #current(address: string): Entry | undefined {
    const entry = this.#entries.get(address);
    if (entry === undefined || performance.now() < entry.until) return entry;
    this.#entries.delete(address);
    return undefined;
  }

  #forgetOldest(): void {
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}

/** One host, as far as an address tells: of IPv6 the first 64 bits, as the rest is for the host to choose. */
function addressOf(endpoint: Endpoint): string | null {
  if (!("host" in endpoint)) return null;
  const { host } = endpoint;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1];
  if (mapped !== undefined) return mapped;
  return host.includes(":") ? networkOf(host) : host;
}

function networkOf(host: string): string {
  const [head = "", tail] = host.split("::");
  const groups = head === "" ? [] : head.split(":");
  const behind = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array<string>(Math.max(0, 8 - groups.length - behind.length)).fill("0");
  return [...groups, ...(tail === undefined ? [] : zeros), ...behind].slice(0, 4).join(":");
}
