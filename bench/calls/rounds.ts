import type { Load } from "./load.ts";
import type { Match, Round } from "./match.ts";
import { median, medianRatio } from "./stats.ts";

/** How long and how often everything is measured. */
export interface Pace {
  readonly rounds: number;
  readonly milliseconds: number;
}

/** The medians of one contender under one load. */
export interface Result extends Round {
  readonly name: string;
  /** Calls per second against those of the first contender, round by round. */
  readonly ratio: number;
  readonly rounds: readonly Round[];
}

/** Samples of single calls taken in a round, about. */
const SAMPLES = 2000;

/**
 * All contenders under one load: a warm-up each, then rounds in which each has its turn, then one more to count
 * allocations.
 */
export async function playRounds(
  matches: ReadonlyMap<string, Match>,
  load: Pick<Load, "outstanding" | "bytes">,
  { rounds, milliseconds }: Pace,
): Promise<Result[]> {
  const players: Player[] = [];
  for (const [name, match] of matches) {
    const warm = await match.play({ ...load, milliseconds, sampleEvery: 1 }, false);
    const calls = (warm.callsPerSecond * milliseconds) / 1000;
    const sampleEvery = Math.max(1, Math.floor(calls / SAMPLES));
    players.push({ name, match, load: { ...load, milliseconds, sampleEvery }, rounds: [] });
  }
  for (let round = 0; round < rounds; round++) {
    for (const player of players) player.rounds.push(await player.match.play(player.load, false));
  }
  return resultsOf(players);
}

interface Player {
  readonly name: string;
  readonly match: Match;
  readonly load: Load;
  readonly rounds: Round[];
}

async function resultsOf(players: readonly Player[]): Promise<Result[]> {
  const results: Result[] = [];
  const yardstick = speeds(players[0]?.rounds ?? []);
  for (const { name, match, load, rounds } of players) {
    const { clientBytes, serverBytes } = await match.play(load, true);
    results.push({
      name,
      ratio: medianRatio(speeds(rounds), yardstick),
      callsPerSecond: median(speeds(rounds)),
      p50: median(rounds.map(({ p50 }) => p50)),
      p99: median(rounds.map(({ p99 }) => p99)),
      clientCpu: median(rounds.map(({ clientCpu }) => clientCpu)),
      ...(rounds[0]?.serverCpu !== undefined && { serverCpu: median(rounds.map(({ serverCpu = 0 }) => serverCpu)) }),
      ...(clientBytes !== undefined && { clientBytes }),
      ...(serverBytes !== undefined && { serverBytes }),
      rounds,
    });
  }
  return results;
}

/** Calls per second, round by round. */
export function speeds(rounds: readonly Round[]): number[] {
  return rounds.map(({ callsPerSecond }) => callsPerSecond);
}
