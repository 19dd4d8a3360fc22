import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { type Daemon, spawnTestd } from "./helpers/daemon.ts";
import { describeWithPeers } from "./helpers/peers.ts";
import { runProgram } from "./helpers/program.ts";
import { testbedScript } from "./helpers/scripts.ts";
import { type Settings, testbed, testbedDirectory } from "./helpers/testbed.ts";

/** What one server does with each thing that `poke` sends, by poke's name for it. */
type Reactions = ReadonlyMap<string, string>;

/** Where the stand-in reacts in its own way, on purpose: each stands in known-differences.md with its reason. */
const ownWay: Reactions = new Map([
  [
    "59 call, then shutdown of the sending side",
    "remote CONNECT_GET_HOSTNAME reply ok vers=1 serial=108 len=HOST | EOF",
  ],
]);

describeWithPeers(["libvirtd", "virsh"], "odd input, to libvirtd and to virnet-testd", () => {
  let settings: Settings<"libvirtd">;
  let daemon: Daemon;
  let theirs: Reactions;
  let ours: Reactions;

  beforeAll(async () => {
    settings = await testbed("libvirtd");
    const socket = join(testbedDirectory(), "odd.sock");
    daemon = await spawnTestd(["--socket", socket]);
    [theirs, ours] = await Promise.all([poke(settings.LIBVIRTD_SOCK), poke(socket)]);
    return () => daemon[Symbol.asyncDispose]();
  }, 120_000);

  it("asks both the same", () => {
    expect([...ours.keys()]).toEqual([...theirs.keys()]);
    expect(ours.size).toBeGreaterThanOrEqual(60);
  });

  it("gets the same reactions, but for the known differences", () => {
    expect(ours).toEqual(new Map([...theirs, ...ownWay]));
  });
});

async function poke(socket: string): Promise<Reactions> {
  const { stdout, stderr, status } = await runProgram(
    testbedScript("poke"),
    ["--server", `unix:${socket}`, "wire", "open"],
    {
      timeout: 100_000,
    },
  );
  if (status !== 0) throw new Error(`poke failed: ${stderr}`);
  const lines = stdout.split("\n").filter((line) => line.startsWith("  "));
  return new Map(lines.map((line, n) => [`${n} ${line.slice(2, 60).trim()}`, normalised(line.slice(61))]));
}

/** What is free to differ: the order of replies, and how long the machine's name is. */
function normalised(reaction: string): string {
  return reaction.replace(/, (not )?in order/, "").replace(/(HOSTNAME reply ok .*)len=\d+/, "$1len=HOST");
}
