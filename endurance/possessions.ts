import { readdirSync, readFileSync } from "node:fs";

/** What a process has open: of each kind, how many. Linux. */
export interface Possessions {
  readonly descriptors: number;
  readonly children: number;
  /** Of the process itself, such as those for signals. */
  readonly listeners: number;
  /** Node's own list of what keeps it alive. */
  readonly resources: Readonly<Record<string, number>>;
}

const PAUSE_MS = 20;
/** So often the same: that is what stays. */
const ENOUGH = 5;

/** What is open once it stays the same: the last ends take a moment. */
export async function settledPossessions(): Promise<Possessions> {
  let last = "";
  for (let same = 0; same < ENOUGH; ) {
    await new Promise((fulfil) => {
      setTimeout(fulfil, PAUSE_MS);
    });
    const now = JSON.stringify(possessions());
    same = now === last ? same + 1 : 0;
    last = now;
  }
  return possessions();
}

function possessions(): Possessions {
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    // Our own pause, and deadlines of connections that are over, which keep nothing.
    if (kind !== "Timeout") resources[kind] = (resources[kind] ?? 0) + 1;
  }
  return {
    descriptors: readdirSync("/proc/self/fd").length,
    children: children().length,
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    resources,
  };
}

function children(): string[] {
  const tasks = readdirSync("/proc/self/task");
  return tasks.flatMap((task) => readFileSync(`/proc/self/task/${task}/children`, "utf8").split(" ").filter(Boolean));
}
