import type { BrowseSink, Closer, Query } from "../backend.ts";
import type { FoundService } from "../service.ts";
import { readText } from "../txt.ts";
import type { AvahiBus } from "./bus.ts";
import { AvahiSession } from "./session.ts";

const UNSPECIFIED = -1;
/** Milliseconds that what is known outlives the daemon, so that its restart isn't everybody's end. */
const GRACE_MS = 10_000;
/** Milliseconds that addresses wait for those of the other family. */
const GATHER_MS = 100;
/** Objects that the daemon grants one client are 1024 (its objects-per-client-max). */
const RESOLVERS = 900;

/**
 * Looks for services through the Avahi daemon. `undefined` when the daemon isn't there now and `patient` is not set.
 * Rejects without the package for D-Bus.
 */
export async function browseWithAvahi(query: Query, sink: BrowseSink, patient: boolean): Promise<Closer | undefined> {
  const browser = new AvahiBrowser(query, sink);
  if ((await browser.start()) || patient) return browser;
  await browser.close();
  return undefined;
}

/** The daemon's families; each name is resolved for both, as a resolver tells one address. */
const FAMILIES = [0, 1];

/** What the daemon's resolver object is for: a name, seen on one interface in one family, and the family of its address. */
interface Resolver {
  readonly source: string;
  readonly name: string;
  readonly path: string;
}

class AvahiBrowser implements Closer {
  readonly #query: Query;
  readonly #sink: BrowseSink;
  readonly #session: AvahiSession;
  readonly #byItem = new Map<string, Resolver>();
  readonly #byPath = new Map<string, Resolver>();
  readonly #zones = new Map<number, string>();
  /** What was known before the daemon's restart and was not seen again: name and source. */
  #stale = new Map<string, Pick<Resolver, "source" | "name">>();
  #bus: AvahiBus | undefined;
  #path = "";
  #grace: NodeJS.Timeout | undefined;
  /** What was resolved and not told yet; at most one for each resolver. */
  readonly #resolved = new Map<string, FoundService>();
  #gathering: NodeJS.Timeout | undefined;

  constructor(query: Query, sink: BrowseSink) {
    this.#query = query;
    this.#sink = sink;
    this.#session = new AvahiSession({
      up: (bus) => this.#up(bus),
      down: () => this.#down(),
      signal: (path, member, body) => this.#signal(path, member, body),
    });
  }

  start(): Promise<boolean> {
    return this.#session.start();
  }

  async close(): Promise<void> {
    clearTimeout(this.#grace);
    await this.#session.close(); // the daemon frees what belongs to the connection
    clearTimeout(this.#grace);
    clearTimeout(this.#gathering);
  }

  #up(bus: AvahiBus): void {
    this.#bus = bus;
    clearTimeout(this.#grace);
    const { type, domain } = this.#query;
    const body = [UNSPECIFIED, UNSPECIFIED, type, domain, 0];
    bus.send({ path: "/", interface: "Server", member: "ServiceBrowserNew", signature: "iissu", body }, (_, [path]) => {
      this.#path = String(path);
    });
  }

  #down(): void {
    this.#bus = undefined;
    this.#path = "";
    for (const [item, resolver] of this.#byItem) this.#stale.set(item, resolver);
    this.#byItem.clear();
    this.#byPath.clear();
    this.#zones.clear();
    this.#grace = setTimeout(() => this.#forgetStale(), GRACE_MS);
  }

  #signal(path: string, member: string, body: readonly unknown[]): void {
    if (path === this.#path) this.#browserSignal(member, body);
    else if (member === "Found") this.#found(path, body);
  }

  #browserSignal(member: string, body: readonly unknown[]): void {
    if (member === "ItemNew") for (const family of FAMILIES) this.#add(body, family);
    if (member === "ItemRemove") for (const family of FAMILIES) this.#remove(body, family);
    if (member === "AllForNow") this.#forgetStale();
  }

  #add(item: readonly unknown[], family: number): void {
    const [index, protocol, name, type, domain] = item;
    const key = itemKey(item, family);
    if (this.#byItem.size >= RESOLVERS || this.#byItem.has(key)) return;
    const body = [index, protocol, name, type, domain, family, 0];
    this.#learnZone(Number(index));
    const call = { path: "/", interface: "Server", member: "ServiceResolverNew", signature: "iisssiu", body };
    this.#bus?.send(call, (error, [path]) => {
      if (error !== undefined) return;
      const resolver = { source: sourceOf(item, family), name: String(name), path: String(path) };
      this.#byItem.set(key, resolver);
      this.#byPath.set(resolver.path, resolver);
    });
  }

  #remove(item: readonly unknown[], family: number): void {
    const key = itemKey(item, family);
    const resolver = this.#byItem.get(key);
    this.#tell();
    if (resolver !== undefined) {
      this.#byItem.delete(key);
      this.#byPath.delete(resolver.path);
      this.#bus?.send({ path: resolver.path, interface: "ServiceResolver", member: "Free" }, () => {});
    }
    this.#sink.lost(sourceOf(item, family), String(item[2]));
  }

  #found(path: string, [index, , name, type, domain, host, , address, port, strings]: readonly unknown[]): void {
    const resolver = this.#byPath.get(path);
    if (resolver === undefined || !Array.isArray(strings)) return;
    this.#stale.delete(`${resolver.source}/${resolver.name}`);
    this.#resolved.set(path, {
      name: String(name),
      type: String(type),
      domain: String(domain),
      host: String(host),
      port: Number(port),
      addresses: [this.#withZone(String(address), Number(index))],
      txt: readText(strings.filter((bytes) => bytes instanceof Uint8Array)),
    });
    this.#gathering ??= setTimeout(() => this.#tell(), GATHER_MS);
  }

  #tell(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    for (const [path, service] of this.#resolved) {
      const resolver = this.#byPath.get(path);
      if (resolver !== undefined) this.#sink.saw(resolver.source, service);
    }
    this.#resolved.clear();
  }

  /** A link-local address is of use only together with its interface. */
  #withZone(address: string, index: number): string {
    const zone = this.#zones.get(index);
    return /^fe[89ab]/i.test(address) && zone !== undefined ? `${address}%${zone}` : address;
  }

  #learnZone(index: number): void {
    if (this.#zones.has(index) || this.#zones.size >= RESOLVERS) return;
    const member = "GetNetworkInterfaceNameByIndex";
    this.#bus?.send({ path: "/", interface: "Server", member, signature: "i", body: [index] }, (error, [name]) => {
      if (error === undefined) this.#zones.set(index, String(name));
    });
  }

  #forgetStale(): void {
    const stale = [...this.#stale.values()].filter((one) => !this.#byItem.has(`${one.source}/${one.name}`));
    this.#stale = new Map();
    for (const { source, name } of stale) this.#sink.lost(source, name);
  }
}

/** Interface and protocol it was seen by, and the family of the address. */
function sourceOf([index, protocol]: readonly unknown[], family: number): string {
  return `${Number(index)}/${Number(protocol)}/${family}`;
}

function itemKey(item: readonly unknown[], family: number): string {
  return `${sourceOf(item, family)}/${String(item[2])}`;
}
