import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { FailureLog } from "../../src/server/failure-log.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});

afterEach(() => {
  vi.useRealTimers();
});

const v4 = (host: string) => ({ family: "ipv4", host, port: 1 }) as const;
const v6 = (host: string) => ({ family: "ipv6", host, port: 1 }) as const;

it("blocks an address after so many failures, for the rest of a minute", () => {
  const log = new FailureLog(2);
  log.note(v4("10.0.0.1"));
  expect(log.isBlocked(v4("10.0.0.1"))).toBe(false);
  vi.advanceTimersByTime(50_000);
  log.note({ ...v4("10.0.0.1"), port: 2 });
  expect(log.isBlocked(v4("10.0.0.1"))).toBe(true);
  expect(log.isBlocked(v4("10.0.0.2"))).toBe(false);
  vi.advanceTimersByTime(10_000);
  expect(log.isBlocked(v4("10.0.0.1"))).toBe(false);
  expect(log.size).toBe(0);
});

it.each([
  ["2001:db8::1", "2001:db8:0:0:ffff::2", true],
  ["2001:db8::1", "2001:db8:0:1::1", false],
  ["::ffff:10.0.0.1", "::ffff:10.0.0.2", false],
  ["::1", "::2", true],
])("takes %s and %s for one host: %s", (one, other, same) => {
  const log = new FailureLog(1);
  log.note(v6(one));
  expect(log.isBlocked(v6(other))).toBe(same);
});

it("knows an IPv4 address in either form", () => {
  const log = new FailureLog(1);
  log.note(v6("::ffff:10.0.0.1"));
  expect(log.isBlocked(v4("10.0.0.1"))).toBe(true);
});

it("never blocks a UNIX socket", () => {
  const log = new FailureLog(1);
  log.note({ family: "unix", path: "/x" });
  expect(log.isBlocked({ family: "unix", path: "/x" })).toBe(false);
});

it("remembers ten thousand, and forgets the first", () => {
  const log = new FailureLog(1);
  for (let i = 0; i <= 10_000; i++) log.note(v4(`10.0.${i >> 8}.${i & 255}`));
  expect(log.size).toBe(10_000);
  expect(log.isBlocked(v4("10.0.0.0"))).toBe(false);
  expect(log.isBlocked(v4("10.0.39.16"))).toBe(true);
});
