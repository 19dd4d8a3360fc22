import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { decodeMessage, RecordType } from "../../../src/mdns/dns/message.ts";
import { EmbeddedBrowser } from "../../../src/mdns/embedded/browser.ts";
import type { PacketMaker } from "../../../src/mdns/embedded/link.ts";
import type { FoundService } from "../../../src/mdns/service.ts";
import { announcement, response } from "../../helpers/dns.ts";

const typeName = "_libvirt._tcp.local";

class World {
  readonly sent: Uint8Array[] = [];
  readonly seen = new Map<string, FoundService>();
  readonly browser: EmbeddedBrowser;
  closed = false;

  constructor(limit = 100) {
    const sink = {
      saw: (_: string, found: FoundService) => void this.seen.set(found.name, found),
      lost: (_: string, name: string) => void this.seen.delete(name),
      lostAll: () => this.seen.clear(),
    };
    this.browser = new EmbeddedBrowser({ type: "_libvirt._tcp", domain: "local", limit }, sink);
    const close = async (): Promise<void> => void (this.closed = true);
    const send = (make: PacketMaker): void => void this.sent.push(make("lo", 4) ?? new Uint8Array());
    this.browser.start({ send, close });
  }

  get questions(): string[] {
    return this.sent
      .splice(0)
      .flatMap((packet) => decodeMessage(packet).questions.map(({ name, type }) => `${type} ${name}`));
  }
}

describe("EmbeddedBrowser", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("asks within 200 ms, then after 1 s, 2 s, 4 s and so on, at last once an hour", () => {
    const world = new World();
    vi.advanceTimersByTime(220);
    expect(world.questions).toEqual([`12 ${typeName}`]);
    vi.advanceTimersByTime(63_500);
    expect(world.questions).toHaveLength(6);
    vi.advanceTimersByTime(24 * 3_600_000);
    expect(world.questions.length).toBeLessThanOrEqual(31);
  });

  it("finds a service, asks what is missing, and sees it go", () => {
    const world = new World();
    const [pointer, ...rest] = announcement(typeName, "a");
    vi.advanceTimersByTime(300);
    world.browser.receive(response(pointer === undefined ? [] : [pointer]), undefined);
    vi.advanceTimersByTime(150);
    expect(world.questions.slice(-2)).toEqual([`${RecordType.srv} a.${typeName}`, `${RecordType.txt} a.${typeName}`]);
    world.browser.receive(response(rest), undefined);
    expect([...world.seen.keys()]).toEqual(["a"]);
    world.browser.receive(response([{ name: typeName, type: 12, ttl: 0, target: `a.${typeName}` }]), undefined);
    vi.advanceTimersByTime(1200);
    expect(world.seen.size).toBe(0);
  });

  it("tells responders what it knows, so that they need not", () => {
    const world = new World();
    world.browser.receive(response(announcement(typeName, "a", { ttl: 4500 })), undefined);
    vi.advanceTimersByTime(300);
    const [query] = world.sent;
    expect(query && decodeMessage(query).records).toMatchObject([{ target: `a.${typeName}` }]);
  });

  it("passes over queries, failures and what is no packet", () => {
    const world = new World();
    world.browser.receive(response(announcement(typeName, "a"), { flags: 0 }), undefined);
    world.browser.receive(response(announcement(typeName, "b"), { flags: 0x8403 }), undefined);
    world.browser.receive(Uint8Array.of(1, 2, 3), undefined);
    expect(world.seen.size).toBe(0);
  });

  it("sends little and keeps one timer under a flood of names", () => {
    const world = new World(1000);
    for (let i = 0; i < 5000; i++) {
      world.browser.receive(
        response([{ name: typeName, type: 12, ttl: 4500, target: `flood ${i}.${typeName}` }]),
        undefined,
      );
    }
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(10_000);
    expect(world.sent.length).toBeLessThanOrEqual(110);
    expect(Math.max(...world.sent.map(({ length }) => length))).toBeLessThan(9000);
  });

  it("leaves no timer when it is closed, and hears nothing afterwards", async () => {
    const world = new World();
    await world.browser.close();
    world.browser.receive(response(announcement(typeName, "a")), undefined);
    expect([vi.getTimerCount(), world.closed, world.seen.size]).toEqual([0, true, 0]);
  });

  it("survives any packet at any time", () => {
    const good = response(announcement(typeName, "a"));
    const change = fc.tuple(fc.nat({ max: good.length - 1 }), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 5 }), { maxLength: 30 }), (packets) => {
        const world = new World(5);
        for (const changes of packets) {
          const packet = good.slice();
          for (const [at, byte] of changes) packet[at] = byte;
          world.browser.receive(packet, undefined);
          vi.advanceTimersByTime(500);
        }
        void world.browser.close();
        expect(vi.getTimerCount()).toBe(0);
      }),
      { numRuns: 150 },
    );
  });
});
