import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Domain, type Events, Libvirt } from "@virnet/libvirt";
import { ConnectionError, RpcError } from "virnet";
import { describe, expect, it } from "vitest";
import { type Daemon, spawnTestd } from "./helpers/daemon.ts";
import { describeWithPeers } from "./helpers/peers.ts";
import { libvirtdWith, stopServices, testbedDirectory } from "./helpers/testbed.ts";

const CALLERS = 20;
const reconnect = { fromStart: true, backoff: { initial: 5, max: 100, stable: 0 } };

describeWithPeers(["libvirtd"], "a session with libvirtd", () => {
  it("outlives five SIGKILLs under load", { timeout: 120_000 }, async () => {
    const start = async (): Promise<number> => (await libvirtdWith("mortal", [])).pid;
    const { unixUri } = await libvirtdWith("mortal", []);
    let pid = await start();
    await outlives(unixUri, 5, async () => {
      process.kill(pid, "SIGKILL");
      pid = await start();
    });
    await stopServices("libvirtd@mortal");
  });

  it("is given up at once when the daemon has no driver for the URI", async () => {
    const { unixUri } = await libvirtdWith("mortal", []);
    const uri = unixUri.replace("test+unix:///default", "nosuch+unix:///");
    await expect(Libvirt.open(uri, { reconnect })).rejects.toBeInstanceOf(RpcError);
    await stopServices("libvirtd@mortal");
  });
});

describe("a session with testd", () => {
  it("outlives twenty SIGKILLs under load", { timeout: 300_000 }, async () => {
    const socket = join(testbedDirectory(), "mortal.sock");
    const start = (): Promise<Daemon> => spawnTestd(["--socket", socket], { env: { TMPDIR: testbedDirectory() } });
    let daemon = await start();
    await outlives(`test+unix:///default?socket=${socket}`, 20, async () => {
      daemon.kill("SIGKILL");
      await daemon[Symbol.asyncDispose]();
      daemon = await start();
    });
    await daemon[Symbol.asyncDispose]();
  });
});

/** Every call settles, and every subscription hears what is raised after each return. */
async function outlives(uri: string, kills: number, kill: () => Promise<void>): Promise<void> {
  const libvirt = await Libvirt.open(uri, { reconnect });
  const domain = await libvirt.domainByName("test");
  const subscriptions = [
    libvirt.events({ kinds: ["domain-lifecycle"], domain }),
    libvirt.events({ kinds: ["domain"], overflow: "block" }),
    libvirt.events({ overflow: "dropOldest" }),
  ];
  const listeners = subscriptions.map(listen);
  const stop = new AbortController();
  const callers = Array.from({ length: CALLERS }, () => calling(domain, stop.signal));
  for (let n = 0; n < kills; n++) {
    await sleep(Math.random() * 100);
    await kill();
    await hear(libvirt, domain, listeners);
  }
  stop.abort();
  const outcomes = new Set((await Promise.all(callers)).flat());
  await libvirt.close();
  await Promise.all(listeners.map(({ ended }) => ended));
  expect(outcomes).toContain("result");
  expect(listeners.map(({ resyncs }) => resyncs)).toEqual(listeners.map(() => kills));
  const { client, session } = libvirt;
  expect([client.pending, client.waiting, client.streams, session?.waiting]).toEqual([0, 0, 0, 0]);
}

interface Listener {
  heard: number;
  resyncs: number;
  readonly ended: Promise<void>;
}

function listen(events: Events): Listener {
  const listener = { heard: 0, resyncs: 0, ended: Promise.resolve() };
  listener.ended = (async () => {
    for await (const { kind } of events) {
      if (kind === "domain-lifecycle") listener.heard++;
      if (kind === "resync") listener.resyncs++;
    }
  })();
  return listener;
}

/** Raises an event over the new connection; the end of the old one may not have come yet. */
async function hear(libvirt: Libvirt, domain: Domain, listeners: readonly Listener[]): Promise<void> {
  const before = listeners.map(({ heard }) => heard);
  for (let raised = false; !raised; ) {
    await libvirt.session?.opened({ signal: AbortSignal.timeout(60_000) });
    raised = await domain.suspend().then(() => true, rejectUnlessGone);
  }
  await expect.poll(() => listeners.every(({ heard }, i) => heard !== before[i]), { timeout: 30_000 }).toBe(true);
}

function rejectUnlessGone(error: unknown): boolean {
  if (error instanceof ConnectionError) return false;
  throw error;
}

/** Calls until it is told to stop; gives the kinds of outcomes. Rejects when one is of no documented kind. */
async function calling(domain: Domain, stop: AbortSignal): Promise<string[]> {
  const outcomes = new Set<string>();
  while (!stop.aborted) {
    const call = outcomes.size % 2 === 0 ? domain.state() : domain.xml({ retry: "safe" });
    outcomes.add(
      await call.then(
        () => "result",
        (error: unknown) => {
          if (error instanceof ConnectionError && error.delivery !== null) return error.delivery;
          throw error;
        },
      ),
    );
    await sleep(Math.random() * 20);
  }
  return [...outcomes];
}
