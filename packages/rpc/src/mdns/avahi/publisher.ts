import type { Entry, PublishEvents, Publisher } from "../backend.ts";
import { alternativeName } from "../instance-name.ts";
import type { Place } from "../places.ts";
import { textStrings } from "../txt.ts";
import type { AvahiBus, BusCall } from "./bus.ts";
import { AvahiSession } from "./session.ts";

/** States of the daemon, and of an entry group (avahi-common/defs.h). */
const SERVER_RUNNING = 2;
const GROUP_ESTABLISHED = 2;
const GROUP_COLLISION = 3;
const GROUP_FAILURE = 4;
const UNSPECIFIED = -1;
/** Milliseconds until a registration that the daemon refused is tried again. */
const RETRY_MS = 5000;

/**
 * Keeps `entry` registered with the Avahi daemon. `undefined` when the daemon isn't there now and `patient` is not set:
 * a patient one waits for it. Rejects without the package for D-Bus.
 */
export async function publishWithAvahi(
  entry: Entry,
  events: PublishEvents,
  patient: boolean,
): Promise<Publisher | undefined> {
  const publisher = new AvahiPublisher(entry, events);
  if (await publisher.start()) return publisher;
  if (patient) {
    events.notice("Avahi is not there; waiting for it");
    return publisher;
  }
  await publisher.close();
  return undefined;
}

/** One entry group, registered anew whenever the daemon forgets it. */
class AvahiPublisher implements Publisher {
  readonly backend = "avahi";
  readonly #entry: Entry;
  readonly #events: PublishEvents;
  readonly #session: AvahiSession;
  #name: string;
  #bus: AvahiBus | undefined;
  #group = "";
  /** Counts registrations: the steps of one that was overtaken end themselves. */
  #round = 0;
  #retry: NodeJS.Timeout | undefined;

  constructor(entry: Entry, events: PublishEvents) {
    this.#entry = entry;
    this.#name = entry.name;
    this.#events = events;
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
    this.#forget();
    const bus = this.#bus;
    if (this.#group !== "") await bus?.call(this.#groupCall("Free")).catch(() => {}); // gone with the daemon
    await this.#session.close();
  }

  #up(bus: AvahiBus): void {
    this.#bus = bus;
    void this.#register();
  }

  #down(): void {
    this.#forget();
    this.#bus = undefined;
    this.#group = "";
    this.#events.notice(`Avahi is gone; "${this.#name}" is advertised again when it is back`);
  }

  #signal(path: string, member: string, body: readonly unknown[]): void {
    if (member !== "StateChanged") return;
    if (path === "/") this.#serverState(Number(body[0]));
    else if (path === this.#group) void this.#groupState(Number(body[0]), String(body[1]));
  }

  /** Outside RUNNING the daemon's host name is in doubt, and it wants no entries (Avahi's own examples). */
  #serverState(state: number): void {
    if (state === SERVER_RUNNING) void this.#register();
    else void this.#reset();
  }

  async #groupState(state: number, error: string): Promise<void> {
    if (state === GROUP_ESTABLISHED) this.#events.established(this.#name);
    else if (state === GROUP_COLLISION) await this.#rename();
    else if (state === GROUP_FAILURE) this.#failed(new Error(error));
  }

  async #register(): Promise<void> {
    const round = this.#forget();
    try {
      await this.#add(round);
    } catch (error) {
      if (round !== this.#round) return;
      if (isCollision(error)) await this.#rename();
      else this.#failed(error);
    }
  }

  /** All entries into one group, then the commit. */
  async #add(round: number): Promise<void> {
    const bus = this.#bus;
    if (bus === undefined || !(await isRunning(bus)) || round !== this.#round) return;
    if (this.#group === "") this.#group = await newGroup(bus);
    else await bus.call(this.#groupCall("Reset"));
    for (const place of this.#entry.places) {
      if (round !== this.#round) return;
      await bus.call(this.#groupCall("AddService", "iiussssqaay", await this.#arguments(bus, place)));
    }
    if (round === this.#round) await bus.call(this.#groupCall("Commit"));
  }

  async #arguments(bus: AvahiBus, place: Place): Promise<unknown[]> {
    const { type, port, txt } = this.#entry;
    const index = place.interface === undefined ? UNSPECIFIED : await interfaceIndex(bus, place.interface);
    const family = place.family === undefined ? UNSPECIFIED : place.family === 6 ? 1 : 0;
    const strings = textStrings(txt).map((bytes) => Buffer.from(bytes));
    return [index, family, 0, this.#name, type, "", "", port, strings];
  }

  async #rename(): Promise<void> {
    const taken = this.#name;
    const [name] =
      (await this.#bus
        ?.call({ path: "/", interface: "Server", member: "GetAlternativeServiceName", signature: "s", body: [taken] })
        .catch(() => [])) ?? [];
    this.#name = typeof name === "string" ? name : alternativeName(taken);
    this.#events.notice(`the name "${taken}" is taken; trying "${this.#name}"`);
    await this.#register();
  }

  async #reset(): Promise<void> {
    this.#forget();
    if (this.#group !== "") await this.#bus?.call(this.#groupCall("Reset")).catch(() => {}); // gone with the daemon
  }

  #failed(error: unknown): void {
    if (this.#bus === undefined) return;
    const reason = error instanceof Error ? error.message : String(error);
    this.#events.notice(`Avahi refused "${this.#name}" (${reason}); it is tried again`);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#register(), RETRY_MS);
  }

  /** Ends what is under way. */
  #forget(): number {
    clearTimeout(this.#retry);
    return ++this.#round;
  }

  #groupCall(member: string, signature = "", body: readonly unknown[] = []): BusCall {
    return { path: this.#group, interface: "EntryGroup", member, signature, body };
  }
}

async function isRunning(bus: AvahiBus): Promise<boolean> {
  const [state] = await bus.call({ path: "/", interface: "Server", member: "GetState" });
  return state === SERVER_RUNNING;
}

async function newGroup(bus: AvahiBus): Promise<string> {
  const [path] = await bus.call({ path: "/", interface: "Server", member: "EntryGroupNew" });
  return String(path);
}

async function interfaceIndex(bus: AvahiBus, name: string): Promise<number> {
  const member = "GetNetworkInterfaceIndexByName";
  const [index] = await bus.call({ path: "/", interface: "Server", member, signature: "s", body: [name] });
  return Number(index);
}

function isCollision(error: unknown): boolean {
  return error instanceof Error && "dbusName" in error && error.dbusName === "org.freedesktop.Avahi.CollisionError";
}
