import { describe, expect, it } from "vitest";
import { emptyConfig } from "../src/client-config.ts";
import { type Destination, findDestination } from "../src/destination.ts";
import type { Surroundings } from "../src/surroundings.ts";
import { UriError } from "../src/uri-error.ts";

const root: Surroundings = {
  uid: 0,
  runtimeDir: "/run/user/0",
  configDir: "/root/.config/libvirt",
  env: { PATH: "/usr/bin", HOME: "/root", SECRET: "x" },
  config: emptyConfig,
  configFile: "/etc/libvirt/libvirt.conf",
  exists: () => false,
};
const user: Surroundings = { ...root, uid: 1000, runtimeDir: "/run/user/1000" };
const having = (...paths: string[]) => ({ exists: (path: string) => paths.includes(path) });

const find = (text: string | null, surroundings: Surroundings = root, readonly = false): Destination =>
  findDestination(text, readonly, surroundings);
const pathOf = (text: string | null, surroundings?: Surroundings, readonly?: boolean): string => {
  const { address } = find(text, surroundings, readonly);
  return "path" in address ? address.path : "";
};

describe("a socket on this machine (F156)", () => {
  const system = "/var/run/libvirt/libvirt-sock";
  const direct = "/var/run/libvirt/virtqemud-sock";
  const own = "/run/user/1000/libvirt/libvirt-sock";

  it("is the system's", () => {
    expect(pathOf("qemu:///system")).toBe(system);
    expect(pathOf("qemu:///system", root, true)).toBe(`${system}-ro`);
    expect(pathOf("qemu:///system", user)).toBe(system);
    expect(pathOf("qemu:///session", root)).toBe(system);
    expect(find("qemu:///system").autostart).toBeNull();
  });

  it("is the user's own for sessions and the test driver, also to read only", () => {
    expect(pathOf("qemu:///session", user)).toBe(own);
    expect(pathOf("qemu:///session", user, true)).toBe(own);
    expect(pathOf("test:///default", user)).toBe(own);
    expect(pathOf("test+unix:///default", user)).toBe(own);
    expect(pathOf("remote:///session", user)).toBe(own);
  });

  it("is the one that the URI names", () => {
    expect(pathOf("qemu:///session?socket=/x", user)).toBe("/x");
    expect(find("qemu:///session?socket=/x", user).autostart).toBeNull();
  });

  it("is the driver's own daemon's where that is there, or asked for", () => {
    expect(pathOf("qemu:///system", { ...root, ...having(direct, system) })).toBe(direct);
    expect(pathOf("qemu:///system", { ...root, ...having(`${direct}-ro`) }, true)).toBe(`${direct}-ro`);
    expect(pathOf("qemu:///system?mode=legacy", { ...root, ...having(direct) })).toBe(system);
    expect(pathOf("qemu:///system?mode=direct")).toBe(direct);
    expect(pathOf("XEN:///system?mode=direct")).toBe("/var/run/libvirt/virtxend-sock");
    expect(pathOf("qemu:///session?mode=direct", user, true)).toBe("/run/user/1000/libvirt/virtqemud-sock");
    expect(pathOf("remote:///?mode=auto", { ...root, ...having("/var/run/libvirt/virtremoted-sock") })).toBe(system);
    expect(() => find("remote:///?mode=direct")).toThrow("mode=direct needs a driver");
  });

  it("is chosen by libvirt.conf where the URI does not", () => {
    const config = { ...emptyConfig, remoteMode: "direct" };
    expect(pathOf("qemu:///system", { ...root, config })).toBe(direct);
    expect(pathOf("qemu:///system?mode=legacy", { ...root, config })).toBe(system);
    expect(() => find("qemu:///", { ...root, config: { ...config, remoteMode: "both" } })).toThrow(
      '/etc/libvirt/libvirt.conf: remote_mode is "both", expected auto, legacy or direct',
    );
  });

  it("of a session may have its daemon started", () => {
    expect(find("qemu:///session", user).autostart).toEqual({ path: own, daemon: "libvirtd", session: true });
    expect(find("qemu:///session?mode=direct", user).autostart).toMatchObject({ daemon: "virtqemud" });
    expect(find("qemu:///session", { ...user, ...having("/usr/bin/virtqemud") }).autostart).toMatchObject({
      daemon: "virtqemud",
    });
    expect(
      find("qemu:///session", { ...user, ...having("/usr/bin/virtqemud", "/usr/sbin/libvirtd") }).autostart,
    ).toMatchObject({ daemon: "libvirtd" });
    expect(find("qemu:///session", { ...user, env: { LIBVIRT_AUTOSTART: "0" } }).autostart).toBeNull();
  });
});

