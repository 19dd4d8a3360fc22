import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { type Daemon, spawnTestd } from "./helpers/daemon.ts";
import { describeWithPeers } from "./helpers/peers.ts";
import { runProgram } from "./helpers/program.ts";
import { repositoryPath, testbedScript } from "./helpers/scripts.ts";
import { testbedDirectory } from "./helpers/testbed.ts";

const listFile = "interop/battery-passing.txt";

/**
 * The real virsh's battery against our stand-in, held against the list of lines that are known to pass. It goes both
 * ways: what stops passing fails, and so does what passes and is not listed, so that the list stays true.
 */
describeWithPeers(["virsh"], "virsh-battery against virnet-testd", () => {
  let daemon: Daemon;
  let verdicts: ReadonlyMap<string, boolean>;
  let outputs: string;
  let listed: readonly string[];

  beforeAll(async () => {
    const socket = join(testbedDirectory(), "battery.sock");
    outputs = join(testbedDirectory(), "battery");
    listed = await readList();
    daemon = await spawnTestd(["--socket", socket, "--listen", "127.0.0.1:0"]);
    verdicts = await runBattery(`test+unix:///default?socket=${socket}`, outputs);
    return () => daemon[Symbol.asyncDispose]();
  }, 240_000);

  it("passes every listed line", async () => {
    const broken = listed.filter((name) => verdicts.get(name) !== true);
    const differences = await Promise.all(broken.map((name) => differenceOf(name, outputs)));
    expect(differences.join("\n"), `${broken.length} listed lines fail`).toBe("");
  });

  it("passes no line that is not listed", () => {
    const unlisted = [...verdicts].filter(([name, passes]) => passes && !listed.includes(name)).map(([name]) => name);
    expect(unlisted, `these pass now: add them to ${listFile}`).toEqual([]);
  });
});

async function readList(): Promise<string[]> {
  const text = await readFile(repositoryPath(listFile), "utf8");
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

/** Runs the battery; its exit status says only that some line failed. */
async function runBattery(uri: string, outputs: string): Promise<ReadonlyMap<string, boolean>> {
  const options = { env: { BATTERY_OUT: outputs }, timeout: 220_000 };
  const { stdout } = await runProgram(testbedScript("virsh-battery"), [uri], options);
  const lines = stdout.matchAll(/^(PASS|FAIL) (\S+)/gm);
  return new Map(Array.from(lines, ([, verdict, name]) => [name ?? "", verdict === "PASS"]));
}

/** What libvirtd answers and what we do, as diff shows it. */
async function differenceOf(name: string, outputs: string): Promise<string> {
  const expected = testbedScript(`battery/expected/${name}`);
  const labels = ["--label", `${name} of libvirtd`, "--label", `${name} of virnet-testd`];
  const { stdout, stderr } = await runProgram("diff", ["-u", ...labels, expected, join(outputs, name)]);
  return stdout || stderr || `${name}: the output is right, the exit status is not`;
}
