// Keeps package-lock.json true on every platform. npm records only those optional packages of a tool (one per platform,
// with its binary) that it came across on the machine that wrote the file; "npm ci" then refuses it. The tools pin these
// packages to exact versions, so what is missing can be told from the file itself.
//
//   node scripts/lock.mjs                 after "npm install": adds what is missing
//   node scripts/lock.mjs --check         fails if something is missing, or if an address of a registry is in the file
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./run.mjs";

const systems = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"];
const libcs = { gnu: "glibc", gnueabihf: "glibc", musl: "musl", musleabihf: "musl" };

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) main();

function main() {
  const file = join(root, "package-lock.json");
  const lock = JSON.parse(readFileSync(file, "utf8"));
  const missing = missingOf(lock.packages);
  if (process.argv.includes("--check")) report(missing, addressesIn(lock.packages));
  else if (Object.keys(missing).length > 0) write(file, lock, missing);
}

function report(missing, addresses) {
  for (const path of Object.keys(missing)) console.error(`package-lock.json: ${path} is missing; run scripts/lock.mjs`);
  for (const path of addresses) console.error(`package-lock.json: ${path} names a registry's address`);
  if (Object.keys(missing).length + addresses.length > 0) process.exitCode = 1;
}

function write(file, lock, missing) {
  const packages = Object.entries({ ...lock.packages, ...missing }).toSorted(byPath);
  writeFileSync(file, `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, null, 2)}\n`);
  console.log(`package-lock.json: ${Object.keys(missing).length} optional packages of other platforms added`);
}

function byPath([a], [b]) {
  return a.localeCompare(b, "en");
}

function addressesIn(packages) {
  return Object.keys(packages).filter((path) => /^https?:/.test(packages[path].resolved ?? ""));
}

/** Lock file entries for the exactly pinned optional dependencies that have none. */
export function missingOf(packages) {
  const entries = Object.entries(packages).flatMap(([path, entry]) =>
    Object.entries(entry.optionalDependencies ?? {})
      .filter(([name, version]) => /^\d/.test(version) && !isPresent(packages, path, name))
      .map(([name, version]) => [`node_modules/${name}`, entryFor(name, version, entry)]),
  );
  return Object.fromEntries(entries);
}

/** As Node looks: in the package's own node_modules, then in those of the folders above. */
function isPresent(packages, path, name) {
  const parents = path.split("/node_modules/").map((_, i, parts) => parts.slice(0, i + 1).join("/node_modules/"));
  return ["", ...parents].some((parent) => (parent ? `${parent}/` : "") + `node_modules/${name}` in packages);
}

function entryFor(name, version, { dev, devOptional, engines }) {
  return { version, ...platformOf(name), ...only({ dev, devOptional, engines }), optional: true };
}

function only(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** What the name of a platform's package says: `@biomejs/cli-linux-x64-musl`. */
export function platformOf(name) {
  const words = name.split("/").at(-1).split("-");
  const at = words.findIndex((word) => systems.includes(word));
  if (at === -1) return words.includes("wasm32") ? { cpu: ["wasm32"] } : {};
  const [os, cpu, abi] = words.slice(at);
  return { cpu: [cpu], ...(libcs[abi] ? { libc: [libcs[abi]] } : {}), os: [os] };
}
