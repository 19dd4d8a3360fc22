import type { RemoteProcedures } from "@virnet/libvirt/remote";
import type { ProgramClient } from "virnet";
import { describe, expect, it } from "vitest";
import { domainXml } from "./helpers/documents.ts";
import { testdFixture } from "./helpers/open.ts";
import { RawClient, type RecordedMessage, recordedSession, sorted } from "./helpers/recorded.ts";

/*
 * Sessions of libvirt's own programs with libvirtd, with the stand-in in the place of libvirtd: byte for byte what libvirtd
 * said, except that an event and the reply that goes with it may change places, as they do in libvirt.
 */

const PING = /^0000001c6b6565700000000100000001/;

/** What a client sends at one go, and all that the server says until the client speaks again. */
interface Exchange {
  readonly sent: string[];
  readonly said: string[];
}

function exchanges(session: readonly RecordedMessage[]): Exchange[] {
  const all: Exchange[] = [];
  let last: RecordedMessage["dir"] = "s2c";
  for (const { dir, hex } of session) {
    if (dir === "c2s" && last === "s2c") all.push({ sent: [], said: [] });
    all.at(-1)?.[dir === "c2s" ? "sent" : "said"].push(hex);
    last = dir;
  }
  return all;
}

async function replay(client: RawClient, session: readonly RecordedMessage[]): Promise<void> {
  for (const { sent, said } of exchanges(session)) {
    for (const hex of sent) client.send(hex);
    expect(await client.take(said.length)).toEqual(sorted(said));
  }
}

describe("keepalive", () => {
  it.each(["keepalive-by-hand", "keepalive-client"])("is answered as in %s", async (name) => {
    await using fixture = await testdFixture();
    await using client = new RawClient(fixture.path);
    await replay(client, recordedSession(name));
  });

  it("asks a client as in keepalive-server, which answers", async () => {
    await using fixture = await testdFixture({ keepalive: { interval: 100, count: 2 } });
    await using client = new RawClient(fixture.path);
    await replay(client, recordedSession("keepalive-server"));
  });

  it("gives up a client as in keepalive-server-timeout, which does not answer", async () => {
    await using fixture = await testdFixture({ keepalive: { interval: 100, count: 2 } });
    await using client = new RawClient(fixture.path);
    await replay(client, recordedSession("keepalive-server-timeout"));
    expect(await client.next()).toBeNull();
  });

  it("never asks a client that has not asked for it", async () => {
    await using fixture = await testdFixture({ keepalive: { interval: 8, count: 1 } });
    await using silent = new RawClient(fixture.path);
    await using asked = new RawClient(fixture.path);
    silent.send(recordedSession("keepalive-by-hand")[0]?.hex ?? "");
    expect(await silent.next()).not.toMatch(PING);
    await replay(asked, recordedSession("keepalive-server-timeout").slice(0, 4));
    // As many intervals pass for both: the one that asked is gone, the other has been told nothing.
    while ((await asked.next()) !== null);
    silent.send(recordedSession("keepalive-by-hand")[0]?.hex ?? "");
    expect(await silent.next()).not.toMatch(PING);
  });
});

describe("events", () => {
  it("come in the old style and the new, as in raw-events-old-style", async () => {
    await using fixture = await testdFixture();
    await using client = new RawClient(fixture.path);
    await replay(client, recordedSession("raw-events-old-style"));
  });

  it.each([
    ["events-domain", liveDomain],
    ["events-network", liveNetwork],
    ["events-pool", livePool],
    ["events-secret", liveSecret],
  ])("are those of %s, caused by another client", async (name, live) => {
    await using fixture = await testdFixture();
    await using watcher = new RawClient(fixture.path);
    const { remote } = await fixture.open();
    const [registering, events] = split(recordedSession(name));
    await replay(watcher, registering.map(openingTestDriver));
    await live(remote);
    expect(await watcher.take(events.length)).toEqual(sorted(events));
  });
});

const UUID = "1111111-2222-4333-8444-555555555555";

async function liveDomain(remote: ProgramClient<RemoteProcedures>): Promise<void> {
  const { dom } = await remote.domainDefineXml({ xml: domainXml("demo", { uuid: `1${UUID}` }) });
  await remote.domainCreate({ dom });
  await remote.domainSuspend({ dom });
  await remote.domainResume({ dom });
  await remote.domainReboot({ dom, flags: 0 });
  await remote.domainShutdown({ dom });
  await remote.domainCreate({ dom });
  await remote.domainDestroy({ dom });
  await remote.domainUndefine({ dom });
}

async function liveNetwork(remote: ProgramClient<RemoteProcedures>): Promise<void> {
  const xml = `<network><name>demonet</name><uuid>2${UUID}</uuid></network>`;
  const { net } = await remote.networkDefineXml({ xml });
  await remote.networkCreate({ net });
  await remote.networkDestroy({ net });
  await remote.networkUndefine({ net });
}

async function livePool(remote: ProgramClient<RemoteProcedures>): Promise<void> {
  const xml = `<pool type='dir'><name>demopool</name><uuid>3${UUID}</uuid><target><path>/demo</path></target></pool>`;
  const { pool } = await remote.storagePoolDefineXml({ xml, flags: 0 });
  await remote.storagePoolBuild({ pool, flags: 0 });
  await remote.storagePoolCreate({ pool, flags: 0 });
  await remote.storagePoolDestroy({ pool });
  await remote.storagePoolUndefine({ pool });
}

async function liveSecret(remote: ProgramClient<RemoteProcedures>): Promise<void> {
  const { secret } = await remote.secretDefineXml({ xml: `<secret><uuid>4${UUID}</uuid></secret>`, flags: 0 });
  await remote.secretUndefine({ secret });
}

/** The stand-in has all of it in one driver. */
function openingTestDriver(message: RecordedMessage): RecordedMessage {
  const isOpen = message.dir === "c2s" && message.hex.startsWith("200080860000000100000001", 8);
  const opens = recordedSession("events-domain").find(({ hex }) => hex.startsWith("200080860000000100000001", 8));
  return isOpen ? (opens ?? message) : message;
}

const MESSAGE = 2;

/** Up to the first event, and the events. */
function split(session: readonly RecordedMessage[]): [registering: RecordedMessage[], events: string[]] {
  const isEvent = ({ dir, hex }: RecordedMessage): boolean =>
    dir === "s2c" && Number.parseInt(hex.slice(32, 40), 16) === MESSAGE && !hex.startsWith("6b656570", 8);
  const first = session.findIndex(isEvent);
  return [session.slice(0, first), session.filter(isEvent).map(({ hex }) => hex)];
}
