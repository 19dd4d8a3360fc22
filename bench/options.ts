/** What the runner was asked for, and hands on to each bench. */
export interface BenchOptions {
  /** Fewer rounds of fewer loads: an impression, not a measurement. */
  readonly quick: boolean;
  /** A gibibyte through the slow readers of streams, which takes 17 minutes. */
  readonly long: boolean;
  /** One JSON value per line instead of tables. */
  readonly json: boolean;
}

export function benchOptions(args: readonly string[] = process.argv.slice(2)): BenchOptions {
  return { quick: args.includes("--quick"), long: args.includes("--long"), json: args.includes("--json") };
}
