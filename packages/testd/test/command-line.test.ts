import { expect, it } from "vitest";
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
