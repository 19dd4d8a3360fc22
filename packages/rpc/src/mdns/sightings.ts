import { familyOf } from "./places.ts";
import { type FoundService, serviceKey } from "./service.ts";

/** Ways one service is seen by, and addresses it has, that are kept. */
const SOURCES = 32;
const ADDRESSES = 32;

/** The same service seen on several interfaces and in both families, made one. Holds at most `limit` services. */
export class Sightings {
  readonly #limit: number;
  readonly #services = new Map<string, Map<string, FoundService>>();
  readonly #changed: (key: string, service: FoundService | undefined) => void;
  #refused = 0;

  /** `changed` is told of a service whenever it may be another than before; `undefined` is one that has gone. */
  constructor(limit: number, changed: (key: string, service: FoundService | undefined) => void) {
    this.#limit = limit;
    this.#changed = changed;
  }

  /** Services that there was no room for. */
  get refused(): number {
    return this.#refused;
  }

  saw(source: string, service: FoundService): void {
    const key = serviceKey(service);
    const sources = this.#services.get(key) ?? this.#open(key);
    if (sources === undefined || (sources.size >= SOURCES && !sources.has(source))) return;
    sources.delete(source); // the latest is the last
    sources.set(source, service);
    this.#changed(key, merged(sources));
  }

  lost(source: string, service: Pick<FoundService, "name" | "type" | "domain">): void {
    const key = serviceKey(service);
    const sources = this.#services.get(key);
    if (sources?.delete(source) !== true) return;
    if (sources.size === 0) this.#services.delete(key);
    this.#changed(key, merged(sources));
  }

  lostAll(): void {
    const keys = [...this.#services.keys()];
    this.#services.clear();
    for (const key of keys) this.#changed(key, undefined);
  }

  #open(key: string): Map<string, FoundService> | undefined {
    if (this.#services.size >= this.#limit) {
      this.#refused++;
      return undefined;
    }
    const sources = new Map<string, FoundService>();
    this.#services.set(key, sources);
    return sources;
  }
}

/** As the latest sighting has it, with the addresses of all. */
function merged(sources: ReadonlyMap<string, FoundService>): FoundService | undefined {
  const all = [...sources.values()];
  const latest = all.at(-1);
  if (latest === undefined) return undefined;
  const sameHost = all.filter(({ host }) => host === latest.host);
  return { ...latest, addresses: sorted(sameHost.flatMap(({ addresses }) => addresses)) };
}

function sorted(addresses: readonly string[]): string[] {
  return [...new Set(addresses)].toSorted(byFamily).slice(0, ADDRESSES);
}

function byFamily(a: string, b: string): number {
  return familyOf(a) - familyOf(b) || (a < b ? -1 : 1);
}
