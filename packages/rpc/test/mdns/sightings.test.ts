import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FoundService } from "../../src/mdns/service.ts";
import { Sightings } from "../../src/mdns/sightings.ts";
import { service } from "../helpers/mdns.ts";

function watched(limit: number): { sightings: Sightings; now: Map<string, FoundService> } {
  const now = new Map<string, FoundService>();
  const sightings = new Sightings(limit, (key, found) => (found === undefined ? now.delete(key) : now.set(key, found)));
  return { sightings, now };
}

describe("Sightings", () => {
  it("makes one service of what several interfaces show, with the addresses of all", () => {
    const { sightings, now } = watched(10);
    sightings.saw("2/1", service("a", { addresses: ["fe80::1%eth0"] }));
    sightings.saw("1/0", service("A", { addresses: ["192.0.2.1", "127.0.0.1"] }));
    expect([...now.values()]).toEqual([service("A", { addresses: ["127.0.0.1", "192.0.2.1", "fe80::1%eth0"] })]);
  });

  it("drops a service with its last sighting", () => {
    const { sightings, now } = watched(10);
    sightings.saw("1", service("a"));
    sightings.saw("2", service("a", { addresses: ["192.0.2.2"] }));
    sightings.lost("1", service("a"));
    expect([...now.values()]).toEqual([service("a", { addresses: ["192.0.2.2"] })]);
    sightings.lost("2", service("a"));
    sightings.lost("2", service("a"));
    expect(now.size).toBe(0);
  });

  it("believes the latest sighting, and takes no address of another host", () => {
    const { sightings, now } = watched(10);
    sightings.saw("1", service("a", { host: "old.local", port: 1, addresses: ["192.0.2.9"] }));
    sightings.saw("2", service("a", { host: "new.local", port: 2, addresses: ["192.0.2.8"] }));
    expect([...now.values()]).toEqual([service("a", { host: "new.local", port: 2, addresses: ["192.0.2.8"] })]);
  });

  it("holds no more services, sources and addresses than it may, whatever comes", () => {
    const source = fc.integer({ min: 0, max: 99 }).map(String);
    const name = fc.integer({ min: 0, max: 30 }).map(String);
    const step = fc.tuple(fc.boolean(), source, name, fc.array(fc.ipV4(), { maxLength: 40 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const { sightings, now } = watched(7);
        for (const [up, by, of, addresses] of steps) {
          if (up) sightings.saw(by, service(of, { addresses }));
          else sightings.lost(by, service(of));
        }
        expect(now.size).toBeLessThanOrEqual(7);
        for (const { addresses } of now.values()) expect(addresses.length).toBeLessThanOrEqual(32);
      }),
      { numRuns: 50 },
    );
  });

  it("counts those there was no room for", () => {
    const { sightings, now } = watched(1);
    sightings.saw("", service("a"));
    sightings.saw("", service("b"));
    expect([now.size, sightings.refused]).toEqual([1, 1]);
    sightings.lostAll();
    expect(now.size).toBe(0);
  });
});
