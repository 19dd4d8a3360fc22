import * as fc from "fast-check";
import { expect, it } from "vitest";
import { findCredentials } from "../../src/auth/auth-config.ts";

const text = `
# two hosts, one of them by name
[credentials-prod]
authname=alice
password= two words and = signs
realm=EXAMPLE.ORG

[credentials-test]
authname=tester

[auth-libvirt-kvm1.example.org]
credentials=prod

[auth-libvirt-default]
credentials=test

[auth-ssh-default]
credentials=gone
`;

it("finds the host's own credentials, else those of all hosts", () => {
  expect(findCredentials(text, "f", "libvirt", "kvm1.example.org")).toEqual({
    authname: "alice",
    username: null,
    password: "two words and = signs",
    realm: "EXAMPLE.ORG",
  });
  expect(findCredentials(text, "f", "libvirt", "kvm2")?.authname).toBe("tester");
  expect(findCredentials(text, "f", "esx", "kvm2")).toBeNull();
  expect(findCredentials("", "f", "libvirt", "kvm2")).toBeNull();
});

it.each([
  ["password=x", "f:1: expected [group] or key=value behind one"],
  ["[a]\nsecret words", "f:2: expected"],
  ["[auth-libvirt-default]\nname=x", "group [auth-libvirt-default] has no credentials=NAME"],
  ["[auth-libvirt-default]\ncredentials=x", "there is no group [credentials-x]"],
])("says what is wrong with %j", (wrong, reason) => {
  expect(() => findCredentials(wrong, "f", "libvirt", "h")).toThrow(reason);
  expect(() => findCredentials(wrong, "f", "libvirt", "h")).not.toThrow("secret words");
});

it("reads anything, or says that it can't", () => {
  fc.assert(
    fc.property(fc.string(), (anything) => {
      const read = (): unknown => findCredentials(anything, "f", "libvirt", "h");
      expect(outcome(read)).toBe(true);
    }),
  );
});

function outcome(read: () => unknown): boolean {
  try {
    return read() !== undefined;
  } catch (error) {
    return error instanceof TypeError;
  }
}
