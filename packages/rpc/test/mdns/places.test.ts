import { networkInterfaces } from "node:os";
import { describe, expect, it } from "vitest";
import { interfaceAddresses, outwardInterfaces, placesOf } from "../../src/mdns/places.ts";

const loopback = Object.entries(networkInterfaces()).find(([, all]) =>
  all?.some(({ address }) => address === "127.0.0.1"),
)?.[0];

describe("placesOf", () => {
  it("is one place for all addresses, told or not", () => {
    expect(placesOf({})).toEqual([{}]);
    expect(placesOf({ addresses: ["0.0.0.0", "::"] })).toEqual([{}]);
  });

  it("knows the family when only one is listened on", () => {
    expect(placesOf({ addresses: ["0.0.0.0"] })).toEqual([{ family: 4 }]);
    expect(placesOf({ addresses: ["::"] })).toEqual([{ family: 6 }]);
  });

  it("finds the interface of an address, once for each family", () => {
    const place = { interface: loopback, family: 4 };
    expect(placesOf({ addresses: ["127.0.0.1", "127.0.0.2"] })).toEqual([place]);
    expect(placesOf({ addresses: ["fe80::1%eth7"] })).toEqual([{ interface: "eth7", family: 6 }]);
  });

  it("has none for an address of no interface", () => {
    expect(placesOf({ addresses: ["203.0.113.77"] })).toEqual([]);
  });

  it("is narrowed to interfaces that are named", () => {
    expect(placesOf({ interfaces: ["a", "b"] })).toEqual([{ interface: "a" }, { interface: "b" }]);
    expect(placesOf({ addresses: ["127.0.0.1"], interfaces: ["a"] })).toEqual([]);
    expect(placesOf({ addresses: ["0.0.0.0"], interfaces: ["a"] })).toEqual([{ interface: "a", family: 4 }]);
  });
});

describe("interfaces of this machine", () => {
  it("have addresses of one family or of both", () => {
    expect(interfaceAddresses(String(loopback), 4)).toContain("127.0.0.1");
    expect(interfaceAddresses(String(loopback))).toContain("127.0.0.1");
    expect(interfaceAddresses("no such interface")).toEqual([]);
  });

  it("are never none", () => {
    expect(outwardInterfaces().length).toBeGreaterThan(0);
  });
});
