// Everything a change must pass. Runs all steps and names those that failed.
//
//   node scripts/check.mjs                all steps
//   node scripts/check.mjs lint layers    only these
//   node scripts/check.mjs --no-tests     all but the tests
import { run, runTool } from "./run.mjs";

const script = (name, ...args) => run(process.execPath, [`scripts/${name}.mjs`, ...args]);

const steps = {
  types: () => runTool("tsc", ["-b"]),
  format: () => runTool("biome", ["check"]),
  lint: () => runTool("oxlint", ["--type-aware", "--deny-warnings"]),
  layers: () => script("layers"),
  lock: () => script("lock", "--check"),
  unused: () => runTool("knip", ["--no-config-hints"]),
  generated: () => script("generate", "--check"),
  packages: () => script("publishable"),
  tests: () => script("test"),
};

const args = process.argv.slice(2);
const named = args.filter((arg) => !arg.startsWith("--"));
const chosen = (named.length > 0 ? named : Object.keys(steps)).filter(isWanted);
const failed = chosen.filter((name) => !passes(name));

if (failed.length > 0) {
  console.error(`\ncheck: failed: ${failed.join(", ")}`);
  process.exitCode = 1;
}

function isWanted(name) {
  if (!(name in steps)) throw new Error(`no such step: ${name} (there are: ${Object.keys(steps).join(", ")})`);
  return !(name === "tests" && args.includes("--no-tests"));
}

function passes(name) {
  console.error(`\n== ${name}`);
  return steps[name]() === 0;
}
