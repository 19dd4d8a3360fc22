import { describe, expect, it } from "vitest";
import { parseServiceType } from "../../src/mdns/service-type.ts";

describe("parseServiceType", () => {
  it.each([
    ["_libvirt._tcp", { name: "libvirt", protocol: "tcp" }],
    ["_Echo._UDP", { name: "Echo", protocol: "udp" }],
    ["_a._tcp", { name: "a", protocol: "tcp" }],
    ["_abcdefghijklmno._tcp", { name: "abcdefghijklmno", protocol: "tcp" }],
  ])("reads %s", (type, parts) => {
    expect(parseServiceType(type)).toEqual(parts);
  });

  it.each([
    "",
    "libvirt",
    "_libvirt",
    "libvirt._tcp",
    "_libvirt._sctp",
    "_-a._tcp",
    "_abcdefghijklmnop._tcp",
    "_a._tcp.local",
  ])("refuses %j", (type) => {
    expect(() => parseServiceType(type)).toThrow(RangeError);
  });
});
