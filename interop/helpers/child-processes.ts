import { readdir, readFile } from "node:fs/promises";

/** The ids of the processes that this one has started and not yet reaped. Linux. */
export async function childProcesses(): Promise<ReadonlySet<number>> {
  const tasks = await readdir(`/proc/${process.pid}/task`);
  const lists = await Promise.all(
    tasks.map((task) => readFile(`/proc/${process.pid}/task/${task}/children`, "utf8").catch(() => "")),
  );
  return new Set(lists.join(" ").split(" ").filter(Boolean).map(Number));
}
