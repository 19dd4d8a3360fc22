// Makes a clone ready to run: dependencies, then the build. What is done already is not done again.
//
//   node scripts/setup.mjs [--quiet] [--no-build]     --quiet says only what takes long or fails
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root, runNpm, runTool } from "./run.mjs";

const quiet = process.argv.includes("--quiet");

requireNode(20, 19);
if (!hasDependencies()) step("installing dependencies", () => runNpm(["ci", ...(quiet ? ["--loglevel=error"] : [])]));
else if (!quiet) console.error("setup: dependencies are in place");
if (!process.argv.includes("--no-build")) step(quiet ? "" : "building", () => runTool("tsc", ["-b"]));

function requireNode(major, minor) {
  const [haveMajor, haveMinor] = process.versions.node.split(".").map(Number);
  if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return;
  console.error(`virnet needs Node.js ${major}.${minor} or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

function step(announcement, work) {
  if (announcement) console.error(`setup: ${announcement}`);
  const status = work();
  if (status !== 0) process.exit(status);
}

/** Does node_modules hold what the lock file asks for? npm keeps a record of what it has installed there. */
function hasDependencies() {
  const installed = packagesOf(join(root, "node_modules", ".package-lock.json"));
  if (!installed) return false;
  const wanted = packagesOf(join(root, "package-lock.json")) ?? {};
  return Object.entries(wanted).every(([path, entry]) => isInPlace(path, entry, installed));
}

function isInPlace(path, wanted, installed) {
  if (!path.includes("node_modules/")) return true; // a workspace itself, not a dependency
  const found = installed[path];
  if (!found) return wanted.optional === true || wanted.devOptional === true; // perhaps for another platform
  return found.version === wanted.version && found.integrity === wanted.integrity;
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch {
    return null;
  }
}
