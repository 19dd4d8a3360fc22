import { describe, expect, it } from "vitest";
import { saslForm } from "../../src/sasl/context.ts";
import {
  checkedPort,
  describeAddress,
  describeEndpoint,
  type Endpoint,
  systemPath,
  uriForm,
} from "../../src/transport/address.ts";

const endpoints: [Endpoint, sasl: string, uri: string, person: string][] = [
  [{ family: "ipv4", host: "192.0.2.7", port: 16509 }, "192.0.2.7;16509", "192.0.2.7:16509", "192.0.2.7:16509"],
  [
    { family: "ipv6", host: "2001:db8::1", port: 16514 },
    "2001:db8::1;16514",
    "[2001:db8::1]:16514",
    "[2001:db8::1]:16514",
  ],
  [{ family: "unix", path: "/run/echo.sock" }, "127.0.0.1;0", "127.0.0.1:0", "/run/echo.sock"],
  [{ family: "unix", path: "" }, "127.0.0.1;0", "127.0.0.1:0", "unix socket"],
  [{ family: "memory" }, "127.0.0.1;0", "127.0.0.1:0", "memory"],
];

describe("an endpoint", () => {
  it.each(endpoints)("%j has its forms (F095)", (endpoint, sasl, uri, person) => {
    expect(saslForm(endpoint)).toBe(sasl);
    expect(uriForm(endpoint)).toBe(uri);
    expect(describeEndpoint(endpoint)).toBe(person);
  });
});

describe("an address", () => {
  it.each([
    [{ path: "@echo" }, "@echo"],
    [{ fd: 3 }, "descriptor 3"],
    [{ port: 16509 }, "*:16509"],
    [{ host: "kvm1", port: 1 }, "kvm1:1"],
    [{ host: "::1", port: 1 }, "[::1]:1"],
  ])("%j is called %s", (address, name) => {
    expect(describeAddress(address)).toBe(name);
  });
});

describe("a path", () => {
  it("of 107 bytes fits, of 108 it doesn't", () => {
    expect(systemPath(`/${"x".repeat(106)}`)).toHaveLength(107);
    expect(() => systemPath(`/${"x".repeat(107)}`)).toThrow("at most 107 bytes, this one 108: /xxx");
    expect(() => systemPath(`/${"é".repeat(54)}`)).toThrow("this one 109");
  });

  it("with a leading @ is abstract", () => {
    expect(systemPath("@echo")).toBe("\0echo");
  });

  it.each(["", "/tmp/a\0b", "\0echo"])("%j is none", (path) => {
    expect(() => systemPath(path)).toThrow(RangeError);
  });
});

describe("a port", () => {
  it.each([0, 1, 65_535])("%d is one", (port) => {
    expect(checkedPort(port)).toBe(port);
  });

  it.each([-1, 65_536, 1.5, Number.NaN])("%d is none", (port) => {
    expect(() => checkedPort(port)).toThrow(RangeError);
  });
});
