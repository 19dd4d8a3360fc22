import type { BrowseSink, Closer, Query } from "../backend.ts";
import { joinName, splitName } from "../dns/name.ts";
import { type FoundService, lowerAscii } from "../service.ts";
import { readText } from "../txt.ts";
import { Directory, type Location } from "./directory.ts";

/** Milliseconds from one look at the name server to the next, unless told. */
const INTERVAL_MS = 30_000;
/** Services looked up at a time. */
const PARALLEL = 8;

export interface UnicastOptions {
  /** Name servers: `192.0.2.53`, `127.0.0.1:8600`; the system's unless given. */
  readonly servers?: readonly string[];
  /** Milliseconds between looks; 30 s unless given. */
  readonly interval?: number;
}

/** Looks for services in the DNS of a site, again and again, as plain DNS tells nobody of changes. */
export function browseUnicast(query: Query, sink: BrowseSink, options: UnicastOptions = {}): Closer {
  const browser = new UnicastBrowser(query, sink, options);
  browser.start();
  return browser;
}

class UnicastBrowser implements Closer {
  readonly #query: Query;
  readonly #sink: BrowseSink;
  readonly #interval: number;
  readonly #directory: Directory;
  readonly #known = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(query: Query, sink: BrowseSink, { servers, interval = INTERVAL_MS }: UnicastOptions) {
    this.#query = query;
    this.#sink = sink;
    this.#interval = interval;
    this.#directory = new Directory(servers);
  }

  start(): void {
    this.#round = this.#look();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#directory.close();
    await this.#round;
  }

  async #look(): Promise<void> {
    try {
      await this.#compare(await this.#names());
    } catch {
      // The name server does not answer: what was known stays, and it is asked again.
    }
    if (!this.#closed) this.#timer = setTimeout(() => this.start(), this.#interval);
  }

  /** Names of services, with what is known of their place already. */
  async #names(): Promise<Map<string, Location | undefined>> {
    const { type, domain, limit } = this.#query;
    const typeName = `${type}.${domain}`;
    const instances = (await this.#directory.pointers(typeName)).flatMap((target) => instanceName(target, typeName));
    const found: [string, Location | undefined][] =
      instances.length > 0
        ? instances.map((name) => [name, undefined])
        : (await this.#plain(typeName)).map(nameOfLocation);
    return new Map(found.slice(0, limit));
  }

  /** Without instances the SRV records of the type itself count (RFC 2782), as Consul and others have them. */
  #plain(typeName: string): Promise<Location[]> {
    return this.#directory.locations(typeName);
  }

  async #compare(names: ReadonlyMap<string, Location | undefined>): Promise<void> {
    for (const name of this.#known) if (!names.has(name)) this.#lose(name);
    const waiting = [...names];
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined && !this.#closed; next = waiting.shift())
        await this.#resolve(...next);
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
  }

  async #resolve(name: string, place: Location | undefined): Promise<void> {
    try {
      const service = await this.#service(name, place);
      if (this.#closed) return;
      if (service === undefined) this.#lose(name);
      else this.#find(service);
    } catch {
      // No answer for this one: it stays as it was.
    }
  }

  async #service(name: string, place: Location | undefined): Promise<FoundService | undefined> {
    const { type, domain } = this.#query;
    const fullName = `${joinName([name])}.${type}.${domain}`;
    const [location] = place === undefined ? await this.#directory.locations(fullName) : [place];
    if (location === undefined || location.host === "" || location.host === ".") return undefined;
    const strings = place === undefined ? await this.#directory.text(fullName) : [];
    const addresses = await this.#directory.addresses(location.host);
    return { name, type, domain, ...location, addresses, txt: readText(strings) };
  }

  #find(service: FoundService): void {
    this.#known.add(service.name);
    this.#sink.saw("", service);
  }

  #lose(name: string): void {
    this.#known.delete(name);
    this.#sink.lost("", name);
  }
}

function instanceName(target: string, typeName: string): string[] {
  const [name, ...rest] = splitName(target);
  return name !== undefined && lowerAscii(joinName(rest)) === lowerAscii(typeName) ? [name] : [];
}

/** Such a service has no name of its own: its place is its name. */
function nameOfLocation(location: Location): [string, Location] {
  return [`${location.host}:${location.port}`, location];
}
