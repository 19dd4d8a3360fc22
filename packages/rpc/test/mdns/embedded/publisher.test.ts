import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Entry } from "../../../src/mdns/backend.ts";
import {
  type DnsMessage,
  decodeMessage,
  encodeProbe,
  encodeQuery,
  encodeResponse,
  RecordType,
} from "../../../src/mdns/dns/message.ts";
import { Claim } from "../../../src/mdns/embedded/claim.ts";
import { EmbeddedPublisher } from "../../../src/mdns/embedded/publisher.ts";
import { interfaceAddresses, outwardInterfaces } from "../../../src/mdns/places.ts";

const typeName = "_libvirt._tcp.local";
const entry: Entry = {
  type: "_libvirt._tcp",
  name: "a b.c",
  port: 16509,
  txt: { k: "v" },
  places: [{}],
  hostname: "kvm1",
};
const on = outwardInterfaces()[0] ?? "lo";

class World {
  readonly names: string[] = [];
  readonly notices: string[] = [];
  readonly publisher: EmbeddedPublisher;
  readonly #sent: Uint8Array[] = [];

  constructor(parts: Partial<Entry> = {}) {
    const events = {
      established: (name: string) => void this.names.push(name),
      notice: (text: string) => void this.notices.push(text),
    };
    this.publisher = new EmbeddedPublisher({ ...entry, ...parts }, events);
    const send = (make: (name: string, family: 4 | 6) => Uint8Array | undefined): void => {
      const packet = make(on, 4);
      if (packet === undefined) return;
      this.#sent.push(packet);
      this.publisher.receive(packet); // as multicast does
    };
    this.publisher.start({ send, close: async () => {} });
  }

  get sent(): DnsMessage[] {
    return this.#sent.splice(0).map(decodeMessage);
  }
}

