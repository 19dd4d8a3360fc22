import { Client, ConnectionError, RpcError } from "virnet";
import { type Handlers, Server, type ServerClient } from "virnet/server";
import { memoryPair } from "virnet/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Domain } from "../../src/domain.ts";
import type { LaggedItem, LibvirtEvent, ResyncItem } from "../../src/events/event.ts";
import type { Events } from "../../src/events/subscription.ts";
import { Subscriptions } from "../../src/events/subscriptions.ts";
import * as remote from "../../src/gen/remote.ts";

const { Remote } = remote;

const web = { name: "web1", uuid: new Uint8Array(16).fill(0x11), id: 4 };
const db = { name: "db1", uuid: new Uint8Array(16).fill(0x22), id: 5 };

/** What the server was asked, in order. */
const asked: string[] = [];
/** What the next registrations wait for. */
let gate: Promise<void> = Promise.resolve();
let nextId = 0;

/** Registers everything, ids from 10. */
const registering: Handlers<remote.RemoteProcedures> = {
  async connectDomainEventCallbackRegisterAny({ eventID, dom }) {
    asked.push(`register ${eventID} ${dom?.name ?? "*"}`);
    await gate;
    return { callbackID: nextId++ };
  },
  async connectDomainEventCallbackDeregisterAny({ callbackID }) {
    await gate;
    asked.push(`deregister ${callbackID}`);
  },
  connectNetworkEventRegisterAny: () => ({ callbackID: nextId++ }),
  connectRegisterCloseCallback: () => undefined,
};

let server: Server;

beforeEach(() => {
  asked.length = 0;
  gate = Promise.resolve();
  nextId = 10;
});
afterEach(() => server.close());

/** A client of a server with these handlers. */
function connected(handlers: Handlers<remote.RemoteProcedures> = registering) {
  server = new Server({ name: "double", limits: { clientRequests: 100 } }).add(Remote, handlers);
  return joined();
}

/** Another client of the same server. */
function joined() {
  const [ours, theirs] = memoryPair();
  const at = server.accept(theirs) as ServerClient;
  return { client: new Client(ours), at };
}

function attached(handlers?: Handlers<remote.RemoteProcedures>, callbacks = true) {
  const { client, at } = connected(handlers);
  const subscriptions = new Subscriptions(client.program(Remote));
  void subscriptions.attach(client, { callbacks });
  return { client, at, subscriptions, domain: (dom = web) => new Domain(client.program(Remote), dom) };
}

function started(at: ServerClient, callbackID: number, dom = web): void {
  at.emit(remote.RemoteDomainEventCallbackLifecycle, { callbackID, msg: { dom, event: 2, detail: 0 } });
}

type Item = LibvirtEvent | LaggedItem | ResyncItem;

async function take(events: Events, count: number): Promise<Item[]> {
  const items: Item[] = [];
  for (let i = 0; i < count; i++) {
    const { value } = await events.next();
    if (value !== undefined) items.push(value);
  }
  return items;
}

/** Kinds and domains, which is what most tests are about. */
function brief(items: readonly Item[]): string[] {
  return items.map((item) => ("domain" in item ? `${item.kind} ${item.domain.name}` : item.kind));
}

