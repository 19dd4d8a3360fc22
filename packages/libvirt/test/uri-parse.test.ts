import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LibvirtUri, UriAddress } from "../src/uri.ts";
import { UriError } from "../src/uri-error.ts";
import { formatLibvirtUri, openName } from "../src/uri-format.ts";
import { parseLibvirtUri } from "../src/uri-parse.ts";

const parse = parseLibvirtUri;
const canonical = (text: string): string => formatLibvirtUri(parse(text));

const plainTls = { transport: "tls", pkipath: null, sanity: true, verify: true, priority: null } as const;
const plainFar = { port: null, socket: null, mode: null, proxy: null, netcat: null, keyfile: null } as const;
const plainSsh = { transport: "ssh", ...plainFar, command: null, tty: true, verify: true } as const;
const plainSsh2 = { ...plainFar, knownHosts: null, knownHostsVerify: null, sshauth: null } as const;

describe("the parts of a URI", () => {
  const cases: [string, UriAddress][] = [
    ["qemu:///system", { transport: "unix", socket: null, mode: null }],
    ["qemu+unix:///system", { transport: "unix", socket: null, mode: null }],
    ["QEMU+UNIX:///system", { transport: "unix", socket: null, mode: null }],
    ["qemu:/system", { transport: "unix", socket: null, mode: null }],
    ["qemu+unix:///system?socket=/tmp/a%20b", { transport: "unix", socket: "/tmp/a b", mode: null }],
    ["qemu:///system?SOCKET=/x&socket=/y", { transport: "unix", socket: "/y", mode: null }],
    ["qemu:///system?mode=direct", { transport: "unix", socket: null, mode: "direct" }],
    ["qemu:///system?mode=legacy;socket=", { transport: "unix", socket: "", mode: "legacy" }],
    ["test+tcp://kvm1/default", { transport: "tcp", host: "kvm1", port: 16_509 }],
    ["test+tcp://kvm1:1234/default", { transport: "tcp", host: "kvm1", port: 1234 }],
    ["test+tcp://kvm1:0/default", { transport: "tcp", host: "kvm1", port: 16_509 }],
    ["test+tcp://kvm1:/default", { transport: "tcp", host: "kvm1", port: 16_509 }],
    ["test+tcp:///default", { transport: "tcp", host: "localhost", port: 16_509 }],
    ["test+tcp://127.0.0.1:65535/", { transport: "tcp", host: "127.0.0.1", port: 65_535 }],
    ["test+tcp://[::1]/default", { transport: "tcp", host: "::1", port: 16_509 }],
    ["test+tcp://[fe80::1%25eth0]:7/default", { transport: "tcp", host: "fe80::1%eth0", port: 7 }],
    ["test+tcp://[::ffff:192.0.2.1]:7/", { transport: "tcp", host: "::ffff:192.0.2.1", port: 7 }],
    ["test+tcp://user:word@kvm1/default", { transport: "tcp", host: "kvm1", port: 16_509 }],
    ["qemu://h/system", { ...plainTls, host: "h", port: 16_514 }],
    ["qemu+tls:///system", { ...plainTls, host: "localhost", port: 16_514 }],
    [
      "qemu+TLS://h:7/system?NO_VERIFY=1&no_sanity=2",
      { ...plainTls, host: "h", port: 7, verify: false, sanity: false },
    ],
    ["qemu+tls://h/?no_verify=0&no_sanity=%20-0", { ...plainTls, host: "h", port: 16_514 }],
    [
      "qemu://h/system?pkipath=/a%20b&tls_priority=NORMAL:%2BVERS-TLS1.2",
      { ...plainTls, host: "h", port: 16_514, pkipath: "/a b", priority: "NORMAL:+VERS-TLS1.2" },
    ],
    ["qemu+ssh://h/system", { ...plainSsh, host: "h" }],
    ["qemu+ssh:///system", { ...plainSsh, host: "localhost" }],
    ["qemu+ssh://root@[2001:db8::2]:22/system", { ...plainSsh, host: "2001:db8::2", port: 22 }],
    ["qemu+ssh://h/system?no_tty=1&no_verify=1", { ...plainSsh, host: "h", tty: false, verify: false }],
    [
      "qemu+ssh://h:2/system?socket=/s&proxy=auto&keyfile=/k&command=/usr/bin/ssh&mode=auto",
      {
        ...plainSsh,
        host: "h",
        port: 2,
        socket: "/s",
        proxy: "auto",
        keyfile: "/k",
        command: "/usr/bin/ssh",
        mode: "auto",
      },
    ],
    ["qemu+ssh://h/system?netcat=nc%20-4&proxy=netcat", { ...plainSsh, host: "h", netcat: "nc -4", proxy: "netcat" }],
    ["qemu+libssh://h/system", { transport: "libssh", ...plainSsh2, host: "h" }],
    [
      "qemu+libssh2://h/system?sshauth=privkey,agent&known_hosts=/k&known_hosts_verify=auto",
      {
        transport: "libssh2",
        ...plainSsh2,
        host: "h",
        sshauth: ["privkey", "agent"],
        knownHosts: "/k",
        knownHostsVerify: "auto",
      },
    ],
    [
      "qemu+libssh://h/?sshauth=Password,keyboard-interactive&known_hosts_verify=ignore",
      {
        transport: "libssh",
        ...plainSsh2,
        host: "h",
        sshauth: ["password", "keyboard-interactive"],
        knownHostsVerify: "ignore",
      },
    ],
    ["qemu+ext:///system?command=/usr/bin/relay", { transport: "ext", command: "/usr/bin/relay", argv: [] }],
    [
      "qemu+ext://ignored:3/system?command=relay&argv=-v&ARGV=two%20words",
      { transport: "ext", command: "relay", argv: ["-v", "two words"] },
    ],
  ];

  it.each(cases)("%s leads somewhere", (text, address) => {
    expect(parse(text).address).toEqual(address);
  });

  it.each([
    ["qemu+tcp://alice@h/system", { user: "alice", auth: null, authfile: null, name: null }],
    ["qemu+tcp://a%40b@h/?auth=sasl", { user: "a@b", auth: "sasl", authfile: null, name: null }],
    ["qemu+tcp://a@b@h/?auth=SASL", { user: "a@b", auth: "sasl", authfile: null, name: null }],
    [
      "qemu:///system?auth=sasl.SCRAM-SHA-256",
      { user: null, auth: { mechanism: "SCRAM-SHA-256" }, authfile: null, name: null },
    ],
    ["qemu:///system?Auth=polkit&AuthFile=/a", { user: null, auth: "polkit", authfile: "/a", name: null }],
    ["qemu:///system?auth=none&name=xen:///", { user: null, auth: "none", authfile: null, name: "xen:///" }],
  ])("%s has options", (text, options) => {
    expect(parse(text).options).toEqual(options);
  });

  it("keep their case and their order, and a fragment", () => {
    expect(parse("Test+ssh://H/de%20f?X=y;z=w&&=lost&kept&x=%2B#fra%67")).toMatchObject({
      driver: "Test",
      path: "/de f",
      parameters: [
        { name: "X", value: "y" },
        { name: "z", value: "w" },
        { name: "kept", value: "" },
        { name: "x", value: "+" },
      ],
      fragment: "frag",
    });
  });
});

