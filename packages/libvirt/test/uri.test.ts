import { describe, expect, it } from "vitest";
import { parseUri, type Surroundings, UriError } from "../src/uri.ts";

const root: Surroundings = { uid: 0, runtimeDir: undefined };
const user: Surroundings = { uid: 1000, runtimeDir: "/run/user/1000" };

function parse(uri: string, readonly = false, surroundings = root) {
  return parseUri(uri, readonly, surroundings);
}

describe("a URI without a host", () => {
  it("leads to the system's socket", () => {
    expect(parse("qemu:///system")).toEqual({
      transport: "unix",
      address: { path: "/var/run/libvirt/libvirt-sock" },
      name: "qemu:///system",
    });
  });

  it("leads to the read-only socket for those who only look", () => {
    expect(parse("qemu:///system", true).address).toEqual({ path: "/var/run/libvirt/libvirt-sock-ro" });
  });

  it("leads to the user's own socket for sessions and the test driver", () => {
    const own = { path: "/run/user/1000/libvirt/libvirt-sock" };
    expect(parse("qemu:///session", false, user).address).toEqual(own);
    expect(parse("test:///default", true, user).address).toEqual(own);
    expect(parse("qemu:///system", false, user).address).toEqual({ path: "/var/run/libvirt/libvirt-sock" });
    expect(parse("qemu:///session", false, root).address).toEqual({ path: "/var/run/libvirt/libvirt-sock" });
  });

  it("takes the socket that it names, percent-encoded or not, under any spelling of the parameter", () => {
    expect(parse("test+unix:///default?socket=/tmp/a%20b").address).toEqual({ path: "/tmp/a b" });
    expect(parse("TEST+UNIX:///default?SOCKET=/tmp/x").address).toEqual({ path: "/tmp/x" });
  });

  it("says what to do where the user has no runtime directory", () => {
    const bare = { uid: 1000, runtimeDir: undefined };
    expect(() => parse("qemu:///session", false, bare)).toThrow("XDG_RUNTIME_DIR is not set; name the socket");
  });
});

describe("a TCP URI", () => {
  it.each([
    ["test+tcp://kvm1/default", { host: "kvm1", port: 16_509 }],
    ["test+tcp://kvm1:1234/default", { host: "kvm1", port: 1234 }],
    ["test+tcp://kvm1:0/default", { host: "kvm1", port: 16_509 }],
    ["test+tcp://user@kvm1/default", { host: "kvm1", port: 16_509 }],
    ["test+tcp://[fe80::1]:1234/default", { host: "fe80::1", port: 1234 }],
    ["test+tcp:///default", { host: "localhost", port: 16_509 }],
  ])("%s", (uri, address) => {
    expect(parse(uri)).toEqual({ transport: "tcp", address, name: "test:///default" });
  });

  it("has a port that exists", () => {
    expect(() => parse("test+tcp://kvm1:65536/default")).toThrow("port 65536 is above 65535");
  });
});

describe("the name that travels on", () => {
  it.each([
    ["qemu+tcp://h/system", "qemu:///system"],
    ["qemu+unix:///system?socket=/x&mode=legacy", "qemu:///system"],
    ["esx+tcp://h/path?vcenter=v&no_verify=1;transport=https", "esx:///path?vcenter=v&transport=https"],
    ["vbox+tcp://h", "vbox://"],
    ["remote+tcp://h/system", ""],
    ["qemu+tcp://h/system?name=xen:///", "xen:///"],
    ["qemu+tcp://h/system?=lost&&kept#fragment", "qemu:///system?kept"],
  ])("of %s", (uri, name) => {
    expect(parse(uri).name).toBe(name);
  });
});

describe("a URI over TLS", () => {
  it.each([
    ["qemu+tls://h/system", { pkipath: null, sanity: true, verify: true }],
    ["qemu://h/system?pkipath=/a%20b", { pkipath: "/a b", sanity: true, verify: true }],
    ["qemu+TLS://h/system?NO_VERIFY=1&no_sanity=2", { pkipath: null, sanity: false, verify: false }],
    [
      "qemu+tls://h/?no_verify=0&tls_priority=NORMAL:%2BVERS-TLS1.2",
      { pkipath: null, sanity: true, verify: true, priority: "NORMAL:+VERS-TLS1.2" },
    ],
  ])("%s tells what is demanded", (uri, tls) => {
    expect(parse(uri)).toMatchObject({ transport: "tls", address: { host: "h", port: 16_514 }, tls });
  });

  it("may name a port, and no host", () => {
    expect(parse("qemu+tls://h:7/system").address).toEqual({ host: "h", port: 7 });
    expect(parse("qemu+tls:///system").address).toEqual({ host: "localhost", port: 16_514 });
  });

  it("sends none of it on", () => {
    expect(parse("qemu+tls://h/system?pkipath=/p&no_verify=1&no_sanity=1&tls_priority=NORMAL&x=y").name).toBe(
      "qemu:///system?x=y",
    );
  });
});

describe("a URI that leads nowhere", () => {
  it.each([
    ["", "is no libvirt URI"],
    ["qemu", "is no libvirt URI; expected driver[+transport]://[host][:port]/path"],
    ["qemu:/system", "is no libvirt URI"],
    ["qemu+unix://host/system", "a UNIX socket is on this machine, but qemu+unix://host/system names the host host"],
    ["qemu+carrier-pigeon://h/", "is no libvirt URI"],
    ["qemu+pigeon://h/system", "transport pigeon is not among those this client has"],
    ["qemu+tls://h/system?no_verify=yes", "no_verify=yes: expected a number, 0 for no and 1 for yes"],
    ["qemu:///system?socket=%zz", "is not percent-encoded text"],
  ])("%j", (uri, complaint) => {
    expect(() => parse(uri)).toThrow(UriError);
    expect(() => parse(uri)).toThrow(complaint);
  });
});
