import { compileCClient } from "./c-client.ts";
import { Child } from "./child.ts";
import type { Place } from "./contender.ts";
import type { ForeignClient, ForeignRound } from "./foreign-client.ts";
import { compileGoClient } from "./go-client.ts";
import { type Libvirtd, startLibvirtd } from "./libvirtd.ts";
import { Match, type Round } from "./match.ts";
import type { Places } from "./places.ts";
import { type Pace, playRounds, type Result } from "./rounds.ts";
import { median, medianRatio } from "./stats.ts";

/** The same raw client against both servers. */
export interface ServerDuel {
  readonly outstanding: number;
  /** libvirtd, then ours. */
  readonly results: readonly Result[];
  /** How many times libvirtd's calls per second ours answers. */
  readonly ratio: number;
  /** Microseconds of CPU per call that libvirtd spends. */
  readonly libvirtdCpu: number;
}

/** Two clients, one server. */
export interface ClientDuel {
  readonly server: string;
  readonly name: string;
  readonly callsPerSecond: number;
  readonly clientCpu: number;
  /** How many times our CPU per call this is; ours is that of 64 calls outstanding. */
  readonly ratio: number;
}

export interface LibvirtPeers {
  readonly servers: readonly ServerDuel[];
  readonly clients: readonly ClientDuel[];
  /** What could not be measured, and why. */
  readonly absent: readonly string[];
}

const CALLERS = [1, 32];
const OUTSTANDING = [1, 64];

/** Against libvirt's own server and client, where they are installed. */
export async function measureLibvirtPeers(
  outstanding: readonly number[],
  pace: Pace,
  places: Places,
): Promise<LibvirtPeers> {
  await using libvirtd = await startLibvirtd();
  const found = [await compileCClient(places.folder), await compileGoClient(places.folder)];
  const foreign = found.flatMap((one) => ("play" in one ? [one] : []));
  await using server = Child.start("server-process.js", ["virnet on libvirt"]);
  const ours = await server.ask<Place>({ ask: "serve", place: places.next() });
  const pathOfOurs = "path" in ours ? ours.path : "";
  const targets = [
    { name: "virnet", path: pathOfOurs },
    ...(libvirtd ? [{ name: "libvirtd", path: libvirtd.path }] : []),
  ];
  const servers = libvirtd ? await duelServers(libvirtd, pathOfOurs, outstanding, pace) : [];
  const clients: ClientDuel[] = [];
  if (foreign.length > 0) {
    for (const target of targets) clients.push(...(await duelClients(target, foreign, pace)));
  }
  const absent = found.flatMap((one) => ("absent" in one ? [one.absent] : []));
  return { servers, clients, absent: libvirtd ? absent : ["libvirtd: not installed", ...absent] };
}

async function duelServers(
  libvirtd: Libvirtd,
  path: string,
  outstanding: readonly number[],
  pace: Pace,
): Promise<ServerDuel[]> {
  await using ours = Match.against("raw on libvirt", { path });
  await using theirs = Match.against("raw on libvirt", { path: libvirtd.path });
  const matches = new Map([
    ["libvirtd", theirs],
    ["virnet", ours],
  ]);
  const duels: ServerDuel[] = [];
  for (const out of outstanding) {
    const before = await libvirtd.cpu();
    const results = await playRounds(matches, { outstanding: out, bytes: 8 }, pace);
    const spent = (await libvirtd.cpu()) - before;
    const [theirResult, ourResult] = results;
    // Warm-up, rounds, and the round that counts allocations.
    const calls = ((theirResult?.callsPerSecond ?? 0) * (pace.rounds + 2) * pace.milliseconds) / 1000;
    duels.push({ outstanding: out, results, ratio: ourResult?.ratio ?? Number.NaN, libvirtdCpu: spent / calls });
  }
  return duels;
}

async function duelClients(
  { name: server, path }: { readonly name: string; readonly path: string },
  foreign: readonly ForeignClient[],
  pace: Pace,
): Promise<ClientDuel[]> {
  await using ours = Match.against("virnet on libvirt", { path });
  const runs = new Map<
    string,
    { readonly play: () => Promise<ForeignRound | Round>; readonly rounds: ForeignRound[] }
  >();
  for (const out of OUTSTANDING) {
    const load = { outstanding: out, bytes: 0, milliseconds: pace.milliseconds, sampleEvery: 64 };
    await ours.play(load, false);
    runs.set(`virnet, ${out} outstanding`, { play: () => ours.play(load, false), rounds: [] });
  }
  for (const { name, callers, play } of foreign) {
    for (const count of CALLERS) {
      runs.set(`${name}, ${count} ${callers}`, { play: () => play(path, count, pace.milliseconds), rounds: [] });
    }
  }
  for (let round = 0; round < pace.rounds; round++) {
    for (const { play, rounds } of runs.values()) rounds.push(await play());
  }
  const yardstick = cpus(runs.get("virnet, 64 outstanding")?.rounds ?? []);
  return [...runs].map(([name, { rounds }]) => ({
    server,
    name,
    callsPerSecond: median(rounds.map(({ callsPerSecond }) => callsPerSecond)),
    clientCpu: median(cpus(rounds)),
    ratio: medianRatio(cpus(rounds), yardstick),
  }));
}

function cpus(rounds: readonly ForeignRound[]): number[] {
  return rounds.map(({ clientCpu }) => clientCpu);
}
