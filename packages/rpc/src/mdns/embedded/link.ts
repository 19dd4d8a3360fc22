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
  /** A packet from a responder; `zone` is the interface it came in by, where that is known. */
  receive(packet: Uint8Array, zone: string | undefined): void;
}

/** The local links: what is sent leaves by every interface, what anybody there multicasts is received. */
export interface Link {
  send(packet: Uint8Array): void;
  close(): Promise<void>;
}

/** Opens the groups of both families. Rejects when neither can be had. */
export async function openLink(interfaces: readonly string[] | undefined, events: LinkEvents): Promise<Link> {
  const opened = await Promise.allSettled(
    ([4, 6] as const).map((family) => FamilyLink.open(family, interfaces, events)),
  );
  const links = opened.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  if (links.length === 0) {
    throw new AggregateError(
      opened.map((outcome) => (outcome.status === "rejected" ? String(outcome.reason) : "")),
      "multicast is not possible here",
    );
  }
  return {
    send: (packet) => links.forEach((link) => link.send(packet)),
    close: async () => void (await Promise.all(links.map((link) => link.close()))),
  };
}

/** One family's socket, a member of the group on each interface. */
class FamilyLink {
  readonly #family: 4 | 6;
  readonly #socket: Socket;
  readonly #interfaces: readonly string[] | undefined;
  readonly #joined = new Set<string>();
  readonly #queue: Uint8Array[] = [];
  #sending = false;
  #closed = false;

  static async open(family: 4 | 6, interfaces: readonly string[] | undefined, events: LinkEvents): Promise<FamilyLink> {
    const socket = createSocket({ type: family === 4 ? "udp4" : "udp6", reuseAddr: true });
    try {
      await bind(socket, family);
      socket.setMulticastTTL(255); // RFC 6762 §11
      return new FamilyLink(family, socket, interfaces, events);
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  constructor(family: 4 | 6, socket: Socket, interfaces: readonly string[] | undefined, events: LinkEvents) {
    this.#family = family;
    this.#socket = socket;
    this.#interfaces = interfaces;
    socket.on("error", () => {}); // an interface went away; the others go on
    socket.on("message", (packet, from) => {
      if (isResponder(packet, from)) events.receive(packet, from.address.split("%")[1]);
    });
  }

  send(packet: Uint8Array): void {
    if (this.#closed || this.#queue.length >= QUEUE) return;
    this.#queue.push(packet);
    if (!this.#sending) void this.#drain();
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#queue.length = 0;
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  /** The interface is a setting of the socket, so packets leave one after another. */
  async #drain(): Promise<void> {
    this.#sending = true;
    for (let packet = this.#queue.shift(); packet !== undefined; packet = this.#queue.shift()) {
      for (const address of this.#addresses()) if (!this.#closed) await this.#sendBy(address, packet);
    }
    this.#sending = false;
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
  #addresses(): string[] {
    const all = Object.entries(networkInterfaces());
    const wanted = all.filter(([name]) => this.#interfaces?.includes(name) ?? true);
    return wanted.flatMap(([name, found]) => {
      const address = found?.find((one) => familyOf(one.address) === this.#family)?.address;
      if (address === undefined) return [];
      return [this.#family === 4 ? address : `::%${name}`];
    });
  }
}

/**
 * Bound to the group's address it gets multicasts only, so answers to a resident daemon that shares the port still reach
 * that one. Windows can't bind to a group.
 */
function bind(socket: Socket, family: 4 | 6): Promise<void> {
  const address = process.platform === "win32" ? (family === 4 ? "0.0.0.0" : "::") : GROUPS[family];
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ port: PORT, address }, () => {
      socket.off("error", reject);
      resolve();
    });
  });
}

/** Answers of multicast DNS come from its port, all others are forged (RFC 6762 §6). */
function isResponder(packet: Uint8Array, { port }: RemoteInfo): boolean {
  return port === PORT && packet.length <= PACKET_BYTES;
}
