import { describe, expect, it } from "vitest";
import { advertise } from "../../src/mdns/advertise.ts";
import { browse } from "../../src/mdns/browse.ts";
import { findService } from "../../src/mdns/find.ts";

const service = { type: "_libvirt._tcp", name: "a", port: 1 };

describe("advertise", () => {
  it.each([
    ["a bad type", { type: "libvirt" }],
    ["a type of UDP", { type: "_libvirt._udp" }],
    ["no name", { name: "" }],
    ["a name too long", { name: "x".repeat(64) }],
    ["port 0", { port: 0 }],
    ["no port", { port: Number.NaN }],
    ["a bad text", { txt: { "a=b": "c" } }],
  ])("refuses %s", (_, parts) => {
    expect(() => advertise({ ...service, ...parts })).toThrow(RangeError);
  });

  it("says in the log that no interface has the address, and is closed all the same", async () => {
    const lines: string[] = [];
    const log = (line: string): void => void lines.push(line);
    await using advertisement = advertise({ ...service, addresses: ["203.0.113.77"], log });
    await expect(advertisement.established()).rejects.toThrow("no interface");
    expect(lines).toEqual(['mDNS: "a" is not advertised: no interface has an address that it listens on']);
  });
});

describe("browse", () => {
  it("refuses what is no type or domain", () => {
    expect(() => browse("libvirt")).toThrow(RangeError);
    expect(() => browse("_libvirt._tcp", { domain: "x".repeat(64) })).toThrow(RangeError);
  });
});

describe("findService", () => {
  it("gives the signal's reason when nobody has that name", async () => {
    const signal = AbortSignal.timeout(50);
    const where = { domain: "example.org", servers: ["127.0.0.1:9"], signal };
    await expect(findService("a", "_libvirt._tcp", where)).rejects.toThrow(
      expect.objectContaining({ name: "TimeoutError" }),
    );
    await expect(findService("a", "_libvirt._tcp", { signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow(
      "no",
    );
  });
});
