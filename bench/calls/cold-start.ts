import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Child } from "./child.ts";
import type { Comparison } from "./crowds.ts";
import type { Places } from "./places.ts";
import { median, medianRatio } from "./stats.ts";

/** From nothing to the end of a program that makes one call, against a program that does nothing at all. */
export async function measureColdStart(rounds: number, places: Places): Promise<Comparison> {
  await using server = Child.start("server-process.js", ["virnet"]);
  const place = places.next();
  await server.ask({ ask: "serve", place });
  const program = fileURLToPath(new URL("cold/one-call.js", import.meta.url));
  const bare: number[] = [];
  const virnet: number[] = [];
  for (let round = 0; round < rounds; round++) {
    bare.push(millisecondsOf(["-e", "0"]));
    virnet.push(millisecondsOf([program, place.path]));
  }
  return {
    what: "cold start, one call",
    unit: "ms",
    bare: median(bare),
    virnet: median(virnet),
    ratio: medianRatio(virnet, bare),
  };
}

function millisecondsOf(args: readonly string[]): number {
  const began = performance.now();
  const { status } = spawnSync(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"], timeout: 10_000 });
  if (status !== 0) throw new Error("a program did not end well");
  return performance.now() - began;
}
