import { describe, expect, it } from "vitest";
import { MissingPackageError, optionalPackage } from "../../src/util/optional-package.ts";

function failing(code: string): () => Promise<never> {
  return () => Promise.reject(Object.assign(new Error("Cannot find package"), { code }));
}

describe("optionalPackage", () => {
  it("gives what was loaded", async () => {
    expect(await optionalPackage("a", "all", async () => 7)).toBe(7);
  });

  it.each(["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"])("tells in one sentence what to install (%s)", async (code) => {
    const loading = optionalPackage("dbus-native", "mDNS through Avahi", failing(code));
    await expect(loading).rejects.toThrow(MissingPackageError);
    await expect(loading).rejects.toThrow(
      'mDNS through Avahi needs the package dbus-native: run "npm install dbus-native".',
    );
  });

  it("leaves other failures as they are", async () => {
    await expect(optionalPackage("a", "all", failing("EACCES"))).rejects.toThrow("Cannot find package");
  });
});
