import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { absentOf, allPeers, howToInstall, isCi } from "./peers.ts";
import { testbedScript } from "./scripts.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The test bed of this run. Its services start when a suite asks for them. */
    testbedDir: string;
  }
}

/** Once per run, around all suites: gives them one directory for their test bed, and takes it down at the end. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  reportAbsent();
  const testbedDir = await makeDirectory();
  project.provide("testbedDir", testbedDir);
  const guardian = startGuardian(testbedDir);
  return () => dismiss(guardian);
}

function reportAbsent(): void {
  const absent = absentOf(allPeers);
  if (absent.length === 0) return;
  const consequence = isCi() ? "suites that need them FAIL, as CI is set" : "suites that need them are skipped";
  console.log(`interop: absent here: ${absent.join(", ")}: ${consequence}. To get them, as root: ${howToInstall}`);
}

/** A unix socket's path holds 107 bytes, so the test bed allows its directory 60. */
async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir().length <= 40 ? tmpdir() : "/tmp", "virnet-"));
  if (directory.length > 60) throw new Error(`no short temporary directory: ${directory}`);
  return directory;
}

/**
 * A process that takes the test bed down when its standard input ends: when we say so, or when we die, however that
 * happens. In a session of its own, so that an interrupt from the terminal does not end it with us.
 */
function startGuardian(testbedDir: string): ChildProcess {
  const script = 'read -r _ || true; if [ -f "$TESTBED_DIR/env" ]; then "$1" --wipe; else rm -rf "$TESTBED_DIR"; fi';
  return spawn("sh", ["-c", script, "guardian", testbedScript("down")], {
    detached: true,
    env: { ...process.env, TESTBED_DIR: testbedDir },
    stdio: ["pipe", "ignore", "inherit"],
  });
}

async function dismiss(guardian: ChildProcess): Promise<void> {
  const gone = once(guardian, "exit");
  guardian.stdin?.end();
  await gone;
}