describe("EmbeddedPublisher", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("asks three times, announces three times, and is known under its name", () => {
    const world = new World();
    vi.advanceTimersByTime(990);
    expect(world.sent.map(({ isResponse }) => isResponse).slice(0, 3)).toEqual([false, false, false]);
    vi.advanceTimersByTime(5000);
    const said = world.sent.filter(({ isResponse }) => isResponse);
    expect(said.length).toBeGreaterThanOrEqual(2);
    expect(said.length).toBeLessThanOrEqual(3);
    expect(world.names).toEqual(["a b.c"]);
    const addresses = interfaceAddresses(on).map((address): unknown =>
      expect.objectContaining({ name: "kvm1.local", address }),
    );
    expect(said[0]?.records).toEqual([
      expect.objectContaining({ name: typeName, flush: false, target: String.raw`a b\.c.${typeName}` }),
      expect.objectContaining({ name: "_services._dns-sd._udp.local", target: typeName }),
      expect.objectContaining({ type: RecordType.srv, flush: true, port: 16509, target: "kvm1.local" }),
      expect.objectContaining({ type: RecordType.txt, flush: true }),
      ...addresses,
    ]);
  });

  it("takes another name when somebody answers for its own", () => {
    const world = new World();
    vi.advanceTimersByTime(260);
    const other = new Claim({ ...entry, port: 1 }, entry.name, "kvm2");
    world.publisher.receive(encodeResponse(other.unique("")));
    vi.advanceTimersByTime(2000);
    expect(world.names).toEqual(["a b.c #2"]);
    expect(world.notices).toEqual(['the name "a b.c" is taken; trying "a b.c #2"']);
  });

  it("asks again when somebody claims the name it has, and keeps it should nobody insist", () => {
    const world = new World();
    vi.advanceTimersByTime(5000);
    world.publisher.receive(encodeResponse(new Claim({ ...entry, port: 1 }, entry.name, "kvm2").unique("")));
    vi.advanceTimersByTime(5000);
    expect(world.names).toEqual(["a b.c", "a b.c"]);
  });

  it("slows down when every name is denied", () => {
    const world = new World();
    const until = Date.now() + 60_000;
    let last = "";
    while (Date.now() < until) {
      const name = world.notices.at(-1)?.split('"').at(-2) ?? entry.name;
      if (name !== last)
        world.publisher.receive(encodeResponse(new Claim({ ...entry, port: 1 }, name, "kvm2").unique("")));
      last = name;
      vi.advanceTimersByTime(250);
    }
    expect(world.notices.length).toBeLessThan(300);
  });

  it("gives way to one that wants the name at the same time and has the greater data", () => {
    const probe = (port: number): Uint8Array => {
      const claim = new Claim({ ...entry, port }, entry.name, "kvm2");
      return encodeProbe([claim.fullName], claim.unique(""));
    };
    for (const [port, after] of [
      [16510, 0],
      [16508, 1],
    ] as const) {
      const world = new World();
      vi.advanceTimersByTime(300);
      world.publisher.receive(probe(port));
      vi.advanceTimersByTime(750);
      expect(world.names).toHaveLength(after);
      void world.publisher.close();
    }
  });

  it.each([
    ["its type", typeName, RecordType.ptr],
    ["all types", "_services._dns-sd._udp.local", RecordType.ptr],
    ["its place", String.raw`A B\.c.${typeName}`, RecordType.srv],
    ["its text", String.raw`a b\.c.${typeName}`, RecordType.txt],
    ["its host", "KVM1.local", RecordType.aaaa],
  ])("answers who asks for %s, within 120 ms", (_, name, type) => {
    const world = new World();
    vi.advanceTimersByTime(10_000);
    expect(world.sent.length).toBeGreaterThan(0);
    world.publisher.receive(encodeQuery([{ name, type }]));
    vi.advanceTimersByTime(120);
    expect(world.sent.map(({ records }) => records.length > 3)).toEqual([true]);
  });

  it("says nothing to others, to one who knows, and nothing twice in a second", () => {
    const world = new World();
    vi.advanceTimersByTime(10_000);
    expect(world.sent.length).toBeGreaterThan(0);
    const known = { name: typeName, target: String.raw`a b\.c.${typeName}`, ttl: 4000 };
    world.publisher.receive(encodeQuery([{ name: "_http._tcp.local", type: RecordType.ptr }]));
    world.publisher.receive(encodeQuery([{ name: typeName, type: RecordType.ptr }], [known]));
    vi.advanceTimersByTime(5000);
    expect(world.sent).toEqual([]);
    for (let i = 0; i < 1000; i++) {
      world.publisher.receive(encodeQuery([{ name: typeName, type: RecordType.ptr }]));
      vi.advanceTimersByTime(3);
    }
    expect(world.sent.length).toBeLessThanOrEqual(4);
  });

  it("says goodbye, and leaves no timer", async () => {
    const world = new World();
    vi.advanceTimersByTime(10_000);
    expect(world.sent.length).toBeGreaterThan(0);
    await world.publisher.close();
    expect(world.sent.map(({ records }) => records.every(({ ttl }) => ttl === 0))).toEqual([true]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("repeats itself when somebody says goodbye in its name", () => {
    const world = new World();
    vi.advanceTimersByTime(10_000);
    expect(world.sent.length).toBeGreaterThan(0);
    const gone = new Claim(entry, entry.name, "kvm1").pointer;
    world.publisher.receive(encodeResponse([{ ...gone, ttl: 0 }]));
    vi.advanceTimersByTime(1100);
    expect(world.sent).toHaveLength(1);
  });

  it("survives any packet at any time", () => {
    const claim = new Claim({ ...entry, port: 1 }, entry.name, "kvm1");
    const goods = [
      encodeResponse(claim.records("")),
      encodeProbe([claim.fullName], claim.unique("")),
      encodeQuery([{ name: typeName, type: 12 }]),
    ];
    const change = fc.tuple(fc.nat({ max: 200 }), fc.integer({ min: 0, max: 255 }));
    const packet = fc.tuple(fc.nat({ max: 2 }), fc.array(change, { maxLength: 4 }), fc.nat({ max: 3000 }));
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 30 }), (packets) => {
        const world = new World();
        for (const [which, changes, later] of packets) {
          const bytes = Uint8Array.from(goods[which] ?? []);
          for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
          world.publisher.receive(bytes);
          vi.advanceTimersByTime(later);
          expect(vi.getTimerCount()).toBeLessThanOrEqual(3);
        }
        void world.publisher.close();
        expect(vi.getTimerCount()).toBe(0);
      }),
      { numRuns: 150 },
    );
  });
});