describe("who names no URI (F155, F157)", () => {
  const config = {
    ...emptyConfig,
    uriDefault: "qemu+tcp://default/system",
    uriAliases: new Map([
      ["web", "qemu+tcp://web1/system"],
      ["loop", "loop"],
    ]),
  };

  it("gets the local daemon, which looks for a driver", () => {
    expect(find(null)).toMatchObject({ address: { path: "/var/run/libvirt/libvirt-sock" }, uri: { name: "" } });
    expect(find("")).toMatchObject({ uri: { name: "" } });
  });

  it("gets uri_default, and before it LIBVIRT_DEFAULT_URI", () => {
    expect(find(null, { ...root, config })).toMatchObject({
      address: { host: "default" },
      source: "uri_default of /etc/libvirt/libvirt.conf",
    });
    const env = { LIBVIRT_DEFAULT_URI: "qemu+tcp://env/system" };
    expect(find(null, { ...root, config, env })).toMatchObject({
      address: { host: "env" },
      source: "LIBVIRT_DEFAULT_URI",
    });
    expect(find("qemu+tcp://given/", { ...root, config, env })).toMatchObject({ address: { host: "given" } });
    expect(find(null, { ...root, config, env: { LIBVIRT_DEFAULT_URI: "web" } })).toMatchObject({
      address: { host: "web1" },
    });
  });

  it("may use an alias, once", () => {
    expect(find("web", { ...root, config })).toMatchObject({
      address: { host: "web1" },
      source: "alias web of /etc/libvirt/libvirt.conf",
    });
    expect(() => find("loop", { ...root, config })).toThrow(UriError);
    expect(() => find("nosuch", { ...root, config })).toThrow("not a libvirt URI");
  });
});

describe("other ways", () => {
  it("over TCP and TLS", () => {
    expect(find("qemu+tcp://[::1]/system")).toMatchObject({ address: { host: "::1", port: 16_509 }, tls: null });
    const tls = { pkipath: "/p", sanity: true, verify: false, priority: null };
    expect(find("qemu://h/system?pkipath=/p&no_verify=1")).toMatchObject({ address: { host: "h", port: 16_514 }, tls });
    const config = { ...emptyConfig, tlsPriority: "NORMAL" };
    expect(find("qemu://h/", { ...root, config }).tls?.priority).toBe("NORMAL");
    expect(find("qemu://h/?tls_priority=SECURE128", { ...root, config }).tls?.priority).toBe("SECURE128");
  });

  it("through a program, which gets the environment that libvirt hands on", () => {
    expect(find("qemu+ext:///system?command=/bin/relay&argv=a&argv=b").address).toEqual({
      command: "/bin/relay",
      args: ["a", "b"],
      env: { LC_ALL: "C", PATH: "/usr/bin", HOME: "/root" },
    });
  });

  it("through ssh", () => {
    expect(find("qemu+ssh://u@h:22/system?keyfile=/k&command=/s&no_tty=1&no_verify=1").address).toEqual({
      ssh: "h",
      port: 22,
      user: "u",
      keyfile: "/k",
      program: "/s",
      batch: true,
      verify: false,
      path: "/var/run/libvirt/libvirt-sock",
      proxy: "auto",
      helper: { uri: "qemu:///system", readonly: false },
    });
  });

  it.each([
    ["qemu+ssh://h/system", root, "auto"],
    ["qemu+ssh://h/session", root, "auto"],
    ["qemu+ssh://h/session", user, "native"],
    ["test+ssh://h/default", user, "native"],
    ["qemu+ssh://h/session?proxy=netcat", user, "netcat"],
    ["qemu+ssh://h/system?netcat=ncat", root, "netcat"],
    ["qemu+ssh://h/system?netcat=ncat&proxy=auto", root, "netcat"],
    ["qemu+ssh://h/system?socket=/x", root, "netcat"],
    ["qemu+ssh://h/system?socket=/x&proxy=auto", root, "auto"],
    ["qemu+ssh://h/system", { ...root, config: { ...emptyConfig, remoteProxy: "native" } }, "native"],
    ["qemu+ssh://h/system?proxy=auto", { ...root, config: { ...emptyConfig, remoteProxy: "native" } }, "auto"],
  ])("through ssh, %s has its relay", (text, surroundings, proxy) => {
    expect(find(text, surroundings).address).toMatchObject({ proxy });
  });

  it.each([
    ["qemu+ssh://h/system?x=y", "qemu:///system?x=y"],
    ["qemu+ssh://h/system?mode=legacy&x=y", "qemu:///system?x=y&mode=legacy"],
    ["qemu+ssh://h/system?socket=/a", "qemu:///system?socket=%2Fa"],
    ["qemu+ssh://h/system?name=xen:///&mode=legacy", "xen:///"],
    ["remote+ssh://h/?mode=legacy", ""],
  ])("through ssh, %s has its URI for the helper", (text, uri) => {
    expect(find(text, root, true).address).toMatchObject({ helper: { uri, readonly: true } });
  });

  it("through ssh, reads only where it shall", () => {
    expect(find("qemu+ssh://h/system", root, true).address).toMatchObject({ path: "/var/run/libvirt/libvirt-sock-ro" });
  });
});
