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
  const all = await compareMemory(rounds, connections, places);
  all.push(await compareServers("accepted", "per second", rounds, (name) => acceptRate(name, places.next())));
  return all;
}

async function compareMemory(rounds: number, counts: readonly number[], places: Places): Promise<Comparison[]> {
  const whats = [
    ...counts.map((count) => `RSS per idle connection, of ${count}`),
    ...counts.slice(1).map((count, i) => `RSS per idle connection, from ${counts[i]} to ${count}`),
  ];
  const seen = { "node:net": [] as number[][], virnet: [] as number[][] };
  for (let round = 0; round < rounds; round++) {
    for (const name of crowdServerNames) {
      const { fromStart, further } = await idleBytes(name, places.next(), counts);
      seen[name].push([...fromStart, ...further]);
    }
  }
  return whats.map((what, i) => {
    const of = (name: keyof typeof seen): number[] => seen[name].map((values) => values[i] ?? Number.NaN);
    return comparison(what, "bytes", of("node:net"), of("virnet"));
  });
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
  return comparison(what, unit, values["node:net"], values.virnet);
}

function comparison(what: string, unit: string, bare: readonly number[], virnet: readonly number[]): Comparison {
  return { what, unit, bare: median(bare), virnet: median(virnet), ratio: medianRatio(virnet, bare) };
}
