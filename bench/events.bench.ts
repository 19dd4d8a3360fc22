/* Events: one server, many subscribers: how many are delivered, what each costs, and how long it takes. */
import { Child } from "./calls/child.ts";
import type { Place } from "./calls/contender.ts";
import { Places } from "./calls/places.ts";
import type { AudienceQuestion, HeardEvents } from "./events/audience-process.ts";
import type { PublisherName, PublisherQuestion } from "./events/publisher-process.ts";
import { benchOptions } from "./options.ts";

const { quick, json } = benchOptions();
const names: readonly PublisherName[] = ["node:net", "shared", "emit"];
/** Both ends of ten thousand connections need their descriptors. */
const FILES = 20_000;

interface Result {
  readonly subscribers: number;
  readonly how: PublisherName;
  /** Events delivered per second, each to one subscriber. */
  readonly rate: number;
  /** Microseconds of the server's CPU for each of them. */
  readonly cpu: number;
  /** Milliseconds, at a tenth of that rate. */
  readonly median: number;
  readonly p99: number;
}

await using places = await Places.make();
for (const subscribers of [1000, 10_000]) {
  const rounds: Result[][] = [];
  for (let i = 0; i < (quick ? 1 : 3); i++) {
    for (const [n, how] of names.entries()) (rounds[n] ??= []).push(await measure(how, subscribers, places.next()));
  }
  for (const results of rounds) print(medianOf(results));
}

async function measure(how: PublisherName, subscribers: number, place: Place): Promise<Result> {
  await using server = Child.start("../events/publisher-process.js", [how], { files: FILES });
  const ask = <Answer>(question: PublisherQuestion): Promise<Answer> => server.ask<Answer>(question);
  await ask({ ask: "serve", place });
  await using audience = Child.start("../events/audience-process.js", [JSON.stringify(place)], { files: FILES });
  const hear = <Answer>(question: AudienceQuestion): Promise<Answer> => audience.ask<Answer>(question);
  await hear({ ask: "join", subscribers });
  const run = async (events: number, every: number): Promise<HeardEvents & { readonly cpu: number }> => {
    const heard = hear<HeardEvents>({ ask: "hear", events: events * subscribers });
    const cpu = await ask<number>({ ask: "publish", events, every });
    return { ...(await heard), cpu };
  };
  const events = (quick ? 100_000 : 500_000) / subscribers;
  await run(events / 4, 0); // so that code is compiled
  const burst = await run(events, 0);
  const rate = (events * subscribers * 1000) / burst.took;
  const every = (subscribers * 10_000) / rate;
  const calm = await run(Math.ceil((quick ? 2000 : 5000) / every), every);
  return { subscribers, how, rate, cpu: burst.cpu / (events * subscribers), median: calm.median, p99: calm.p99 };
}

/** Of each number by itself. */
function medianOf(results: readonly Result[]): Result {
  const [first] = results;
  if (first === undefined) throw new Error("nothing was measured");
  const of = (key: "rate" | "cpu" | "median" | "p99"): number =>
    results.map((result) => result[key]).toSorted((one, other) => one - other)[Math.floor(results.length / 2)] ??
    Number.NaN;
  return { ...first, rate: of("rate"), cpu: of("cpu"), median: of("median"), p99: of("p99") };
}

function print(result: Result): void {
  const { subscribers, how, rate, cpu, median, p99 } = result;
  if (json) {
    console.log(JSON.stringify(result));
    return;
  }
  const speed = `${rate.toFixed(0).padStart(8)} events/s ${cpu.toFixed(1).padStart(6)} µs of CPU each`;
  const late = `median ${median.toFixed(1)} ms, 99th ${p99.toFixed(1)} ms`;
  console.log(`  ${String(subscribers).padStart(6)} subscribers, ${how.padEnd(8)} ${speed}; at a tenth of it ${late}`);
}
