// Makes a clone ready to run: dependencies, then the build. What is done already is not done again.
//
//   node scripts/setup.mjs [--quiet] [--no-build]     --quiet says only what takes long or fails
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { linkCommands } from "./commands.mjs";
import { root, runNpm, runTool } from "./run.mjs";

const quiet = process.argv.includes("--quiet");
const lockFile = join(root, "package-lock.json");
const stampFile = join(root, "node_modules", ".installed-from");
const npmRecord = join(root, "node_modules", ".package-lock.json");

requireNode(20, 19);
if (!hasDependencies()) install();
else if (!quiet) console.error("setup: dependencies are in place");
if (!process.argv.includes("--no-build")) build();

function requireNode(major, minor) {
  const [haveMajor, haveMinor] = process.versions.node.split(".").map(Number);
  if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return;
  console.error(`virnet needs Node.js ${major}.${minor} or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

function install() {
  console.error("setup: installing dependencies");
  endUnlessZero(runNpm(["ci", "--include=dev", ...(quiet ? ["--loglevel=error"] : [])]));
  writeFileSync(stampFile, hashOfLock());
}

function build() {
  if (!quiet) console.error("setup: building");
  endUnlessZero(runTool("tsc", ["-b"]));
  endUnlessZero(linkCommands());
}

function endUnlessZero(status) {
  if (status !== 0) process.exit(status);
}

/** Installed by us from this very lock file, or by hand and to the same effect. */
function hasDependencies() {
  return read(stampFile) === hashOfLock() || recordFitsLock();
}

function hashOfLock() {
  return createHash("sha256").update(readFileSync(lockFile)).digest("hex");
}

/** npm keeps a record of what it has put into node_modules. */
function recordFitsLock() {
  const record = read(npmRecord);
  if (record === null) return false;
  const installed = JSON.parse(record).packages;
  const wanted = JSON.parse(readFileSync(lockFile, "utf8")).packages;
  return Object.entries(wanted).every(([path, entry]) => isInPlace(path, entry, installed));
}

function isInPlace(path, wanted, installed) {
  if (!path.includes("node_modules/")) return true; // a workspace itself, not a dependency
  const found = installed[path];
  if (!found) return wanted.optional === true || wanted.devOptional === true; // perhaps for another platform
  return found.version === wanted.version && found.integrity === wanted.integrity;
}

function read(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}
