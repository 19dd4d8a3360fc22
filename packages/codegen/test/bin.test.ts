import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "virnet-gen-"));
  writeFileSync(join(folder, "t.x"), "const A = 1;\n");
});

afterEach(() => {
  rmSync(folder, { recursive: true });
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** Runs the command in this process: what it needs no build for. */
async function bin(...args: string[]): Promise<{ code: number | string | null | undefined; output: string }> {
  const output: string[] = [];
  const collect = (text: unknown): boolean => output.push(String(text)) > 0;
  vi.spyOn(process.stdout, "write").mockImplementation(collect);
  vi.spyOn(process.stderr, "write").mockImplementation(collect);
  vi.spyOn(process, "argv", "get").mockReturnValue(["node", "virnet-gen", ...args]);
  vi.resetModules();
  await import("../src/bin.ts");
  const code = process.exitCode;
  vi.restoreAllMocks();
  return { code, output: output.join("") };
}

describe("virnet-gen", () => {
  it("writes into a folder that it makes", async () => {
    const out = join(folder, "deep/gen");
    expect(await bin(join(folder, "t.x"), "--out", out)).toEqual({ code: 0, output: "" });
    expect(readFileSync(join(out, "t.ts"), "utf8")).toContain("export const A = 1;");
    expect(await bin(join(folder, "t.x"), "--out", out, "--check")).toEqual({ code: 0, output: "" });
  });

  it("checks a folder that is not there", async () => {
    const { code, output } = await bin(join(folder, "t.x"), "--out", join(folder, "none"), "--check");
    expect(code).toBe(1);
    expect(output).toContain("t.ts is missing");
  });

  it("knows its version", async () => {
    expect((await bin("--version")).output).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("says what it cannot read", async () => {
    const { code, output } = await bin(join(folder, "none.x"), "--out", folder);
    expect(code).toBe(2);
    expect(output).toContain("cannot read");
  });
});
