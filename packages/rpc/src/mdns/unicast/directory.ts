import { promises as dns } from "node:dns";
import { onAbort } from "../../util/signals.ts";
import { type DnsRecord, RecordType } from "../dns/message.ts";
import { joinName, splitName } from "../dns/name.ts";
import { askServers } from "./datagram.ts";

/** Milliseconds that a name server has for an answer, and how often it is asked. */
const TIMEOUT_MS = 3000;
const TRIES = 2;
/** Names that node:dns takes; it refuses all others, spaces among them, before it asks (EBADNAME). */
const HOST_NAME = /^[A-Za-z0-9._/*-]+$/;
/** There is no such name, or nothing of that type. */
const NOTHING = new Set(["ENOTFOUND", "ENODATA"]);

export interface Location {
  readonly host: string;
  readonly port: number;
}

/** What the name servers of a site know. Nothing there is an empty answer; no answer is a rejection. */
export class Directory {
  readonly #resolver: dns.Resolver;
  readonly #stop = new AbortController();
  readonly #off: () => void;

  /** `servers` as for node:dns; the system's unless given. */
  constructor(servers: readonly string[] | undefined, signal?: AbortSignal) {
    this.#resolver = new dns.Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
    if (servers !== undefined) this.#resolver.setServers(servers);
    this.#off = onAbort(signal, () => this.close());
  }

  close(): void {
    this.#stop.abort();
    this.#resolver.cancel();
    this.#off();
  }

  /** Whole names that a name points to. */
  async pointers(name: string): Promise<string[]> {
    const found = await something(this.#resolver.resolvePtr(name));
    return found.map((target) => joinName(splitName(target)));
  }

  async locations(name: string): Promise<Location[]> {
    if (!HOST_NAME.test(name)) return (await this.#ask(name, RecordType.srv)).flatMap(locationOf);
    return (await something(this.#resolver.resolveSrv(name))).map(({ name: host, port }) => ({ host, port }));
  }

  /** The strings of all TXT records. */
  async text(name: string): Promise<Uint8Array[]> {
    if (!HOST_NAME.test(name)) return (await this.#ask(name, RecordType.txt)).flatMap(stringsOf);
    const strings = (await something(this.#resolver.resolveTxt(name))).flat();
    return strings.map((string) => new TextEncoder().encode(string));
  }

  async addresses(host: string): Promise<string[]> {
    const both = [something(this.#resolver.resolve4(host)), something(this.#resolver.resolve6(host))];
    return (await Promise.all(both)).flat();
  }

  async #ask(name: string, type: typeof RecordType.srv | typeof RecordType.txt): Promise<readonly DnsRecord[]> {
    const { code, isTruncated, records } = await askServers(
      this.#resolver.getServers(),
      { name, type },
      this.#stop.signal,
    );
    if (isTruncated) throw new Error(`the records of ${name} do not fit a datagram`);
    if (code !== 0 && code !== 3) throw new Error(`the name server answers ${code} for ${name}`);
    return records.filter((record) => record.type === type);
  }
}

async function something<T>(answer: Promise<T[]>): Promise<T[]> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error && "code" in error && NOTHING.has(String(error.code))) return [];
    throw error;
  }
}

function locationOf(record: DnsRecord): Location[] {
  return record.type === RecordType.srv ? [{ host: record.target, port: record.port }] : [];
}

function stringsOf(record: DnsRecord): readonly Uint8Array[] {
  return record.type === RecordType.txt ? record.strings : [];
}
