// Our packages' own commands (virnet-gen, ...) for npm scripts and npx. npm links only what is there when it installs,
// which what we build is not yet.
import { accessSync, constants, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root, runNpm } from "./run.mjs";

/** Links the commands that are built and not linked. Returns an exit status. */
export function linkCommands() {
  const unlinked = workspacePackages().filter(hasUnlinkedCommand);
  if (unlinked.length === 0) return 0;
  return runNpm(["rebuild", "--silent", "--ignore-scripts", ...unlinked.map(({ name }) => name)], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}

function workspacePackages() {
  return readdirSync(join(root, "packages"))
    .map((folder) => join(root, "packages", folder))
    .filter((folder) => existsSync(join(folder, "package.json")))
    .map((folder) => ({ folder, ...JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) }));
}

function hasUnlinkedCommand({ folder, bin = {} }) {
  return Object.entries(bin).some(
    ([command, file]) => existsSync(join(folder, file)) && !isExecutable(join(root, "node_modules", ".bin", command)),
  );
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
