import { type ContenderName, contenderNames, type Place } from "./contender.ts";
import { Match } from "./match.ts";
import type { Places } from "./places.ts";
import { type Pace, playRounds, type Result } from "./rounds.ts";

export type Carrier = "UNIX" | "TCP" | "memory";

/** One load over one carrier: what each contender made of it. */
export interface Throughput {
  readonly carrier: Carrier;
  readonly outstanding: number;
  readonly bytes: number;
  readonly results: readonly Result[];
}

export interface ThroughputPlan {
  readonly carriers: readonly Carrier[];
  readonly outstanding: readonly number[];
  readonly bytes: readonly number[];
  readonly pace: Pace;
}

/** Every load over every carrier. In memory only those who can be joined there. */
export async function measureThroughput(plan: ThroughputPlan, places: Places): Promise<Throughput[]> {
  const all: Throughput[] = [];
  for (const carrier of plan.carriers) {
    await using matches = await openMatches(carrier, places);
    for (const bytes of plan.bytes) {
      for (const outstanding of plan.outstanding) {
        const results = await playRounds(matches.byName, { outstanding, bytes }, plan.pace);
        all.push({ carrier, outstanding, bytes, results });
      }
    }
  }
  return all;
}

interface Matches extends AsyncDisposable {
  readonly byName: ReadonlyMap<string, Match>;
}

async function openMatches(carrier: Carrier, places: Places): Promise<Matches> {
  const byName = new Map<string, Match>();
  const names: readonly ContenderName[] =
    carrier === "memory" ? ["raw node:net", "bytes only", "virnet"] : contenderNames;
  for (const name of names) byName.set(name, await openMatch(carrier, name, places));
  return {
    byName,
    [Symbol.asyncDispose]: async () => {
      for (const match of byName.values()) await match[Symbol.asyncDispose]();
    },
  };
}

function openMatch(carrier: Carrier, name: ContenderName, places: Places): Promise<Match> | Match {
  if (carrier === "memory") return Match.openInMemory(name);
  const place: Place = carrier === "TCP" ? { host: "127.0.0.1", port: 0 } : places.next();
  return Match.open(name, place);
}
