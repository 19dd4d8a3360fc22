import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execute, type ForeignClient, roundOf } from "./foreign-client.ts";
import { isInstalled } from "./installed.ts";

export interface CClient extends ForeignClient {
  /** Takes a URI, threads and milliseconds. */
  readonly program: string;
}

/** Compiles libvirt's own client, with `c-client.c` around it, into `folder`. */
export async function compileCClient(folder: string): Promise<CClient | { readonly absent: string }> {
  if (!(await isInstalled("gcc"))) return { absent: "libvirt's C client: no gcc" };
  const program = join(folder, "c-client");
  const source = fileURLToPath(new URL("../../calls/c-client.c", import.meta.url));
  await execute("gcc", ["-O2", "-pthread", "-o", program, source, "-ldl"]);
  if (!(await findsLibvirt(program))) return { absent: "libvirt's C client: no libvirt.so.0" };
  return {
    name: "libvirt.so",
    program,
    callers: "threads",
    play: (path, ...how) => roundOf(program, `test+unix:///default?socket=${path}`, ...how),
  };
}

/** It ends with status 1 when nobody answers, with 2 when it finds no library. */
async function findsLibvirt(program: string): Promise<boolean> {
  const failure: unknown = await execute(program, ["test+unix:///default?socket=/dev/null", "1", "1"]).catch(
    (error: unknown) => error,
  );
  return failure instanceof Error && "code" in failure && failure.code === 1;
}