async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe("registration", () => {
  it("is made at once, and taken back when the loop is left", async () => {
    const { at, subscriptions } = attached();
    const events = subscriptions.subscribe({ kinds: ["domain-lifecycle"] });
    await events.ready;
    started(at, 10);
    for await (const item of events) {
      expect(item).toMatchObject({
        kind: "domain-lifecycle",
        domain: { name: "web1", id: 4 },
        event: "started",
        detail: "booted",
        numbers: { event: 2, detail: 0 },
      });
      break;
    }
    expect(asked).toEqual(["register 0 *", "deregister 10"]);
    expect(subscriptions.size).toBe(0);
  });

  it("is on its way before the caller's next call", async () => {
    const { client, subscriptions } = attached({
      ...registering,
      domainCreate() {
        asked.push("create");
      },
    });
    const events = subscriptions.subscribe({ kinds: ["domain-lifecycle"] });
    await client.program(Remote).domainCreate({ dom: web });
    expect(asked).toEqual(["register 0 *", "create"]);
    await events.return();
  });

  it("is shared by all who want the same", async () => {
    const { at, subscriptions, domain } = attached();
    const all = Array.from({ length: 3 }, () => subscriptions.subscribe({ kinds: ["domain-lifecycle"] }));
    const one = subscriptions.subscribe({ kinds: ["domain-lifecycle"], domain: domain() });
    await Promise.all([...all, one].map(({ ready }) => ready));
    expect(asked).toEqual(["register 0 *", "register 0 web1"]);
    started(at, 10, db);
    started(at, 10, web);
    started(at, 11, web);
    for (const events of all) {
      expect(brief(await take(events, 2))).toEqual(["domain-lifecycle db1", "domain-lifecycle web1"]);
    }
    expect(brief(await take(one, 1))).toEqual(["domain-lifecycle web1"]);
    await all[0]?.return();
    await all[1]?.return();
    expect(asked).toHaveLength(2);
    await all[2]?.return();
    expect(asked).toEqual(["register 0 *", "register 0 web1", "deregister 10"]);
  });

  it("is not repeated while the one before is being taken back", async () => {
    const { at, subscriptions } = attached();
    const first = subscriptions.subscribe({ kinds: ["domain-reboot"] });
    await first.ready;
    let open = (): void => {};
    gate = new Promise((resolve) => {
      open = resolve;
    });
    const left = first.return();
    const second = subscriptions.subscribe({ kinds: ["domain-reboot"] });
    await settled();
    expect(asked).toEqual(["register 1 *"]);
    open();
    await Promise.all([left, second.ready]);
    expect(asked).toEqual(["register 1 *", "deregister 10", "register 1 *"]);
    at.emit(remote.RemoteDomainEventCallbackReboot, { callbackID: 11, msg: { dom: web } });
    expect(brief(await take(second, 1))).toEqual(["domain-reboot web1"]);
  });

  it("that was begun is taken back when its reader has left meanwhile", async () => {
    const { subscriptions } = attached();
    let open = (): void => {};
    gate = new Promise((resolve) => {
      open = resolve;
    });
    const events = subscriptions.subscribe({ kinds: ["domain-lifecycle"] });
    const left = events.return();
    open();
    await left;
    await events.ready;
    expect(asked).toEqual(["register 0 *", "deregister 10"]);
  });

  it("that the server refuses ends the iteration with why, and is not tried again", async () => {
    const { subscriptions } = attached({
      ...registering,
      connectDomainEventCallbackRegisterAny() {
        throw new RpcError("no");
      },
    });
    const events = subscriptions.subscribe({ kinds: ["domain-lifecycle", "network-lifecycle"] });
    await expect(events.ready).rejects.toThrow("no");
    await expect(events.next()).rejects.toThrow("no");
    expect(subscriptions.size).toBe(0);
  });

  it("of a group leaves out what the server does not have", async () => {
    const { at, subscriptions } = attached({
      ...registering,
      connectDomainEventCallbackRegisterAny({ eventID }) {
        if (eventID > 26) throw new RpcError(`unsupported event ID ${eventID}`);
        return { callbackID: eventID };
      },
    });
    const events = subscriptions.subscribe({});
    await events.ready;
    expect([...events.missing.keys()]).toEqual([
      "domain-nic-mac-change",
      "domain-vcpu-removed",
      "domain-channel-lifecycle",
      "pool-lifecycle",
      "pool-refresh",
      "node-device-lifecycle",
      "node-device-update",
      "secret-lifecycle",
      "secret-value-changed",
    ]);
    started(at, 0);
    at.emit(remote.RemoteConnectEventConnectionClosed, { reason: 2 });
    expect(await take(events, 2)).toMatchObject([
      { kind: "domain-lifecycle" },
      { kind: "connection-closed", reason: "keepalive", numbers: { reason: 2 } },
    ]);
  });
});

