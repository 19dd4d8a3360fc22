/*
 * Runs every bench, or those whose names contain an argument, each in a process of its own: what one bench has taught
 * the compiler about a function may not speed up or slow down the next.
 *
 *   npm run bench -- [WORD]... [--quick] [--json]
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = new URL(".", import.meta.url);
const args = process.argv.slice(2);
const flags = args.filter((arg) => arg.startsWith("--"));
const wanted = args.filter((arg) => !arg.startsWith("--"));
const isJson = flags.includes("--json");

const benches = readdirSync(here)
  .filter((file) => file.endsWith(".bench.js"))
  .filter((file) => wanted.length === 0 || wanted.some((word) => file.includes(word)));

if (benches.length === 0) {
  console.error(`no bench is called *${wanted.join("*, *")}*`);
  process.exitCode = 1;
}
const results = Object.fromEntries(benches.map((file) => [file.replace(".bench.js", ""), run(file)]));
if (isJson) console.log(JSON.stringify({ node: process.versions.node, ...results }, null, 2));

/** With `--json` what the bench prints, line by line; else it prints to the terminal itself. */
function run(file: string): unknown[] {
  if (!isJson) console.log(`\n${file.replace(".bench.js", "")} (Node ${process.versions.node})`);
  const { status, stdout } = spawnSync(process.execPath, [fileURLToPath(new URL(file, here)), ...flags], {
    stdio: ["inherit", isJson ? "pipe" : "inherit", "inherit"],
    encoding: "utf8",
  });
  if (status !== 0) process.exitCode = 1;
  return isJson ? stdout.split("\n").filter(Boolean).map(parse) : [];
}

function parse(line: string): unknown {
  return JSON.parse(line);
}
