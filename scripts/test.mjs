// Runs the tests and ends with one line that counts them: "N passed, N failed".
//
//   node scripts/test.mjs                 everything: unit tests, then interop against the real peers
//   node scripts/test.mjs unit xdr        one part; what follows goes to vitest (here: files named *xdr*)
//
// Interop without its peers skips and says what is absent; with CI=true an absent peer is a failure.
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root, runTool } from "./run.mjs";

// A test in an endless loop never lets vitest's own time limits act.
const minutesPerPart = 12;

const configs = { unit: "vitest.config.ts", interop: "vitest.interop.config.ts" };
const reports = join(root, ".cache", "test");

const [chosen, ...rest] = process.argv.slice(2);
const isPart = chosen !== undefined && chosen in configs;
const parts = isPart ? [chosen] : Object.keys(configs);
const vitestArgs = isPart || chosen === undefined ? rest : [chosen, ...rest];

const total = { passed: 0, failed: 0, skipped: 0 };
mkdirSync(reports, { recursive: true });
for (const part of parts) add(runPart(part, vitestArgs));

const anyRan = total.passed + total.failed > 0;
if (!anyRan) console.log("no test ran");
console.log(summary(total));
process.exitCode = total.failed > 0 || !anyRan ? 1 : 0;

function runPart(part, args) {
  const report = join(reports, `${part}.json`);
  rmSync(report, { force: true });
  console.log(`\n== ${part} tests`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const vitest = ["run", "--config", configs[part], "--passWithNoTests", ...reporters, ...args];
  const status = runTool("vitest", vitest, { timeout: minutesPerPart * 60_000 });
  return countOf(part, report, status);
}

/** What a report counts. A part that fails without a failed test (it did not load, it crashed) counts as one. */
function countOf(part, file, status) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  const report = read(file);
  if (report) {
    count.passed = report.numPassedTests;
    count.failed = report.numFailedTests;
    count.skipped = report.numPendingTests + report.numTodoTests;
  }
  if (status !== 0 && count.failed === 0) {
    console.log(`the ${part} tests ended with status ${status}, without a failed test`);
    count.failed = 1;
  }
  return count;
}

function read(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return null;
  }
}

function add(count) {
  for (const key of Object.keys(total)) total[key] += count[key];
}

function summary({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