describe("nothing is lost", () => {
  it("of what overtakes the reply that names its callback, and others' messages are not taken for it", async () => {
    const { subscriptions, client } = attached({
      ...registering,
      connectDomainEventCallbackRegisterAny(_, { client: at }) {
        started(at, 8, db);
        started(at, 7, web);
        return { callbackID: 7 };
      },
    });
    const events = subscriptions.subscribe({ kinds: ["domain-lifecycle"] });
    await events.ready;
    expect(brief(await take(events, 1))).toEqual(["domain-lifecycle web1"]);
    expect(subscriptions.unknown).toBe(1);
    expect(client.unheardEvents).toBe(0);
  });

  it("nor turned around, over all kinds that are being registered", async () => {
    const { subscriptions } = attached({
      ...registering,
      connectDomainEventCallbackRegisterAny({ eventID }, { client: at }) {
        if (eventID === 0) started(at, 0);
        if (eventID === 0) at.emit(remote.RemoteDomainEventCallbackReboot, { callbackID: 1, msg: { dom: web } });
        if (eventID === 1) started(at, 0, db);
        return { callbackID: eventID };
      },
    });
    const events = subscriptions.subscribe({ kinds: ["domain-lifecycle", "domain-reboot"] });
    await events.ready;
    expect(brief(await take(events, 3))).toEqual([
      "domain-lifecycle web1",
      "domain-reboot web1",
      "domain-lifecycle db1",
    ]);
  });

  it("but what waits for a reply that does not come is bounded, and holds nobody up for ever", async () => {
    const { client, subscriptions } = attached({
      ...registering,
      async connectDomainEventCallbackRegisterAny({ eventID }, { client: at }) {
        if (eventID === 0) return { callbackID: 0 };
        started(at, 0);
        for (let i = 0; i < 1100; i++) {
          at.emit(remote.RemoteDomainEventCallbackReboot, { callbackID: 99, msg: { dom: web } });
        }
        started(at, 0, db);
        return new Promise(() => {});
      },
    });
    const lifecycle = subscriptions.subscribe({ kinds: ["domain-lifecycle"] });
    await lifecycle.ready;
    const reboots = subscriptions.subscribe({ kinds: ["domain-reboot"] });
    expect(brief(await take(lifecycle, 1))).toEqual(["domain-lifecycle web1"]);
    await vi.waitFor(() => expect(subscriptions.unknown).toBe(1025));
    subscriptions.end();
    expect(await reboots.next()).toEqual({ value: undefined, done: true });
    await client.close();
  });

  it("before or after the reply of the call that caused it", async () => {
    const { client, subscriptions } = attached({
      ...registering,
      domainCreate(_, { client: at }) {
        started(at, 10);
      },
      async domainResume(_, { client: at }) {
        setImmediate(() => started(at, 10, db));
      },
    });
    const events = subscriptions.subscribe({ kinds: ["domain-lifecycle"] });
    await events.ready;
    await client.program(Remote).domainCreate({ dom: web });
    await client.program(Remote).domainResume({ dom: db });
    expect(brief(await take(events, 2))).toEqual(["domain-lifecycle web1", "domain-lifecycle db1"]);
  });
});

describe("a domain's events", () => {
  it("are of no other domain, even when the server sends those", async () => {
    const { at, subscriptions, domain } = attached();
    const events = subscriptions.subscribe({ kinds: ["domain-lifecycle"], domain: domain() });
    await events.ready;
    started(at, 10, db);
    started(at, 10, web);
    expect(brief(await take(events, 1))).toEqual(["domain-lifecycle web1"]);
  });

  it("are asked for in all kinds that domains have", async () => {
    const { subscriptions, domain } = attached();
    await subscriptions.subscribe({ domain: domain() }).ready;
    expect(asked).toEqual(Array.from({ length: 30 }, (_, id) => `register ${id} web1`));
  });

  it("can't be asked for where there are none", () => {
    const { subscriptions, domain } = attached();
    expect(() => subscriptions.subscribe({ kinds: ["domain", "pool-refresh"], domain: domain() })).toThrow(
      new TypeError("events of kind pool-refresh have no domain"),
    );
  });
});