describe("the name that travels on", () => {
  it.each([
    ["qemu+tcp://h/system", "qemu:///system"],
    ["qemu+unix:///system?socket=/x&mode=legacy", "qemu:///system"],
    ["esx+tcp://h/path?vcenter=v&no_verify=1;transport=https", "esx:///path?vcenter=v&transport=https"],
    ["vbox+tcp://h", "vbox://"],
    ["remote+tcp://h/system", ""],
    ["remote://", ""],
    ["qemu+tcp://h/system?name=xen:///%27x", "xen:///'x"],
    ["qemu+tls://h/system?pkipath=/p&no_verify=1&no_sanity=1&tls_priority=NORMAL&x=y", "qemu:///system?x=y"],
    // What virsh 9.0 made of these.
    ["TEST+SSH://H/default?X=y;z=w#frag", "TEST:///default?X=y&z=w#frag"],
    ["test+ssh://h//", "test:////"],
    ["test+ssh://h/default#a%20b", "test:///default#a%20b"],
    ["test+ssh://h/a?x=1&x=2", "test:///a?x=1&x=2"],
    ["test+ssh://h/a?foo=bar%20baz&x='q'", "test:///a?foo=bar%20baz&x=%27q%27"],
    [
      "test+ssh://h/a?x=/b:c,d@e!$*()~-._+&y&=z&p=%2B%26%3D%c3%bc",
      "test:///a?x=%2Fb%3Ac%2Cd%40e%21%24%2A%28%29~-._%2B&y=&p=%2B%26%3D%C3%BC",
    ],
    ["test+ssh://h/a%2Fb/%c3%bc;x=y,z", "test:///a/b/%C3%BC;x=y,z"],
    ["test+ssh://h/a!$&'()*,=:@~._-", "test:///a!$&'()*,=%3A@~._-"],
    ["test+ssh://h/%41%7e", "test:///A~"],
  ])("of %s", (uri, name) => {
    expect(parse(uri).name).toBe(name);
  });
});

