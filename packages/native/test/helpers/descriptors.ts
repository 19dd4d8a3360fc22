import { closeSync, fstatSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** The descriptors of this process. */
export function openDescriptors(): number[] {
  return readdirSync("/proc/self/fd").map(Number).filter(isOpen);
}

function isOpen(descriptor: number): boolean {
  try {
    fstatSync(descriptor);
    return true;
  } catch {
    return false; // that of reading the folder
  }
}

/** A folder that goes with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "virnet-unix-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A file with this content, open for reading until the test ends. */
export function openFile(content: string): number {
  const path = join(temporaryFolder(), "file");
  writeFileSync(path, content);
  const descriptor = openSync(path, "r");
  onTestFinished(() => closeSync(descriptor));
  return descriptor;
}

/** What is in it, from where it stands; it is closed then. */
export function drained(descriptor: number): string {
  const text = readFileSync(descriptor, "utf8");
  closeSync(descriptor);
  return text;
}
