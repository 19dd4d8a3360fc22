import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { DescriptorReserve } from "../../src/transport/descriptor-reserve.ts";
import type { ConnectionError } from "../../src/util/connection-error.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it("eight descriptors are left to the work at hand", () => {
  const told: ConnectionError[] = [];
  const reserve = new DescriptorReserve(
    (error) => told.push(error),
    () => 64,
  );
  expect([20, 55].map((descriptor) => reserve.admits(descriptor))).toEqual([true, true]);
  expect(told).toEqual([]);
  expect([56, 57, 63].map((descriptor) => reserve.admits(descriptor))).toEqual([false, false, false]);
  expect(told).toMatchObject([{ reason: "overflow", message: expect.stringContaining("may have 64 descriptors") }]);
  expect(reserve.admits(55)).toBe(true);
});

it("says so once in five seconds", () => {
  const told: ConnectionError[] = [];
  const reserve = new DescriptorReserve(
    (error) => told.push(error),
    () => 64,
  );
  for (let second = 0; second < 11; second++) {
    reserve.admits(60);
    vi.advanceTimersByTime(1000);
  }
  expect(told).toHaveLength(3);
});

it("a limit that was raised counts", () => {
  const limits = [64, 128];
  const reserve = new DescriptorReserve(
    () => expect.unreachable(),
    () => limits.shift() ?? 128,
  );
  expect([60, 119].map((descriptor) => reserve.admits(descriptor))).toEqual([true, true]);
});

it("this process has a limit that is not reached", () => {
  expect(new DescriptorReserve(() => expect.unreachable()).admits(100)).toBe(true);
});
