import type { createClient as CreateClient, Message, MessageBus } from "dbus-native";
import { optionalPackage } from "../../util/optional-package.ts";

const AVAHI = "org.freedesktop.Avahi";
const DBUS = "org.freedesktop.DBus";
const SIGNAL = 4;
/** Milliseconds until a call is given up. */
const CALL_MS = 5000;

export interface BusEvents {
  /** A signal of the Avahi daemon. */
  signal(path: string, member: string, body: readonly unknown[]): void;
  /** The daemon is there, or isn't any more. */
  owner(present: boolean): void;
  /** The bus is gone; nothing follows. */
  closed(): void;
}

/** One method of an object of the daemon's; `interface` without the common prefix. */
export interface BusCall {
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature?: string;
  readonly body?: readonly unknown[];
}

type Answer = (error: Error | undefined, values: readonly unknown[]) => void;

/** A connection to the system bus for talking with the Avahi daemon. */
export class AvahiBus {
  readonly #bus: MessageBus;
  readonly #events: BusEvents;
  #owner = "";
  #closed = false;

  /** Takes a bus that is connected; see {@link openAvahiBus}. */
  constructor(bus: MessageBus, events: BusEvents) {
    this.#bus = bus;
    this.#events = events;
    bus.connection.on("error", () => {}); // "close" follows it
    bus.connection.on("handlerError", () => {}); // it comes from a message that is not what Avahi sends
    bus.connection.on("close", () => this.#close());
    bus.connection.on("message", (message) => this.#receive(message));
  }

  /** Subscribes to the daemon's signals and finds out whether it is there, starting it where the bus can. */
  async subscribe(): Promise<void> {
    await this.#callBus("AddMatch", "s", `type='signal',sender='${AVAHI}'`);
    await this.#callBus("AddMatch", "s", `type='signal',sender='${DBUS}',member='NameOwnerChanged',arg0='${AVAHI}'`);
    await this.call({ path: "/", interface: "Server", member: "GetState" }).catch(() => {}); // the bus may start it now
    const [owner] = await this.#callBus("GetNameOwner", "s", AVAHI).catch(() => [""]);
    this.#setOwner(String(owner));
  }

  /** The values that a method returns. Rejects with the error it answers, and after five seconds. */
  call(call: BusCall): Promise<readonly unknown[]> {
    return new Promise((resolve, reject) => {
      this.send(call, (error, values) => (error === undefined ? resolve(values) : reject(error)));
    });
  }

  /** The same with a callback, which runs before any signal that follows the answer: no promise could. */
  send({ path, interface: name, member, signature = "", body = [] }: BusCall, answer: Answer): void {
    this.#invoke(
      { destination: AVAHI, path, interface: `${AVAHI}.${name}`, member, signature, body: [...body] },
      answer,
    );
  }

  async close(): Promise<void> {
    await this.#bus.close();
    this.#close();
  }

  #callBus(member: string, signature: string, ...body: unknown[]): Promise<readonly unknown[]> {
    return new Promise((resolve, reject) => {
      const call = { destination: DBUS, path: "/org/freedesktop/DBus", interface: DBUS, member, signature, body };
      this.#invoke(call, (error, values) => (error === undefined ? resolve(values) : reject(error)));
    });
  }

  #invoke(message: Message, answer: Answer): void {
    try {
      this.#bus.invoke(message, { timeout: CALL_MS }, (error, ...values: unknown[]) =>
        answer(error ?? undefined, values),
      );
    } catch (error) {
      answer(error instanceof Error ? error : new Error(String(error)), []); // a value that D-Bus can't carry
    }
  }

  #receive({ type, sender, path, interface: name, member, body }: Message): void {
    if (type !== SIGNAL || path === undefined || member === undefined) return;
    if (sender === DBUS && member === "NameOwnerChanged" && body?.[0] === AVAHI) this.#setOwner(String(body[2]));
    else if (sender === this.#owner && name?.startsWith(AVAHI) === true) this.#events.signal(path, member, body ?? []);
  }

  #setOwner(owner: string): void {
    if (owner === this.#owner) return;
    if (this.#owner !== "") this.#events.owner(false);
    this.#owner = owner;
    if (owner !== "") this.#events.owner(true);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events.closed();
  }
}

/** Connects to the system bus: `DBUS_SYSTEM_BUS_ADDRESS`, else where it usually is. Rejects when nobody answers. */
export async function openAvahiBus(events: BusEvents): Promise<AvahiBus> {
  const { createClient } = await optionalPackage("dbus-native", "mDNS through Avahi", loadDbus);
  const busAddress = process.env["DBUS_SYSTEM_BUS_ADDRESS"] ?? "unix:path=/run/dbus/system_bus_socket";
  const bus = createClient({ busAddress, timeout: CALL_MS });
  await connected(bus);
  return new AvahiBus(bus, events);
}

async function loadDbus(): Promise<{ createClient: typeof CreateClient }> {
  const module = await import("dbus-native");
  return module.default ?? module; // it is CommonJS
}

function connected(bus: MessageBus): Promise<void> {
  return new Promise((resolve, reject) => {
    const { connection } = bus;
    const failed = (cause?: Error): void =>
      settle(() => reject(new Error("the system bus does not answer", { cause })));
    const timer = setTimeout(() => {
      failed();
      connection.end();
    }, CALL_MS);
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      finish();
    };
    connection.on("error", failed);
    connection.on("close", failed);
    connection.on("connect", () => settle(resolve));
  });
}
