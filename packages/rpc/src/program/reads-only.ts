import type { AnyProcedure } from "./program.ts";

/** Permissions that change nothing where they are used. */
const reading: ReadonlySet<string> = new Set([
  "getattr",
  "read",
  "read_secure",
  "mem_read",
  "block_read",
  "detect_storage_pools",
]);

/**
 * Does a procedure only look? Known from the `@acl` lines of its `.x` file: none of them may want more than to read, to
 * search or to see attributes. Without such lines nothing is known, and the answer is no; it is no for one that opens a
 * stream, too.
 */
export function readsOnly({ acl, stream }: AnyProcedure): boolean {
  return stream === null && acl !== undefined && acl.every((line) => isReading(permissionOf(line)));
}

/** Of `object:permission[:flag]`. */
function permissionOf(line: string): string {
  return line.split(":")[1] ?? "";
}

function isReading(permission: string): boolean {
  return reading.has(permission) || permission.startsWith("search_");
}