describe("servers without callback ids", () => {
  const old: Handlers<remote.RemoteProcedures> = {
    connectDomainEventRegister() {
      asked.push("register");
      return { cbRegistered: 1 };
    },
    connectDomainEventDeregister() {
      asked.push("deregister");
      return { cbRegistered: 0 };
    },
    connectDomainEventRegisterAny({ eventID }) {
      asked.push(`register any ${eventID}`);
    },
  };

  it("are asked in the old style, once for a kind, and filtered here", async () => {
    const { at, subscriptions, domain } = attached(old, false);
    const all = subscriptions.subscribe({ kinds: ["domain-lifecycle", "domain-reboot"] });
    const one = subscriptions.subscribe({ kinds: ["domain-lifecycle"], domain: domain() });
    await Promise.all([all.ready, one.ready]);
    expect(asked).toEqual(["register", "register any 1"]);
    at.emit(remote.RemoteDomainEventLifecycle, { dom: db, event: 5, detail: 1 });
    at.emit(remote.RemoteDomainEventLifecycle, { dom: web, event: 5, detail: 99 });
    at.emit(remote.RemoteDomainEventReboot, { dom: web });
    expect(await take(all, 3)).toMatchObject([
      { kind: "domain-lifecycle", domain: { name: "db1" }, event: "stopped", detail: "destroyed" },
      { domain: { name: "web1" }, event: "stopped", detail: "unknown", numbers: { event: 5, detail: 99 } },
      { kind: "domain-reboot" },
    ]);
    expect(brief(await take(one, 1))).toEqual(["domain-lifecycle web1"]);
    await all.return();
    expect(asked).not.toContain("deregister");
    await one.return();
    expect(asked).toContain("deregister");
  });

  it("have no newer kinds", async () => {
    const { subscriptions } = attached(old, false);
    await expect(subscriptions.subscribe({ kinds: ["domain-tunable"] }).ready).rejects.toThrow(
      "the server is too old for events of kind domain-tunable",
    );
  });
});

describe("a reader who is late", () => {
  it("learns how many events `dropOldest` has thrown away, in their place", async () => {
    const { at, subscriptions, client } = attached();
    const events = subscriptions.subscribe({ kinds: ["domain-lifecycle"], limit: 2, overflow: "dropOldest" });
    await events.ready;
    for (let i = 0; i < 5; i++) started(at, 10, { ...web, id: i });
    await client.program(Remote).connectRegisterCloseCallback(undefined);
    expect(events.dropped).toBe(3);
    expect(await take(events, 3)).toMatchObject([
      { kind: "lagged", lost: 3 },
      { domain: { id: 3 } },
      { domain: { id: 4 } },
    ]);
  });

  it("gets an error with `error`, after what is kept, and is deregistered", async () => {
    const { at, subscriptions } = attached();
    const events = subscriptions.subscribe({ kinds: ["domain-lifecycle"], limit: 2 });
    await events.ready;
    for (let i = 0; i < 3; i++) started(at, 10);
    await vi.waitFor(() => expect(asked).toContain("deregister 10"));
    expect(brief(await take(events, 2))).toHaveLength(2);
    await expect(events.next()).rejects.toThrow("the reader is 2 items behind");
  });

  it("misses nothing with `block`, while calls go on", async () => {
    const { at, subscriptions, client } = attached();
    const events = subscriptions.subscribe({ kinds: ["domain-lifecycle"], limit: 10, overflow: "block" });
    await events.ready;
    for (let i = 0; i < 500; i++) started(at, 10, { ...web, id: i });
    await settled();
    // Replies are behind 500 events, of which 10 are taken in while nobody waits, and 160 while calls do.
    const call = client.program(Remote).connectRegisterCloseCallback(undefined);
    const items = await take(events, 500);
    expect(items.map((item) => ("domain" in item ? item.domain.id : item.kind))).toEqual(items.map((_, i) => i));
    await call;
  });

  it("with `block` holds up no call whose reply is near", async () => {
    const { at, subscriptions, client } = attached();
    const events = subscriptions.subscribe({ kinds: ["domain-lifecycle"], limit: 10, overflow: "block" });
    await events.ready;
    for (let i = 0; i < 100; i++) started(at, 10);
    await settled();
    for (let i = 0; i < 20; i++) await client.program(Remote).connectRegisterCloseCallback(undefined);
    expect(await take(events, 100)).toHaveLength(100);
    await events.return();
  });

  it("with `block` may leave, and the connection goes on", async () => {
    const { at, subscriptions, client } = attached();
    const events = subscriptions.subscribe({ kinds: ["domain-lifecycle"], limit: 1, overflow: "block" });
    await events.ready;
    for (let i = 0; i < 1000; i++) started(at, 10);
    await settled();
    await events.return();
    await client.program(Remote).connectRegisterCloseCallback(undefined);
    expect(client.streamBytes).toBe(0);
  });
});

