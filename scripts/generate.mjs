// Generates the code of every package that has .x files, by its own "generate" script.
//
//   node scripts/generate.mjs [--check]   --check writes nothing and fails if a file is not up to date
//
// Builds the compiler alone first: the rest may not build before its generated code is right.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { linkCommands } from "./commands.mjs";
import { root, runNpm, runTool } from "./run.mjs";

const args = process.argv.slice(2);
const compiler = "packages/codegen";

process.exitCode = existsSync(join(root, compiler, "tsconfig.json")) ? build() || linkCommands() || generate() : 0;

function build() {
  return runTool("tsc", ["-b", compiler]);
}

function generate() {
  const quiet = args.includes("--check") ? ["--silent"] : [];
  return runNpm(["run", "generate", "--workspaces", "--if-present", ...quiet, "--", ...args]);
}
