/*
 * Connections that come and go in every way: none may leave a descriptor, a listener, a handle or a child behind.
 *
 *   npm run churn -- [CONNECTIONS]         ten thousand over each transport unless given
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { loadUnix } from "@virnet/native/unix";
import { churn, grounds } from "./churn.ts";

const cycles = Number(process.argv[2] ?? 10_000);
const unix = await loadUnix();
const folder = mkdtempSync(join(tmpdir(), "cycles-"));
try {
  for (const ground of grounds) {
    const start = performance.now();
    const { before, after } = await churn(ground, { cycles, folder, unix });
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${ground}: ${cycles} connections in ${seconds} s; ${JSON.stringify(before)} before and after`);
    if (!isDeepStrictEqual(before, after)) throw new Error(`${ground}: now ${JSON.stringify(after)}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
