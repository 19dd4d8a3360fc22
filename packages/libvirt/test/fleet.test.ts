import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Handlers, Server, type ServerClient } from "virnet/server";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Fleet, type FleetItem, type FleetIterator, fleet } from "../src/fleet.ts";
import { Remote, RemoteDomainEventCallbackLifecycle, type RemoteProcedures } from "../src/gen/remote.ts";
import { UriError } from "../src/index.ts";

const dom = { name: "web1", uuid: new Uint8Array(16).fill(0x11), id: 4 };
const options = { reconnect: { backoff: { initial: 1, max: 5, stable: 0 } } };

let folder: string;
const machines: Machine[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fleet-"));
});
afterEach(async () => {
  await Promise.all(machines.splice(0).map((machine) => machine.stop()));
  await rm(folder, { recursive: true, force: true });
});

/** A host with a libvirtd that starts and stops. */
class Machine {
  readonly name: string;
  readonly path: string;
  readonly uri: string;
  #server: Server | undefined;
  readonly #watching = new Set<ServerClient>();

  constructor(name: string) {
    this.name = name;
    this.path = join(folder, name);
    this.uri = `test+unix:///default?socket=${this.path}`;
    machines.push(this);
  }

  async start(): Promise<this> {
    this.#server = new Server({ name: "libvirtd" }).add(Remote, this.#handlers());
    await this.#server.listen({ path: this.path });
    return this;
  }

  async stop(): Promise<void> {
    await this.#server?.close({ signal: AbortSignal.abort() });
    this.#watching.clear();
  }

