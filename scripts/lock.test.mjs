import { describe, expect, it } from "vitest";
import { missingOf, platformOf } from "./lock.mjs";

describe("lock", () => {
  it.each([
    ["@biomejs/cli-darwin-arm64", { os: ["darwin"], cpu: ["arm64"] }],
    ["@biomejs/cli-linux-x64-musl", { os: ["linux"], cpu: ["x64"], libc: ["musl"] }],
    ["@rolldown/binding-win32-x64-msvc", { os: ["win32"], cpu: ["x64"] }],
    ["@oxc-parser/binding-linux-arm-gnueabihf", { os: ["linux"], cpu: ["arm"], libc: ["glibc"] }],
    ["@rolldown/binding-wasm32-wasi", { cpu: ["wasm32"] }],
  ])("reads the platform in %s", (name, platform) => {
    expect(platformOf(name)).toEqual(platform);
  });

  it("adds a pinned optional package that has no entry", () => {
    const tool = {
      version: "1.0.0",
      dev: true,
      optionalDependencies: { "t-linux-x64": "1.0.0", "t-win32-x64": "1.0.0" },
    };
    const packages = { "": {}, "node_modules/t": tool, "node_modules/t-linux-x64": { version: "1.0.0" } };
    expect(missingOf(packages)).toEqual({
      "node_modules/t-win32-x64": { version: "1.0.0", os: ["win32"], cpu: ["x64"], dev: true, optional: true },
    });
  });

  it("finds an entry beside the package or above it", () => {
    const tool = { version: "1.0.0", optionalDependencies: { x: "1.0.0" } };
    const beside = { "node_modules/a/node_modules/t": tool, "node_modules/a/node_modules/t/node_modules/x": {} };
    const above = { "node_modules/a/node_modules/t": tool, "node_modules/a/node_modules/x": {} };
    const atRoot = { "node_modules/a/node_modules/t": tool, "node_modules/x": {} };
    expect([beside, above, atRoot].map(missingOf)).toEqual([{}, {}, {}]);
  });
});
