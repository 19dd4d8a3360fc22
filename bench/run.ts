/*
 * Runs every bench, or those whose names contain an argument, each in a process of its own: what one bench has taught
 * the compiler about a function may not speed up or slow down the next.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = new URL(".", import.meta.url);
const wanted = process.argv.slice(2);

const benches = readdirSync(here)
  .filter((file) => file.endsWith(".bench.js"))
  .filter((file) => wanted.length === 0 || wanted.some((word) => file.includes(word)));

for (const file of benches) {
  console.log(`\n${file.replace(".bench.js", "")} (Node ${process.versions.node})`);
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL(file, here))], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
if (benches.length === 0) {
  console.error(`no bench is called *${wanted.join("*, *")}*`);
  process.exitCode = 1;
}
