import { expect, it } from "vitest";
import { type AuthLimits, saslServer } from "../../src/sasl/server-auth.ts";

const withLimits = (limits: Partial<AuthLimits>) => () => saslServer({ users: () => null, limits });

it.each(["deadlineMs", "graceMs", "delayMs"])("takes no %s that a timer can't wait for", (name) => {
  for (const value of [2 ** 31, Number.POSITIVE_INFINITY, -1, Number.NaN])
    expect(withLimits({ [name]: value })).toThrow(`limit ${name} is ${value}, expected at`);
  expect(withLimits({ [name]: 2 ** 31 - 1 })).not.toThrow();
});

it.each(["clients", "attempts", "attemptsPerAddress"])("takes any %s from one up", (name) => {
  for (const value of [0, -1, Number.NaN]) expect(withLimits({ [name]: value })).toThrow(RangeError);
  for (const value of [1, Number.POSITIVE_INFINITY]) expect(withLimits({ [name]: value })).not.toThrow();
});
