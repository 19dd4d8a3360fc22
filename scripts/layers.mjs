// Checks who imports whom, against the table in ARCHITECTURE.md ("Who may import whom").
//
//   node scripts/layers.mjs               exit status 1 and one line FILE:LINE: REASON for each import that breaks a rule
import { readdirSync, readFileSync } from "node:fs";
import { join, posix, relative, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./run.mjs";

/** The rooms of packages/rpc/src: what each may import besides itself, and of what it may only know the types. */
const rooms = {
  xdr: {},
  util: {},
  protocol: { values: ["xdr", "util"] },
  program: { values: ["xdr", "util"] },
  tls: { values: ["xdr", "util"] },
  sasl: { values: ["xdr", "util"] },
  mdns: { values: ["xdr", "util"] },
  transport: { values: ["xdr", "util", "tls"] },
  systemd: { values: ["util", "transport"] },
  connection: { values: ["xdr", "util", "protocol", "program"], types: ["transport", "sasl"] },
  stream: { values: ["xdr", "util", "protocol", "program"], types: ["connection", "transport"] },
  client: {
    values: ["xdr", "util", "protocol", "program", "sasl", "connection", "stream"],
    types: ["transport", "tls", "mdns"],
  },
  server: {
    values: ["xdr", "util", "protocol", "program", "sasl", "connection", "stream"],
    types: ["transport", "tls", "mdns"],
  },
};

/** Files that stand above the rooms: composition roots, entry points, helpers for tests. */
const compositionRoots = ["connect.ts", "server/service.ts"];
const entryPoints = ["index.ts", "codegenv1.ts"];
const helperRooms = ["testing"];

/** A browser can run these: not even a type of Node's. */
const portable = ["xdr", "util", "protocol", "program", "connection", "stream", "client"];
const networkModules = ["node:net", "node:tls", "node:child_process"];

const importPattern = new RegExp(
  [
    String.raw`\b(?:import|export)\s[^;"'()]*?\bfrom\s*["'](?<from>[^"']+)["']`,
    String.raw`\bimport\s*["'](?<bare>[^"']+)["']`,
    String.raw`\bimport\s*\(\s*["'](?<dynamic>[^"']+)["']`,
  ].join("|"),
  "g",
);

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) main();

function main() {
  const found = sourceFiles().flatMap((file) => violations(file, readFileSync(join(root, file), "utf8")));
  for (const line of found) console.error(line);
  if (found.length > 0) process.exitCode = 1;
}

/** Reasons why the imports of one source file are wrong; `file` is its path in the repository, with slashes. */
export function violations(file, text) {
  const [, name, inside] = /^packages\/([^/]+)\/src\/(.+)$/.exec(file) ?? [];
  if (inside === undefined || inside.split("/").includes("gen")) return [];
  return importsOf(text).flatMap((found) => {
    const reason = reasonAgainst(name, inside, found);
    return reason ? [`${file}:${found.line}: ${reason}`] : [];
  });
}

function reasonAgainst(name, inside, { specifier, isType }) {
  if (specifier.startsWith("node:")) return name === "rpc" ? reasonAgainstNode(inside, specifier) : null;
  if (!specifier.startsWith(".")) return null;
  const target = posix.join(posix.dirname(inside), specifier);
  if (target.startsWith("..")) return "an import by path may not leave the package";
  if (posix.basename(target) === "index.ts") return "index.ts is for users of the package; import the file that has it";
  return name === "rpc" ? reasonAgainstRoom(inside, target, isType) : null;
}

function reasonAgainstNode(inside, specifier) {
  const room = roomOf(inside);
  if (portable.includes(room)) return `${room} may not import node:*, as a browser can run it`;
  if (networkModules.includes(specifier) && room !== "transport" && !helperRooms.includes(room)) {
    return `only transport may import ${specifier}`;
  }
  return null;
}

function reasonAgainstRoom(inside, target, isType) {
  const from = roomOf(inside);
  const to = roomOf(target);
  if (from === to || helperRooms.includes(from)) return null;
  if (compositionRoots.includes(inside) || entryPoints.includes(inside)) return null;
  const rules = rooms[from];
  if (!rules) return `${from} is no room that scripts/layers.mjs knows; add it to the table there`;
  if (rules.values?.includes(to)) return null;
  if (rules.types?.includes(to)) return isType ? null : `${from} may import only types of ${to} (import type)`;
  return `${from} may not import ${to}`;
}

/** The room of a file in packages/rpc/src; a file outside all folders is its own. */
function roomOf(inside) {
  return inside.split("/")[0];
}

/** Every import, re-export and dynamic import of a source text, with its line. */
export function importsOf(text) {
  const code = withoutComments(text);
  return [...code.matchAll(importPattern)].map((match) => ({
    specifier: match.groups.from ?? match.groups.bare ?? match.groups.dynamic,
    isType: /^(import|export)\s+type\b/.test(match[0]),
    line: code.slice(0, match.index).split("\n").length,
  }));
}

/** Blanks comments out, so that lines keep their numbers. */
function withoutComments(text) {
  return text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " ")).replace(/^\s*\/\/.*$/gm, "");
}

function sourceFiles() {
  return readdirSync(join(root, "packages")).flatMap((name) => typescriptBelow(join(root, "packages", name, "src")));
}

function typescriptBelow(folder) {
  return entriesOf(folder)
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"));
}

function entriesOf(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true, recursive: true });
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
}