describe("the canonical form", () => {
  it.each([
    ["qemu:///system", "qemu+unix:///system"],
    ["QEMU+UNIX:///system", "QEMU+unix:///system"],
    ["qemu:/system", "qemu+unix:///system"],
    ["qemu://h/system", "qemu+tls://h/system"],
    ["qemu+tls://h:16514/system?no_verify=7&no_sanity=0", "qemu+tls://h/system?no_verify=1"],
    ["qemu+tcp://h:16509", "qemu+tcp://h"],
    ["qemu+tcp:///x", "qemu+tcp://localhost/x"],
    ["qemu+ssh://u%20v@[::1]:22/?x&proxy=native", "qemu+ssh://u%20v@[::1]:22/?proxy=native&x="],
    ["qemu+tcp://[fe80::1%25eth0]/", "qemu+tcp://[fe80::1%25eth0]/"],
    ["qemu+libssh2://h/?sshauth=AGENT,password", "qemu+libssh2://h/?sshauth=agent%2Cpassword"],
    ["qemu+ext://x/?argv=a&command=c&argv=", "qemu+ext:///?command=c&argv=a&argv="],
    ["qemu:///system?auth=SASL.gssapi&AUTHFILE=/f", "qemu+unix:///system?auth=sasl.gssapi&authfile=%2Ff"],
    ["qemu+tcp://h/?pkipath=/not/for/tcp&mode=direct", "qemu+tcp://h/"],
    ["qemu:///#", "qemu+unix:///#"],
  ])("of %s", (text, form) => {
    expect(canonical(text)).toBe(form);
    expect(parse(form)).toEqual(parse(text));
  });

  it("of any URI gives the same URI back", () => {
    fc.assert(
      fc.property(anyUri, (uri) => {
        const text = formatLibvirtUri(uri);
        expect(parse(text)).toEqual(uri);
        expect(canonical(text)).toBe(text);
      }),
      { numRuns: 1000 },
    );
  });

  it("of any text is an error that points into it, or a URI that stays the same", () => {
    const pieces = fc.constantFrom(
      "qemu",
      "+ssh",
      "+tcp",
      "+tls",
      ":",
      "//",
      "/",
      "@",
      "[",
      "]",
      "::1",
      "?",
      "&",
      "=",
      "#",
      "%",
      "%41",
      "no_tty",
      "0",
      "ü",
      " ",
    );
    const anyText = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(pieces).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(anyText, (text) => {
        const read = attempt(text);
        const again = read instanceof UriError ? read : parse(formatLibvirtUri(read));
        expect(again).toEqual(read);
        const { text: about, offset } = read instanceof UriError ? read : { text, offset: 0 };
        expect(about).toBe(text);
        expect(offset).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("a URI that leads nowhere", () => {
  it.each([
    ["", 0, "not a libvirt URI"],
    ["qemu", 4, "expected driver[+transport]://[user@][host][:port]/[path]"],
    ["1qemu:///", 0, "not a libvirt URI"],
    ["+ssh://h/", 0, "not a libvirt URI"],
    ["te_st://h/", 2, "not a libvirt URI"],
    ["qemu:system", 5, '"//" is missing'],
    ["qemu+unix://host/system", 12, "a UNIX socket is on this machine, and this names the host host"],
    ["qemu+pigeon://h/system", 5, "transport pigeon is none of tls, unix, ssh, libssh2, ext, tcp, libssh"],
    ["qemu+://h/system", 5, "is none of"],
    ["qemu+ssh+tls://h/system", 5, "transport ssh+tls is none of"],
    ["qemu+tls://h/system?no_verify=yes", 30, "no_verify=yes: expected a number, 0 for no and 1 for yes"],
    ["qemu+ssh://h/system?no_tty=", 27, "no_tty=: expected a number"],
    ["qemu+ssh://h/system?no_tty=0x1", 27, "expected a number"],
    ["qemu:///system?socket=%zz", 22, "two hexadecimal digits belong behind %"],
    ["qemu:///system?socket=a%", 23, "two hexadecimal digits"],
    ["qemu:///system?socket=%ff", 22, "no UTF-8"],
    ["qemu:///system?socket=/a%00b", 24, "%00 can't be part of a URI"],
    ["qemu:///sys tem", 11, "write it as %20"],
    ["qemu:///s\u00fc", 9, "write it as %C3%BC"],
    ["qemu:///s\ud800", 9, "a URI can't hold"],
    ["test+tcp://kvm1:65536/default", 16, "port 65536 is above 65535"],
    ["test+tcp://kvm1:abc/default", 16, "a port is a number"],
    ["test+tcp://::1/default", 12, "an IPv6 address stands in brackets"],
    ["test+tcp://[::1/default", 15, '"]" is missing'],
    ["test+tcp://[kvm1]/default", 12, "an address in brackets is one of IPv6"],
    ["test+tcp://[::1]x/default", 16, "a port is a number"],
    ["test+tcp://a%2Fb/default", 11, '"a/b" is no host'],
    ["qemu+ext:///system", 18, "command= is missing"],
    ["qemu+ssh://h/?proxy=NATIVE", 20, "proxy=NATIVE: expected auto, netcat, native"],
    ["qemu+ssh://h/?netcat=nc&proxy=native", 21, "proxy=native uses no netcat"],
    ["qemu+ssh://h/?mode=direct", 19, "the far side's daemons can't be chosen from here"],
    ["qemu:///?mode=bogus", 14, "expected auto, legacy, direct"],
    ["qemu+libssh://h/?sshauth=agent,magic", 25, "expected some of agent, privkey"],
    ["qemu+libssh://h/?known_hosts_verify=no", 36, "expected normal, auto, ignore"],
    ["qemu:///?auth=magic", 14, "expected none, sasl, sasl.MECHANISM or polkit"],
    ["qemu:///?auth=sasl.", 14, "expected none"],
  ])("%j is wrong at %i", (text, offset, complaint) => {
    const error = attempt(text);
    expect(error).toBeInstanceOf(UriError);
    expect(error).toMatchObject({ text, offset, name: "UriError" });
    expect((error as UriError).message).toContain(complaint);
  });

  it("is shown with a caret below the place", () => {
    expect((attempt("qemu+tcp://h:x/") as UriError).message).toBe(
      "a port is a number\n  qemu+tcp://h:x/\n               ^",
    );
  });
});

function attempt(text: string): LibvirtUri | UriError {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof UriError) return error;
    throw error;
  }
}

/** Any text that a URI can carry. */
const word = fc.string({ unit: "grapheme", maxLength: 12 }).filter((text) => !text.includes("\0"));
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null });
const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6(), fc.constantFrom("kvm1", "localhost", "fe80::1%eth0"));
const port = fc.integer({ min: 1, max: 65_535 });
const far = {
  host,
  port: maybe(port),
  socket: maybe(word),
  mode: maybe(fc.constantFrom("auto" as const, "legacy" as const)),
  proxy: maybe(fc.constantFrom("auto" as const, "netcat" as const)),
  netcat: maybe(word),
  keyfile: maybe(word),
};
const method = fc.constantFrom(
  "agent" as const,
  "privkey" as const,
  "password" as const,
  "keyboard-interactive" as const,
);

const anyAddress: fc.Arbitrary<UriAddress> = fc.oneof(
  fc.record({
    transport: fc.constant("unix" as const),
    socket: maybe(word),
    mode: maybe(fc.constantFrom("auto" as const, "legacy" as const, "direct" as const)),
  }),
  fc.record({ transport: fc.constant("tcp" as const), host, port }),
  fc.record({
    transport: fc.constant("tls" as const),
    host,
    port,
    pkipath: maybe(word),
    sanity: fc.boolean(),
    verify: fc.boolean(),
    priority: maybe(word),
  }),
  fc.record({
    transport: fc.constant("ssh" as const),
    ...far,
    command: maybe(word),
    tty: fc.boolean(),
    verify: fc.boolean(),
  }),
  fc.record({
    transport: fc.constantFrom("libssh" as const, "libssh2" as const),
    ...far,
    knownHosts: maybe(word),
    knownHostsVerify: maybe(fc.constantFrom("normal" as const, "auto" as const, "ignore" as const)),
    sshauth: maybe(fc.array(method, { minLength: 1 })),
  }),
  fc.record({
    transport: fc.constant("ext" as const),
    command: word.filter((text) => text !== ""),
    argv: fc.array(word, { maxLength: 3 }),
  }),
);

const anyUri: fc.Arbitrary<LibvirtUri> = fc
  .record({
    driver: fc.constantFrom("qemu", "test", "remote", "Xen", "a.b-c1"),
    path: fc.oneof(
      fc.constantFrom("", "/", "/system", "//x"),
      word.map((text) => `/${text}`),
    ),
    address: anyAddress,
    options: fc.record({
      user: maybe(word),
      auth: maybe(
        fc.oneof(
          fc.constantFrom("none" as const, "sasl" as const, "polkit" as const),
          fc.record({ mechanism: word.filter((text) => text !== "") }),
        ),
      ),
      authfile: maybe(word),
      name: maybe(word),
    }),
    parameters: fc.array(fc.record({ name: word.map((text) => `x${text}`), value: word }), { maxLength: 3 }),
    fragment: maybe(word),
  })
  .map((uri) => ({ ...uri, name: openName(uri) }));
