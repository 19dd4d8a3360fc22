import { Bench } from "tinybench";
import { benchOptions } from "./options.ts";

/** The same work done in several ways. The first is the yardstick of the others. */
export type Contenders = Readonly<Record<string, () => void>>;

/** Measures each way and prints nanoseconds per call and how many times the yardstick's rate each reaches. */
export async function compare(title: string, contenders: Contenders): Promise<void> {
  const { quick, json } = benchOptions();
  const bench = new Bench({ time: quick ? 100 : 400, warmupTime: quick ? 50 : 200 });
  for (const [name, work] of Object.entries(contenders)) bench.add(name, repeated(work));
  const tasks = await bench.run();
  const medians = tasks.map(({ name, result }) => ({ name, nanoseconds: nanosecondsPerCall(result) }));
  if (json) console.log(JSON.stringify({ title, medians }));
  else print(title, medians);
}

// A single call is shorter than the clock's step.
const CALLS = 1000;

function repeated(work: () => void): () => void {
  return () => {
    for (let i = 0; i < CALLS; i++) work();
  };
}

interface Median {
  readonly name: string;
  readonly nanoseconds: number;
}

function nanosecondsPerCall(result: object): number {
  if (!("latency" in result)) throw new Error("a bench did not run to its end");
  const { p50 } = result.latency as { readonly p50: number }; // milliseconds
  return (p50 * 1e6) / CALLS;
}

function print(title: string, medians: readonly Median[]): void {
  const yardstick = medians[0]?.nanoseconds ?? Number.NaN;
  console.log(`  ${title}`);
  for (const { name, nanoseconds } of medians) {
    const ratio = (yardstick / nanoseconds).toFixed(2);
    console.log(`    ${name.padEnd(28)} ${nanoseconds.toFixed(1).padStart(9)} ns   ${ratio.padStart(6)} x`);
  }
}
