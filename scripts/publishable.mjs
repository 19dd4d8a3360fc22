// Checks each package that is published as npm would publish it: entry points, files, module kinds.
//
//   node scripts/publishable.mjs          after a build
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root, runTool } from "./run.mjs";

const folders = readdirSync(join(root, "packages")).map((name) => join("packages", name));
const failed = folders.filter(isPublished).filter((folder) => runTool("publint", ["run", "--strict", folder]) !== 0);
if (failed.length > 0) process.exitCode = 1;

function isPublished(folder) {
  const manifest = join(root, folder, "package.json");
  return existsSync(manifest) && JSON.parse(readFileSync(manifest, "utf8")).private !== true;
}
