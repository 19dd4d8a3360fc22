import { mkdtemp } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Daemon, spawnDaemon } from "./helpers/daemon.ts";
import { describeWithNamespace } from "./helpers/peers.ts";
import { type ProgramResult, runProgram } from "./helpers/program.ts";
import { repositoryPath, testbedScript } from "./helpers/scripts.ts";
import { type TwoMachines, twoMachines } from "./helpers/two-machines.ts";

const type = "_virnet-l._tcp";
const library = JSON.stringify(repositoryPath("packages/rpc/dist/mdns/index.js"));

/** Two machines, two cables, both families of addresses; Avahi on the far one only. */
describeWithNamespace(["avahi-daemon"], "mDNS between two machines", () => {
  let machines: TwoMachines;
  let directory: string;
  let bus: string;

  beforeAll(async () => {
    machines = await twoMachines();
    directory = await mkdtemp("/tmp/virnet-");
    await far(testbedScript("up"), "avahi");
    const { stdout } = await far(testbedScript("env"), "DBUS_SYSTEM_BUS_ADDRESS");
    bus = stdout.trim();
  }, 60_000);

  afterAll(async () => {
    await far(testbedScript("down"), "--wipe");
    await machines[Symbol.asyncDispose]();
  });

  async function far(...command: readonly string[]): Promise<ProgramResult> {
    const [enter, ...rest] = machines.far.enter;
    const env = {
      TESTBED_DIR: directory,
      AVAHI_INTERFACES: "far0,far1",
      AVAHI_USE_IPV6: "yes",
      ...(bus && { DBUS_SYSTEM_BUS_ADDRESS: bus }),
    };
    return runProgram(enter, [...rest, ...command], { env, timeout: 40_000 });
  }

  /** A process on the near machine that advertises until it is told to end. */
  function advertiser(options: string): Promise<Daemon> {
    const code = `
      import { advertise } from ${library};
      const ours = advertise({ type: "${type}", name: "near", port: 4711, backend: "embedded", ${options} });
      console.log(JSON.stringify(await ours.established()));
      process.once("SIGTERM", () => ours.close());
      setTimeout(() => {}, 60_000).unref();`;
    const [enter, ...rest] = machines.near.enter;
    return spawnDaemon(enter, [...rest, process.execPath, "--input-type=module", "--eval", code]);
  }

  /** Interface, family and address of each entry that Avahi has of the type. */
  async function seen(): Promise<string[]> {
    const { stdout } = await far("avahi-browse", "-rpt", type);
    const lines = stdout.split("\n").filter((line) => line.startsWith("="));
    return lines
      .map((line) => line.split(";"))
      .map(([, on, family]) => `${on} ${family}`)
      .toSorted();
  }

  const everywhere = ["far0 IPv4", "far0 IPv6", "far1 IPv4", "far1 IPv6"];

  it("the embedded responder serves all interfaces in both families, and says goodbye on all", async () => {
    {
      await using _ = await advertiser("");
      await expect.poll(seen, { timeout: 15_000, interval: 500 }).toEqual(everywhere);
    }
    await expect.poll(seen, { timeout: 5000, interval: 250 }).toEqual([]);
  });

  it("that responder keeps to one interface and to one family when the service does", async () => {
    {
      await using _ = await advertiser('addresses: ["10.77.1.1"]');
      await expect.poll(seen, { timeout: 15_000, interval: 500 }).toEqual(["far1 IPv4"]);
    }
    await using _ = await advertiser('addresses: ["::"], interfaces: ["near0"]');
    await expect.poll(seen, { timeout: 15_000, interval: 500 }).toEqual(["far0 IPv6"]);
  });

  it.each(["avahi", "embedded"])(
    "our browser has it once, with addresses of both families and all interfaces (%s)",
    async (backend) => {
      await using _ = await advertiser("");
      const code = `
      import { browse } from ${library};
      let last;
      const watching = browse("${type}", { backend: "${backend}" });
      const timer = setTimeout(() => watching.close(), 3000);
      const names = new Set();
      for await (const { kind, service } of watching) if (kind !== "down") names.add((last = service).name);
      console.log(JSON.stringify({ names: [...names], addresses: last?.addresses }));`;
      const { stdout } = await far(process.execPath, "--input-type=module", "--eval", code);
      const found: { names: string[]; addresses: string[] } = JSON.parse(stdout);
      expect(found.names).toEqual(["near"]);
      expect(found.addresses).toEqual(expect.arrayContaining(["10.77.0.1", "10.77.1.1"]));
      expect(found.addresses.some((address) => address.includes(":"))).toBe(true);
    },
  );
});
