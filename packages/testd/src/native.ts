import type { UnixNative } from "virnet/server";
import { UsageError } from "./command-line.ts";

/** What `--native` asks for. Throws `UsageError` where it is not installed or not for this machine. */
export async function loadNative(): Promise<UnixNative> {
  try {
    const { loadUnix } = await import("@virnet/native/unix");
    return await loadUnix();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`--native needs the package @virnet/native: ${why}`, { cause });
  }
}
