import { hostname } from "node:os";
import { deferred } from "../util/deferred.ts";
import { MissingPackageError } from "../util/optional-package.ts";
import { abortable, onAbort } from "../util/signals.ts";
import { publishWithAvahi } from "./avahi/publisher.ts";
import type { BackendName, Entry, PublishEvents, Publisher } from "./backend.ts";
import { publishEmbedded } from "./embedded/publisher.ts";
import { checkedName } from "./instance-name.ts";
import { placesOf } from "./places.ts";
import type { ServiceText } from "./service.ts";
import { parseServiceType } from "./service-type.ts";
import { textStrings } from "./txt.ts";

/** What a service says of itself on the network, and how it says it. */
export interface AdvertiseOptions {
  /** `_libvirt._tcp` */
  readonly type: string;
  /** For people; at most 63 bytes of UTF-8. When it is taken, Avahi's rule makes another: `name #2`. */
  readonly name: string;
  /** Keys with values; altogether at most 1300 bytes. */
  readonly txt?: Readonly<Record<string, string>>;
  /** `auto`, unless given: Avahi where its daemon and the package dbus-native are there, the embedded responder elsewhere. */
  readonly backend?: BackendName | "auto";
  /** Interfaces by name; those of the addresses listened on unless given. */
  readonly interfaces?: readonly string[];
  /** The host's name for the embedded responder, without `.local`; this machine's with the port unless given. */
  readonly hostname?: string;
  /** Takes lines for people: a name that was taken, a daemon that is gone, why nothing is advertised. `console.error` unless given. */
  readonly log?: (line: string) => void;
  /** Ends the advertisement, with a goodbye. */
  readonly signal?: AbortSignal;
}

export interface Advertised extends AdvertiseOptions {
  /** The TCP port the service really listens on. */
  readonly port: number;
  /** Addresses it listens on; all of the machine's unless given. */
  readonly addresses?: readonly string[];
}

/** A service that is being advertised, whatever happens to the network meanwhile. */
export interface Advertisement extends AsyncDisposable {
  /** By what name it is known now: another than was asked for, should that be taken. */
  readonly name: string;
  /** What does the work, once that is decided. */
  readonly backend: BackendName | undefined;
  /**
   * Resolves to the name once the network knows it; waits for `signal` or, without one, ten seconds. Rejects when that
   * comes first, and with {@link MissingPackageError} when Avahi is asked for without the package it takes.
   */
  established(signal?: AbortSignal): Promise<string>;
  /** Says goodbye; resolves when no socket, timer or listener is left. */
  close(): Promise<void>;
}

/** Milliseconds to wait for the network, for those who set no deadline. */
const ESTABLISH_MS = 10_000;
const HOST_BYTES = 55;

/**
 * Advertises a service from now on, in the background: trouble on the network is logged and dealt with, never thrown.
 * Throws `RangeError` for what can't be advertised: a bad type, name or text.
 */
export function advertise(service: Advertised): Advertisement {
  return new RunningAdvertisement(service, entryOf(service));
}

class RunningAdvertisement implements Advertisement {
  readonly #log: (line: string) => void;
  readonly #known = deferred<string>();
  readonly #publisher: Promise<Publisher | undefined>;
  readonly #off: () => void;
  #name: string;
  #backend: BackendName | undefined;
  #closing: Promise<void> | undefined;

  constructor(service: Advertised, entry: Entry) {
    this.#name = entry.name;
    this.#log = service.log ?? ((line) => console.error(line));
    this.#known.promise.catch(() => {}); // whoever waits hears of it; the log has it anyway
    this.#publisher = this.#publish(service, entry);
    this.#off = onAbort(service.signal, () => void this.close());
  }

  get name(): string {
    return this.#name;
  }

  get backend(): BackendName | undefined {
    return this.#backend;
  }

  established(signal: AbortSignal = AbortSignal.timeout(ESTABLISH_MS)): Promise<string> {
    return abortable(this.#known.promise, signal);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const publisher = await this.#publisher;
    await publisher?.close();
    this.#off();
    this.#known.reject(new Error(`the advertisement of "${this.#name}" was closed`));
  }

  async #publish({ backend = "auto" }: Advertised, entry: Entry): Promise<Publisher | undefined> {
    const events: PublishEvents = {
      established: (name) => {
        this.#name = name;
        this.#known.resolve(name);
      },
      notice: (text) => this.#log(`mDNS: ${text}`),
    };
    try {
      const publisher = await publishWith(backend, entry, events);
      this.#backend = publisher.backend;
      return publisher;
    } catch (error) {
      this.#known.reject(error);
      this.#log(`mDNS: "${entry.name}" is not advertised: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }
}

async function publishWith(backend: BackendName | "auto", entry: Entry, events: PublishEvents): Promise<Publisher> {
  if (entry.places.length === 0) throw new Error("no interface has an address that it listens on");
  if (backend === "embedded") return publishEmbedded(entry, events);
  const avahi = await viaAvahi(backend, entry, events);
  return avahi ?? publishEmbedded(entry, events);
}

async function viaAvahi(
  backend: "avahi" | "auto",
  entry: Entry,
  events: PublishEvents,
): Promise<Publisher | undefined> {
  try {
    return await publishWithAvahi(entry, events, backend === "avahi");
  } catch (error) {
    if (backend === "auto" && error instanceof MissingPackageError) return undefined;
    throw error;
  }
}

function entryOf({ type, name, port, txt = {}, addresses, interfaces, hostname: host }: Advertised): Entry {
  if (parseServiceType(type).protocol !== "tcp") throw new RangeError(`service type is ${type}, expected one of TCP`);
  textStrings(txt);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new RangeError(`port is ${port}, expected 1 to 65535`);
  const places = placesOf({ ...(addresses && { addresses }), ...(interfaces && { interfaces }) });
  const text: ServiceText = txt;
  return {
    type,
    name: checkedName(name),
    port,
    txt: text,
    places,
    hostname: checkedHost(host ?? `${shortHostname()}-${port}`),
  };
}

/** A number may have to follow it, in the 63 bytes of a label. */
function checkedHost(name: string): string {
  const size = new TextEncoder().encode(name).length;
  if (size < 1 || size > HOST_BYTES)
    throw new RangeError(`the host's name takes ${size} bytes, expected 1 to ${HOST_BYTES}`);
  return name;
}

function shortHostname(): string {
  return (hostname().split(".")[0] ?? "localhost").slice(0, 40);
}
