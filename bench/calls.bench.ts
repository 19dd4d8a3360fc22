/* Calls: how many, how fast, at what cost, beside what one would use instead; and whether the targets are reached. */
import { measureColdStart } from "./calls/cold-start.ts";
import { type CrowdPlan, measureCrowds } from "./calls/crowds.ts";
import { measureLibvirtPeers } from "./calls/libvirt-peers.ts";
import type { Measurement } from "./calls/measurement.ts";
import { Places } from "./calls/places.ts";
import { report } from "./calls/report.ts";
import { verdicts } from "./calls/targets.ts";
import { measureThroughput, type ThroughputPlan } from "./calls/throughput.ts";
import { benchOptions } from "./options.ts";

interface Plan {
  readonly throughput: ThroughputPlan;
  readonly crowds: CrowdPlan;
  readonly coldStarts: number;
}

const full: Plan = {
  throughput: {
    carriers: ["UNIX", "TCP", "memory"],
    outstanding: [1, 64, 256],
    bytes: [8, 1024, 65_536],
    pace: { rounds: 5, milliseconds: 200 },
  },
  crowds: { rounds: 5, connections: [1000, 10_000] },
  coldStarts: 15,
};

const quick: Plan = {
  throughput: {
    carriers: ["UNIX"],
    outstanding: [1, 64],
    bytes: [8, 1024],
    pace: { rounds: 3, milliseconds: 150 },
  },
  crowds: { rounds: 1, connections: [1000] },
  coldStarts: 5,
};

const options = benchOptions();
const measured = await measure(options.quick ? quick : full);
if (options.json) console.log(JSON.stringify({ ...measured, targets: verdicts(measured) }));
else console.log(report(measured, verdicts(measured)));

async function measure({ throughput, crowds, coldStarts }: Plan): Promise<Measurement> {
  await using places = await Places.make();
  return {
    throughput: await measureThroughput(throughput, places),
    libvirt: await measureLibvirtPeers(throughput.outstanding, throughput.pace, places),
    crowds: await measureCrowds(crowds, places),
    coldStart: await measureColdStart(coldStarts, places),
  };
}
