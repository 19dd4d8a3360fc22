import { type ChildProcess, execFileSync, type StdioOptions, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll } from "vitest";

const tsc = fileURLToPath(new URL("../../../../node_modules/typescript/bin/tsc", import.meta.url));
const source = fileURLToPath(new URL("../../src", import.meta.url));

let compiled: string | undefined;

afterAll(() => {
  if (compiled !== undefined) rmSync(compiled, { recursive: true });
});

/** Our transports as JavaScript, for processes of their own, which run no TypeScript. */
function folder(): string {
  if (compiled !== undefined) return compiled;
  const out = mkdtempSync(join(tmpdir(), "virnet-compiled-"));
  const options = ["--ignoreConfig", "--noCheck", "--module", "nodenext", "--target", "es2022"];
  const paths = ["--rewriteRelativeImportExtensions", "--rootDir", source, "--outDir", out];
  const files = ["open.ts", "listen.ts"].map((name) => join(source, "transport", name));
  execFileSync(process.execPath, [tsc, ...options, ...paths, ...files]);
  writeFileSync(join(out, "package.json"), '{ "type": "module" }');
  compiled = out;
  return out;
}

/** A process that runs `program`, in which `load("transport/open.js")` gives a compiled module of ours. */
export function spawnCompiled(program: string, stdio: StdioOptions): ChildProcess {
  const base = JSON.stringify(`${pathToFileURL(folder()).href}/`);
  const prologue = `const load = (name) => import(${base} + name);`;
  return spawn(process.execPath, ["--input-type=module", "-e", `${prologue}\n${program}`], { stdio });
}