  get clients(): number {
    return [...(this.#server?.clients ?? [])].length;
  }

  raise(event: number): void {
    for (const client of this.#watching)
      client.emit(RemoteDomainEventCallbackLifecycle, { callbackID: 7, msg: { dom, event, detail: 0 } });
  }

  #handlers(): Handlers<RemoteProcedures> {
    return {
      authList: () => ({ types: [0] }),
      connectSupportsFeature: () => ({ supported: 1 }),
      connectOpen() {},
      connectClose: (_, { client }) => client.close(),
      connectGetHostname: () => ({ hostname: this.name }),
      connectDomainEventCallbackRegisterAny: (_, { client }) => {
        this.#watching.add(client);
        return { callbackID: 7 };
      },
      connectDomainEventCallbackDeregisterAny() {},
    };
  }
}

async function booted(...names: string[]): Promise<Machine[]> {
  return Promise.all(names.map((name) => new Machine(name).start()));
}

async function allOpen(hosts: Fleet): Promise<void> {
  await Promise.all([...hosts.hosts.values()].map(async ({ libvirt }) => libvirt.session?.opened()));
}

/** `name kind` of the next so many items. */
async function take(items: FleetIterator<FleetItem>, count: number): Promise<string[]> {
  const taken: string[] = [];
  while (taken.length < count) {
    const { value } = await items.next();
    if (value === undefined) throw new Error("the iteration has ended");
    taken.push(`${value.host.uri.split("/").at(-1)} ${value.item.kind}`);
  }
  return taken.toSorted();
}

describe("a fleet", () => {
  it("has a session to each host, and a dead one costs the others nothing", async () => {
    const [a, b] = await booted("a", "b");
    const dead = new Machine("dead");
    await using hosts = fleet(
      [a, b, dead].map((machine) => machine?.uri ?? ""),
      { ...options, atOnce: 1 },
    );
    expect(await hosts.hosts.get(a?.uri ?? "")?.libvirt.hostname()).toBe("a");
    expect(await hosts.hosts.get(b?.uri ?? "")?.libvirt.hostname()).toBe("b");
    const late = hosts.hosts.get(dead.uri)?.libvirt.hostname();
    await dead.start();
    expect(await late).toBe("dead");
  });

  it("merges events, each with its host, and tells of each that is there for the first time or again", async () => {
    const [a, b] = await booted("a", "b");
    if (a === undefined || b === undefined) throw new Error("no machines");
    await using hosts = fleet([a.uri, b.uri], options);
    const events = hosts.events({ kinds: ["domain-lifecycle"] });
    expect(await take(events, 2)).toEqual(["a resync", "b resync"]);
    a.raise(2);
    b.raise(5);
    expect(await take(events, 2)).toEqual(["a domain-lifecycle", "b domain-lifecycle"]);
    await a.stop();
    b.raise(2);
    expect(await take(events, 1)).toEqual(["b domain-lifecycle"]);
    await a.start();
    expect(await take(events, 1)).toEqual(["a resync"]);
    a.raise(2);
    expect(await take(events, 1)).toEqual(["a domain-lifecycle"]);
  });

  it("takes hosts in and out while it runs", async () => {
    const [a, b] = await booted("a", "b");
    if (a === undefined || b === undefined) throw new Error("no machines");
    await using hosts = fleet([a.uri], options);
    const events = hosts.events({ kinds: ["domain-lifecycle"] });
    expect(await take(events, 1)).toEqual(["a resync"]);
    expect(hosts.add(b.uri)).toBe(hosts.add(b.uri));
    expect(await take(events, 1)).toEqual(["b resync"]);
    await hosts.remove(a.uri);
    expect(await take(events, 1)).toEqual(["a ended"]);
    expect([...hosts.hosts.keys()]).toEqual([b.uri]);
    b.raise(2);
    expect(await take(events, 1)).toEqual(["b domain-lifecycle"]);
    await hosts.remove("unknown");
  });

  it("gives up a host that no attempt can reach, and no other", async () => {
    const [a] = await booted("a");
    await using hosts = fleet(["nonsense", a?.uri ?? ""], options);
    const events = hosts.events({ kinds: ["domain-lifecycle"] });
    await allOpen(hosts).catch(() => {});
    await hosts.hosts.get(a?.uri ?? "")?.libvirt.session?.opened();
    const state = hosts.hosts.get("nonsense")?.state;
    expect(state).toMatchObject({ state: "closed" });
    expect(state?.state === "closed" && state.error).toBeInstanceOf(UriError);
    expect(await take(events, 2)).toEqual(["a resync", "nonsense ended"]);
    const given = hosts.hosts.get("nonsense");
    expect(hosts.add("nonsense")).not.toBe(given);
    expect(await take(events, 1)).toEqual(["nonsense ended"]);
  });

  it("ends an iteration over events that can't be asked for, also at a host that comes later", async () => {
    const [a] = await booted("a");
    await using hosts = fleet([], options);
    const events = hosts.events({ limit: 0 });
    hosts.add(a?.uri ?? "");
    await expect(events.next()).rejects.toThrow(RangeError);
    await expect(hosts.events({ limit: 0 }).next()).rejects.toThrow(RangeError);
  });

  it("tells the states of all, to the end", async () => {
    const [a] = await booted("a");
    const hosts = fleet([a?.uri ?? ""], options);
    const seen: string[] = [];
    const watching = (async () => {
      for await (const { host, state } of hosts.states()) seen.push(`${host.uri.split("/").at(-1)} ${state.state}`);
    })();
    await allOpen(hosts);
    await hosts.close();
    await watching;
    expect(seen).toEqual(["connecting", "authenticating", "open", "draining", "closed"].map((state) => `a ${state}`));
    expect(() => hosts.add("test:///default")).toThrow(TypeError);
    const after = hosts.events();
    expect(await take(after, 1)).toEqual(["a ended"]);
    expect(await after.next()).toEqual({ value: undefined, done: true });
  });

  it("closes with its signal; iterations end with theirs", async () => {
    const [a] = await booted("a");
    const abort = new AbortController();
    const hosts = fleet([a?.uri ?? ""], { ...options, signal: abort.signal });
    await allOpen(hosts);
    const own = new AbortController();
    const events = hosts.events({ signal: own.signal });
    own.abort(new Error("enough"));
    await expect(
      (async () => {
        for await (const _ of events);
      })(),
    ).rejects.toThrow("enough");
    abort.abort();
    await hosts.close();
    expect(a?.clients).toBe(0);
    expect(() => fleet([], { signal: abort.signal })).toThrow("This operation was aborted");
  });
});
