import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new directory, in memory where that can be had: who writes to a full cache of a disk waits for the disk. */
export function memoryFolder(): Promise<string> {
  return mkdtemp("/dev/shm/bench-").catch(() => mkdtemp(join(tmpdir(), "bench-")));
}
