/* What a thousand sessions cost that do nothing: memory and processor time of each, beside a bare socket. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Child } from "./calls/child.ts";
import { benchOptions } from "./options.ts";
import type { IdleCost, IdleKind } from "./sessions/idle-process.ts";

const kinds: readonly IdleKind[] = ["node:net", "Libvirt", "Libvirt, reconnect", "fleet", "fleet, events"];

const { quick, json } = benchOptions();
const count = quick ? 200 : 1000;
const testd = fileURLToPath(new URL("../../packages/testd/dist/bin.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sessions-"));
const socket = join(folder, "sock");
const server = spawn(process.execPath, [testd, "--socket", socket], { stdio: ["ignore", "pipe", "inherit"] });
try {
  await once(server.stdout, "data");
  for (let host = 0; host < count; host++) symlinkSync(socket, `${socket}.${host}`);
  const costs: [IdleKind, IdleCost][] = [];
  for (const kind of kinds) costs.push([kind, await idleCost(kind)]);
  if (json) console.log(JSON.stringify({ count, ...Object.fromEntries(costs) }));
  else for (const [kind, cost] of costs) print(kind, cost);
} finally {
  server.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}

async function idleCost(kind: IdleKind): Promise<IdleCost> {
  const node = ["--expose-gc"];
  await using child = Child.start("../sessions/idle-process.js", [kind, String(count), socket], { node, files: 4096 });
  return await child.ask<IdleCost>({}); // before the child goes
}

function print(kind: IdleKind, { rss, heap, cpu }: IdleCost): void {
  const memory = `${(rss / 1024).toFixed(1).padStart(7)} KiB resident ${(heap / 1024).toFixed(1).padStart(6)} KiB heap`;
  console.log(`  ${count} × ${kind.padEnd(20)} ${memory} ${cpu.toFixed(0).padStart(5)} µs of CPU per second, each`);
}
