import { acceptRate, crowdServerNames, idleBytes } from "./crowd.ts";
import type { Places } from "./places.ts";
import { median, medianRatio } from "./stats.ts";

/** One quantity of our server beside that of a bare one. */
export interface Comparison {
  readonly what: string;
  readonly unit: string;
  readonly bare: number;
  readonly virnet: number;
  /** Ours against the bare one's, the median of all rounds' ratios. */
  readonly ratio: number;
}

export interface CrowdPlan {
  readonly rounds: number;
  readonly connections: readonly number[];
}

/** Memory of connections that say nothing, and the speed at which connections are accepted. */
export async function measureCrowds({ rounds, connections }: CrowdPlan, places: Places): Promise<Comparison[]> {
  const all: Comparison[] = [];
  for (const count of connections) {
    for (const collect of [false, true]) {
      const what = `RSS per idle connection, of ${count}${collect ? ", live" : ""}`;
      all.push(await compareServers(what, "bytes", rounds, (name) => idleBytes(name, places.next(), count, collect)));
    }
  }
  all.push(await compareServers("accepted", "per second", rounds, (name) => acceptRate(name, places.next())));
  return all;
}

async function compareServers(
  what: string,
  unit: string,
  rounds: number,
  measure: (name: (typeof crowdServerNames)[number]) => Promise<number>,
): Promise<Comparison> {
  const values = { "node:net": [] as number[], virnet: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    for (const name of crowdServerNames) values[name].push(await measure(name));
  }
  const bare = values["node:net"];
  return { what, unit, bare: median(bare), virnet: median(values.virnet), ratio: medianRatio(values.virnet, bare) };
}
