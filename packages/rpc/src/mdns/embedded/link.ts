import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { networkInterfaces } from "node:os";
import { familyOf } from "../places.ts";

const PORT = 5353;
const GROUPS = { 4: "224.0.0.251", 6: "ff02::fb" } as const;
/** No packet of multicast DNS is longer (RFC 6762 §17). */
const PACKET_BYTES = 9000;
/** Packets waiting to be sent; those beyond are dropped, and asked again later as any lost packet. */
const QUEUE = 64;

export interface LinkEvents {
  /**
   * Somebody's packet, ours too; `zone` is the interface it came in by, where that is known. A response from another
   * port than 5353 never gets here: it is forged (RFC 6762 §6).
   */
  receive(packet: Uint8Array, zone: string | undefined): void;
}

/** Which interfaces are used, and for which family. */
export type LinkFilter = (name: string, family: 4 | 6) => boolean;

/** A packet for an interface; none when there is nothing to say there. */
export type PacketMaker = (name: string, family: 4 | 6) => Uint8Array | undefined;

/** The local links: what is sent leaves by every interface, what anybody there multicasts is received. */
export interface Link {
  send(make: PacketMaker): void;
  /** Sends what waits, then closes. */
  close(): Promise<void>;
}

/** Opens the groups of both families. Rejects when neither can be had. */
export async function openLink(filter: LinkFilter, events: LinkEvents): Promise<Link> {
  const opened = await Promise.allSettled(([4, 6] as const).map((family) => FamilyLink.open(family, filter, events)));
  const links = opened.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  if (links.length === 0) {
    throw new AggregateError(
      opened.map((outcome) => (outcome.status === "rejected" ? String(outcome.reason) : "")),
      "multicast is not possible here",
    );
  }
  return {
    send: (make) => links.forEach((link) => link.send(make)),
    close: async () => void (await Promise.all(links.map((link) => link.close()))),
  };
}

/** One family's socket, a member of the group on each interface. */
class FamilyLink {
  readonly #family: 4 | 6;
  readonly #socket: Socket;
  readonly #filter: LinkFilter;
  readonly #joined = new Set<string>();
  readonly #queue: PacketMaker[] = [];
  #sending: Promise<void> | undefined;
  #closed = false;

  static async open(family: 4 | 6, filter: LinkFilter, events: LinkEvents): Promise<FamilyLink> {
    const socket = createSocket({ type: family === 4 ? "udp4" : "udp6", reuseAddr: true, ipv6Only: family === 6 });
    try {
      await bind(socket, family);
      socket.setMulticastTTL(255); // RFC 6762 §11
      return new FamilyLink(family, socket, filter, events);
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  constructor(family: 4 | 6, socket: Socket, filter: LinkFilter, events: LinkEvents) {
    this.#family = family;
    this.#socket = socket;
    this.#filter = filter;
    socket.on("error", () => {}); // an interface went away; the others go on
    socket.on("message", (packet, from) => {
      if (isAcceptable(packet, from)) events.receive(packet, from.address.split("%")[1]);
    });
  }

  send(make: PacketMaker): void {
    if (this.#closed || this.#queue.length >= QUEUE) return;
    this.#queue.push(make);
    this.#sending ??= this.#drain();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#sending;
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }

  /** The interface is a setting of the socket, so packets leave one after another. */
  async #drain(): Promise<void> {
    for (let make = this.#queue.shift(); make !== undefined; make = this.#queue.shift()) {
      for (const { name, address } of this.#interfaces()) {
        const packet = make(name, this.#family);
        if (packet !== undefined) await this.#sendBy(address, packet);
      }
    }
    this.#sending = undefined;
  }

  #sendBy(address: string, packet: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      try {
        this.#join(address);
        this.#socket.setMulticastInterface(address);
        this.#socket.send(packet, PORT, GROUPS[this.#family], () => resolve());
      } catch {
        resolve(); // the interface can't multicast, or has just gone
      }
    });
  }

  #join(address: string): void {
    if (this.#joined.has(address)) return;
    this.#joined.add(address);
    this.#socket.addMembership(GROUPS[this.#family], address);
  }

  /** One address for each interface; looked up anew each time, as interfaces come and go. */
  #interfaces(): { name: string; address: string }[] {
    const wanted = Object.entries(networkInterfaces()).filter(([name]) => this.#filter(name, this.#family));
    return wanted.flatMap(([name, found]) => {
      const address = found?.find((one) => familyOf(one.address) === this.#family)?.address;
      if (address === undefined) return [];
      return [{ name, address: this.#family === 4 ? address : `::%${name}` }];
    });
  }
}

/**
 * Bound to the group's address it gets multicasts only, so answers to a resident daemon that shares the port still reach
 * that one. Windows can't bind to a group, and no system to one of IPv6 without naming an interface.
 */
function bind(socket: Socket, family: 4 | 6): Promise<void> {
  const address = family === 6 ? "::" : process.platform === "win32" ? "0.0.0.0" : GROUPS[family];
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ port: PORT, address }, () => {
      socket.off("error", reject);
      resolve();
    });
  });
}

/** The first bit of the flags says that it is a response. */
function isAcceptable(packet: Uint8Array, { port }: RemoteInfo): boolean {
  return packet.length <= PACKET_BYTES && (port === PORT || ((packet[2] ?? 0) & 0x80) === 0);
}
