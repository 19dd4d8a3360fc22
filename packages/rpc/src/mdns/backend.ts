import type { Place } from "./places.ts";
import type { FoundService, ServiceText } from "./service.ts";

/** What carries out advertising and browsing on the local link. */
export type BackendName = "avahi" | "embedded";

/** A service to advertise, all said. */
export interface Entry {
  readonly type: string;
  readonly name: string;
  readonly port: number;
  readonly txt: ServiceText;
  readonly places: readonly Place[];
  /** Name for the host, without its domain; the back end's own choice unless given. */
  readonly hostname: string | undefined;
}

/** What a publisher tells of its work. None of this ends it. */
export interface PublishEvents {
  /** The network knows the service now, by this name. */
  established(name: string): void;
  /** For people: something is wrong or out of the ordinary, and is being dealt with. */
  notice(text: string): void;
}

/** One service that a back end keeps advertised. */
export interface Publisher {
  readonly backend: BackendName;
  /** Says goodbye, then frees everything. */
  close(): Promise<void>;
}

/** What to look for. */
export interface Query {
  readonly type: string;
  readonly domain: string;
  /** Services known at a time; those beyond are passed over. */
  readonly limit: number;
}

/** What a browser has to say. `source` tells ways apart by which the same service is seen: interfaces, families. */
export interface BrowseSink {
  saw(source: string, service: FoundService): void;
  lost(source: string, name: string): void;
  /** Nothing is known any more. */
  lostAll(): void;
}

/** Something that goes on until it is closed. */
export interface Closer {
  close(): Promise<void>;
}
