import type { Measurement } from "./measurement.ts";
import { speeds } from "./rounds.ts";
import { medianRatio } from "./stats.ts";
import type { Throughput } from "./throughput.ts";

/** What the house has set out to reach, as a ratio. */
interface Target {
  readonly what: string;
  readonly wanted: { readonly atLeast: number } | { readonly atMost: number };
  /** NaN where it was not measured. */
  readonly ratio: (measured: Measurement) => number;
}

/** A target, and what became of it. */
export interface Verdict {
  readonly what: string;
  readonly wanted: string;
  readonly ratio: number;
  readonly verdict: "reached" | "missed" | "not measured";
}

const targets: readonly Target[] = [
  {
    what: "1 outstanding, against raw node:net",
    wanted: { atLeast: 0.85 },
    ratio: ({ throughput }) => speedRatio(throughput, 1, "raw node:net"),
  },
  {
    what: "64 outstanding, against raw node:net",
    wanted: { atLeast: 0.45 },
    ratio: ({ throughput }) => speedRatio(throughput, 64, "raw node:net"),
  },
  {
    what: "64 outstanding, against msgpackr framed",
    wanted: { atLeast: 4 },
    ratio: ({ throughput }) => speedRatio(throughput, 64, "msgpackr framed"),
  },
  {
    what: "our server against libvirtd, 64 outstanding",
    wanted: { atLeast: 25 },
    ratio: ({ libvirt }) => libvirt.servers.find(({ outstanding }) => outstanding === 64)?.ratio ?? Number.NaN,
  },
  {
    what: "our client's CPU per call against libvirt.so's best",
    wanted: { atMost: 0.1 },
    ratio: ({ libvirt }) => 1 / bestOfC(libvirt.clients.filter(({ server }) => server === "virnet")),
  },
  ...["of 1000", "of 10000", "from 1000 to 10000"].map(
    (which): Target => ({
      what: `RSS per idle connection, ${which}, against node:net`,
      wanted: { atMost: 1.4 },
      ratio: ({ crowds }) => crowds.find(({ what }) => what.endsWith(which))?.ratio ?? Number.NaN,
    }),
  ),
  {
    what: "connections accepted, against node:net",
    wanted: { atLeast: 0.7 },
    ratio: ({ crowds }) => crowds.find(({ what }) => what === "accepted")?.ratio ?? Number.NaN,
  },
  {
    what: "cold start with one call, against node -e 0",
    wanted: { atMost: 2.2 },
    ratio: ({ coldStart }) => coldStart.ratio,
  },
];

export function verdicts(measured: Measurement): Verdict[] {
  return targets.map(({ what, wanted, ratio: of }) => {
    const ratio = of(measured);
    const isReached = "atLeast" in wanted ? ratio >= wanted.atLeast : ratio <= wanted.atMost;
    return {
      what,
      wanted: "atLeast" in wanted ? `>= ${wanted.atLeast}` : `<= ${wanted.atMost}`,
      ratio,
      verdict: Number.isNaN(ratio) ? "not measured" : isReached ? "reached" : "missed",
    };
  });
}

/** Over UNIX sockets, with eight bytes. */
function speedRatio(all: readonly Throughput[], outstanding: number, against: string): number {
  const found = all.find((one) => one.carrier === "UNIX" && one.bytes === 8 && one.outstanding === outstanding);
  const speedsOf = (name: string): number[] =>
    speeds(found?.results.find((result) => result.name === name)?.rounds ?? []);
  return medianRatio(speedsOf("virnet"), speedsOf(against));
}

function bestOfC(clients: readonly { readonly name: string; readonly ratio: number }[]): number {
  const ofC = clients.filter(({ name }) => name.startsWith("libvirt.so")).map(({ ratio }) => ratio);
  return ofC.length === 0 ? Number.NaN : Math.min(...ofC);
}
