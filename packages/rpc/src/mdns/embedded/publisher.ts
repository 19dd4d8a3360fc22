import type { CiaoService, getResponder as GetResponder, Responder } from "@homebridge/ciao";
import type { Entry, PublishEvents, Publisher } from "../backend.ts";
import { optionalPackage } from "../optional-package.ts";
import { interfaceAddresses, outwardInterfaces, type Place } from "../places.ts";
import { parseServiceType } from "../service-type.ts";
import { guardResponder, nameLikeAvahi } from "./ciao-guards.ts";

/** Milliseconds until a first announcement that failed is tried again. */
const RETRY_MS = 5000;
/** Milliseconds that a goodbye may take. */
const GOODBYE_MS = 2000;
/** The responder's timers for what it sent last run on this long. */
const LINGER_MS = 250;

/** Advertises `entry` by ourselves. Rejects without the package for it. */
export async function publishEmbedded(entry: Entry, events: PublishEvents): Promise<Publisher> {
  const { getResponder } = await optionalPackage("@homebridge/ciao", "mDNS without Avahi", loadCiao);
  const interfaces = [...new Set(entry.places.flatMap(interfacesOf))];
  const advertiseIpv4 = entry.places.some(({ family }) => family !== 6);
  const advertiseIpv6 = entry.places.some(({ family }) => family !== 4);
  const responder = getResponder({ interface: interfaces, advertiseIpv4, advertiseIpv6 });
  guardResponder(responder, (text) => events.notice(text));
  return new EmbeddedPublisher(responder, entry, events);
}

/**
 * Importing it makes stack traces of the whole process pass through source-map-support; what was there before is put
 * back.
 */
async function loadCiao(): Promise<{ getResponder: typeof GetResponder }> {
  const before = Object.getOwnPropertyDescriptor(Error, "prepareStackTrace");
  const module = await import("@homebridge/ciao");
  if (before === undefined) Reflect.deleteProperty(Error, "prepareStackTrace");
  else Object.defineProperty(Error, "prepareStackTrace", before);
  return module;
}

class EmbeddedPublisher implements Publisher {
  readonly backend = "embedded";
  readonly #responder: Responder;
  readonly #service: CiaoService;
  readonly #events: PublishEvents;
  #name: string;
  #retry: NodeJS.Timeout | undefined;
  #advertising: Promise<void>;
  #announced = false;
  #closed = false;

  constructor(responder: Responder, entry: Entry, events: PublishEvents) {
    this.#responder = responder;
    this.#events = events;
    this.#name = singleLabel(entry.name);
    if (this.#name !== entry.name)
      events.notice(`the embedded responder knows no dots in names; trying "${this.#name}"`);
    this.#service = responder.createService(serviceOptions(entry, this.#name));
    nameLikeAvahi(this.#service, this.#name);
    this.#service.on("name-change", (name) => this.#renamed(name));
    this.#advertising = this.#advertise();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#sayGoodbye();
    await this.#responder.shutdown().catch(() => {}); // its sockets are closed whatever became of the goodbye
    await pause(LINGER_MS);
  }

  async #advertise(): Promise<void> {
    try {
      await this.#service.advertise();
      this.#announced = true;
      if (!this.#closed) this.#events.established(this.#name);
    } catch (error) {
      if (this.#closed) return;
      this.#events.notice(`"${this.#name}" could not be announced (${String(error)}); it is tried again`);
      this.#retry = setTimeout(() => {
        this.#advertising = this.#advertise();
      }, RETRY_MS);
    }
  }

  #renamed(name: string): void {
    this.#events.notice(`the name "${this.#name}" is taken; trying "${name}"`);
    this.#name = name;
    // The first announcement is told when it is made; one after a claim on our name comes right after this.
    if (this.#announced) this.#events.established(name);
  }

  async #sayGoodbye(): Promise<void> {
    const deadline = new AbortController();
    const goodbye = this.#service.destroy().catch(() => {}); // nothing was announced, or the network is gone
    // Its sockets, should they be opening still, can be closed only after that.
    await Promise.race([Promise.all([goodbye, this.#advertising]), pause(GOODBYE_MS, deadline.signal)]);
    deadline.abort();
  }
}

function serviceOptions(entry: Entry, name: string): Parameters<Responder["createService"]>[0] {
  const { name: type } = parseServiceType(entry.type);
  const { port, hostname = "localhost", txt } = entry;
  const addresses = entry.places.flatMap(addressesOf);
  const options = { name, type, port, hostname: `${hostname}.local`, txt };
  return addresses.length === 0 ? options : { ...options, restrictedAddresses: addresses };
}

function interfacesOf({ interface: name }: Place): string[] {
  return name === undefined ? outwardInterfaces() : [name];
}

/** Only where one family is left out; else the responder follows the interface's addresses by itself. */
function addressesOf({ interface: name, family }: Place): string[] {
  if (family === undefined) return [];
  return (name === undefined ? outwardInterfaces() : [name]).flatMap((each) => interfaceAddresses(each, family));
}

/** ciao takes each dot for a border of labels. */
function singleLabel(name: string): string {
  return name.replaceAll(".", "-");
}

function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