describe("another connection", () => {
  it("has all that is alive registered anew, and a resync in each", async () => {
    const { client, at, subscriptions } = attached();
    const lifecycle = subscriptions.subscribe({ kinds: ["domain-lifecycle"] });
    const reboots = subscriptions.subscribe({ kinds: ["domain-reboot"], overflow: "block" });
    const left = subscriptions.subscribe({ kinds: ["domain-tunable"] });
    await Promise.all([lifecycle.ready, reboots.ready, left.ready]);
    started(at, 10);
    await settled();
    await left.return();
    at.disconnect(new ConnectionError("gone", "closed"));
    await client.closed;
    subscriptions.detach();
    const late = subscriptions.subscribe({ kinds: ["domain-lifecycle"] });
    asked.length = 0;
    const again = joined();
    await subscriptions.attach(again.client, { callbacks: true });
    subscriptions.resync();
    await late.ready;
    expect(asked).toEqual(["register 0 *", "register 1 *"]);
    started(again.at, 13, db);
    expect(brief(await take(lifecycle, 3))).toEqual(["domain-lifecycle web1", "resync", "domain-lifecycle db1"]);
    expect(brief(await take(late, 1))).toEqual(["domain-lifecycle db1"]);
    expect(brief(await take(reboots, 1))).toEqual(["resync"]);
  });

  it("that goes while registering leaves iterations waiting for the next", async () => {
    const { client } = connected();
    const subscriptions = new Subscriptions(client.program(Remote));
    const first = subscriptions.attach(client, { callbacks: true });
    gate = new Promise(() => {});
    const events = subscriptions.subscribe({ kinds: ["domain-lifecycle"] });
    await client.close();
    await first;
    gate = Promise.resolve();
    const again = joined();
    await subscriptions.attach(again.client, { callbacks: true });
    await events.ready;
    started(again.at, 10);
    expect(brief(await take(events, 1))).toEqual(["domain-lifecycle web1"]);
  });

  it("will not come: iterations end with what they have and why", async () => {
    const { at, client, subscriptions } = attached();
    const events = subscriptions.subscribe({ kinds: ["domain-lifecycle"] });
    await events.ready;
    started(at, 10);
    await client.program(Remote).connectRegisterCloseCallback(undefined);
    subscriptions.end(new ConnectionError("gone", "eof"));
    expect(brief(await take(events, 1))).toEqual(["domain-lifecycle web1"]);
    await expect(events.next()).rejects.toThrow("gone");
    await expect(subscriptions.subscribe({ kinds: ["domain"] }).next()).rejects.toThrow("gone");
  });
});

describe("an iteration", () => {
  it("ends with its signal's reason, at once when that has aborted before", async () => {
    const { subscriptions } = attached();
    const abort = new AbortController();
    const events = subscriptions.subscribe({ kinds: ["domain-lifecycle"], signal: abort.signal });
    await events.ready;
    abort.abort(new Error("enough"));
    await expect(events.next()).rejects.toThrow("enough");
    await vi.waitFor(() => expect(asked).toEqual(["register 0 *", "deregister 10"]));
    const late = subscriptions.subscribe({ kinds: ["domain-lifecycle"], signal: abort.signal });
    await expect(late.ready).rejects.toThrow("enough");
    expect(subscriptions.size).toBe(0);
  });

  it("that was left gives nothing more", async () => {
    const { at, subscriptions } = attached();
    const events = subscriptions.subscribe({ kinds: ["domain-lifecycle"] });
    await events.ready;
    started(at, 10);
    await events.return();
    expect(await events.next()).toEqual({ value: undefined, done: true });
  });

  it.each([
    [{ kinds: [] }, "events of no kind were asked for"],
    [{ kinds: ["lifecycle" as "domain"] }, 'there are no events of kind "lifecycle"'],
    [{ limit: 0 }, "queue limit is 0, expected at least 1"],
  ])("refuses %j", (options, message) => {
    const { subscriptions } = attached();
    expect(() => subscriptions.subscribe(options)).toThrow(message);
  });
});
