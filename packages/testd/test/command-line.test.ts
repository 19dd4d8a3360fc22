import { describe, expect, it } from "vitest";
import { readCommandLine, UsageError } from "../src/command-line.ts";

it("reads sockets and ports", () => {
  expect(
    readCommandLine(["--socket", "/a", "--socket", "/b", "--listen", "[::1]:0", "--socket-mode", "660", "--json"]),
  ).toMatchObject({
    kind: "run",
    json: true,
    options: { sockets: ["/a", "/b"], listen: [{ host: "::1", port: 0 }], socketMode: 0o660 },
  });
});

it.each([
  ["h:1", { host: "h", port: 1 }],
  ["h", { host: "h", port: 16_514 }],
  ["[::1]", { host: "::1", port: 16_514 }],
])("reads --tls %s", (text, endpoint) => {
  expect(readCommandLine(["--tls", text, "--pki", "/pki"])).toMatchObject({
    options: { tls: { ...endpoint, pki: "/pki" } },
  });
});

it("reads --allowed-dn as often as it comes", () => {
  const allowedDn = ["O=Testbed,CN=good-client", "O=Testbed,CN=*"];
  const args = ["--tls", "h", "--pki", "/pki", ...allowedDn.flatMap((dn) => ["--allowed-dn", dn])];
  expect(readCommandLine(args)).toMatchObject({ options: { tls: { allowedDn } } });
});

it("reads the balancers, and whether to tell of clients", () => {
  const args = ["--listen", "h:1", "--proxied-by", "10.0.0.0/8", "--proxied-by", "::1", "--clients"];
  expect(readCommandLine(args)).toMatchObject({ clients: true, options: { balancers: ["10.0.0.0/8", "::1"] } });
});

it.each([
  [[], { interval: 5000, count: 5 }],
  [["--keepalive-interval", "1", "--keepalive-count", "0"], { interval: 1000, count: 0 }],
  [["--keepalive-interval", "0"], false],
  [["--keepalive-interval=-1"], false],
])("reads keepalive of %j", (args, keepalive) => {
  expect(readCommandLine(["--socket", "/a", ...args])).toMatchObject({ options: { keepalive } });
});

it.each([
  [["--help"], "help"],
  [["--version"], "version"],
])("knows %j", (args, kind) => {
  expect(readCommandLine(args)).toEqual({ kind });
});

it.each([
  [[]],
  [["--listen", "16509"]],
  [["--tls", "h:1"]],
  [["--socket", "/a", "--pki", "/pki"]],
  [["--socket", "/a", "--allowed-dn", "CN=*"]],
  [["--listen", "h:99999"]],
  [["--socket-mode", "9", "--socket", "/a"]],
  [["--keepalive-interval", "1.5", "--socket", "/a"]],
  [["--keepalive-count", "86401", "--socket", "/a"]],
  [["--nosuch"]],
  [["extra"]],
])("refuses %j", (args: string[]) => {
  expect(() => readCommandLine(args)).toThrow(UsageError);
});

describe("a login", () => {
  it("is demanded with mechanisms and a file of users", () => {
    const args = ["--socket", "/s", "--sasl", "SCRAM-SHA-256,PLAIN", "--users", "/u", "--allowed-user", "al*"];
    const login = { mechanisms: ["SCRAM-SHA-256", "PLAIN"], users: "/u", allow: ["al*"], realm: null, config: null };
    expect(readCommandLine(args)).toMatchObject({ kind: "run", login });
    expect(readCommandLine(["--socket", "/s"])).toMatchObject({ login: null });
  });

  it.each([
    [["--socket", "/s", "--users", "/u"], "--users, --allowed-user, --realm and --sasl-config are for --sasl"],
    [["--socket", "/s", "--sasl-config", "/c"], "are for --sasl"],
    [["--socket", "/s", "--polkit"], "--polkit takes --native"],
    [["--socket", "/s", "--sasl", ","], "--sasl wants mechanisms"],
    [["users", "add", "alice"], "users wants: add USER FILE"],
    [["users", "rename", "alice", "/u"], "users wants: add USER FILE"],
    [["users", "add", "alice", "/u", "--mech", "DIGEST-MD5"], "--mech wants some of SCRAM-SHA-1"],
  ])("%j makes no sense", (args, reason) => {
    expect(() => readCommandLine(args)).toThrow(reason);
  });

  it("has its users added, removed and listed", () => {
    const added = { kind: "add", user: "alice", file: "/u", mechanisms: ["SCRAM-SHA-1"] };
    expect(readCommandLine(["users", "add", "alice", "/u", "--mech", "SCRAM-SHA-1"])).toEqual({
      kind: "users",
      action: added,
    });
    const removed = { kind: "remove", user: "alice", file: "/u" };
    expect(readCommandLine(["users", "remove", "alice", "/u"])).toEqual({ kind: "users", action: removed });
    expect(readCommandLine(["users", "list", "/u"])).toEqual({ kind: "users", action: { kind: "list", file: "/u" } });
  });
});
