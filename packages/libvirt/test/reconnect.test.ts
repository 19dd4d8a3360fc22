import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConnectionError } from "virnet";
import { type Handlers, Server, type ServerClient } from "virnet/server";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Remote, RemoteDomainEventCallbackLifecycle, type RemoteProcedures } from "../src/gen/remote.ts";
import { UriError } from "../src/index.ts";
import { Libvirt } from "../src/libvirt.ts";
import { isSafe } from "../src/reconnect.ts";

const dom = { name: "web1", uuid: new Uint8Array(16).fill(0x11), id: 4 };
const backoff = { initial: 1, max: 10, stable: 0 };

let server: Server;
let folder: string;
let socket: string;
let uri: string;
let watching: ServerClient | undefined;

const handlers: Handlers<RemoteProcedures> = {
  authList: () => ({ types: [0] }),
  connectSupportsFeature: () => ({ supported: 1 }),
  connectOpen() {},
  connectClose: (_, { client }) => client.close(),
  connectGetHostname: () => ({ hostname: "kvm1" }),
  domainLookupByName: () => ({ dom }),
  domainGetState: () => ({ state: 1, reason: 0 }),
  connectDomainEventCallbackRegisterAny(_, { client }) {
    watching = client;
    return { callbackID: 7 };
  },
  connectDomainEventCallbackDeregisterAny() {},
  async domainOpenConsole(_, { stream, signal }) {
    await stream.write(Uint8Array.of(62));
    await once(signal, "abort");
  },
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "libvirt-"));
  socket = join(folder, "sock");
  uri = `test+unix:///default?socket=${socket}`;
  watching = undefined;
});
afterEach(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

async function serve(changed: Handlers<RemoteProcedures> = {}): Promise<void> {
  server = new Server({ name: "libvirtd" }).add(Remote, { ...handlers, ...changed });
  await server.listen({ path: socket });
}

/** The server dies and another takes its place. */
async function restart(changed?: Handlers<RemoteProcedures>): Promise<void> {
  await server.close({ signal: AbortSignal.abort() });
  await serve(changed);
}

describe("with reconnect", () => {
  it("objects outlive the connection", async () => {
    await serve();
    await using hypervisor = await Libvirt.open(uri, { reconnect: { backoff } });
    const domain = await hypervisor.domainByName("web1");
    const { client } = hypervisor;
    await restart();
    await client.closed;
    expect(await domain.state()).toMatchObject({ state: "running" });
    expect(hypervisor.client).not.toBe(client);
    expect(hypervisor.session?.state).toEqual({ state: "open", times: 2 });
  });

  it("events are registered again, and each iteration is told once to list anew, when it can", async () => {
    await serve();
    await using hypervisor = await Libvirt.open(uri, { reconnect: { backoff, whileLost: "reject" } });
    const events = hypervisor.events({ kinds: ["domain-lifecycle"] });
    await events.ready;
    await restart();
    expect((await events.next()).value).toEqual({ kind: "resync" });
    expect(await hypervisor.hostname()).toBe("kvm1");
    watching?.emit(RemoteDomainEventCallbackLifecycle, { callbackID: 7, msg: { dom, event: 2, detail: 0 } });
    expect((await events.next()).value).toMatchObject({ kind: "domain-lifecycle", event: "started" });
  });

  it("events that were asked for while there was no connection come with the next", async () => {
    await serve();
    await using hypervisor = await Libvirt.open(uri, { reconnect: { backoff } });
    await server.close();
    await vi.waitFor(() => expect(hypervisor.session?.state.state).not.toBe("open"));
    const events = hypervisor.events({ kinds: ["domain-lifecycle"] });
    await serve();
    await events.ready;
    watching?.emit(RemoteDomainEventCallbackLifecycle, { callbackID: 7, msg: { dom, event: 2, detail: 0 } });
    expect((await events.next()).value).toMatchObject({ kind: "domain-lifecycle" });
  });

  it("a stream ends with an error that says why", async () => {
    await serve();
    await using hypervisor = await Libvirt.open(uri, { reconnect: { backoff } });
    const console = await (await hypervisor.domainByName("web1")).console();
    const read = console.drain(() => {}).catch((error: unknown) => error);
    for (const client of server.clients) client.disconnect(new ConnectionError("pulled out", "error"));
    expect(await read).toMatchObject({
      name: "ConnectionError",
      message: expect.stringContaining("the stream went with the connection"),
      delivery: "in-doubt",
    });
  });

  it("the first attempt decides, as without", async () => {
    await expect(Libvirt.open(uri, { reconnect: true })).rejects.toMatchObject({ name: "ConnectionError" });
    await expect(Libvirt.open("test+carrier:///", { reconnect: true })).rejects.toThrow(UriError);
  });

  it("the first attempt is one of many when told so", async () => {
    const opening = Libvirt.open(uri, { reconnect: { backoff, fromStart: true } });
    await serve();
    await using hypervisor = await opening;
    expect(await hypervisor.hostname()).toBe("kvm1");
    await expect(Libvirt.open("test+carrier:///", { reconnect: { backoff, fromStart: true } })).rejects.toThrow(
      UriError,
    );
  });

  it("the signal covers the way to the open connection, not its life", async () => {
    const abort = new AbortController();
    const opening = Libvirt.open(uri, { reconnect: { fromStart: true }, signal: abort.signal });
    abort.abort(new Error("too long"));
    await expect(opening).rejects.toThrow("too long");
    await serve();
    const other = new AbortController();
    await using hypervisor = await Libvirt.open(uri, { reconnect: true, signal: other.signal });
    other.abort();
    expect(await hypervisor.hostname()).toBe("kvm1");
  });

  it("closing ends the events quietly; being given up ends them with the error", async () => {
    await serve();
    const hypervisor = await Libvirt.open(uri, { reconnect: { backoff } });
    const events = hypervisor.events();
    await hypervisor.close();
    expect(await events.next()).toMatchObject({ done: true });
    const unlucky = await Libvirt.open(uri, { reconnect: { backoff: { ...backoff, attempts: 1 } } });
    const more = unlucky.events({ kinds: ["domain-lifecycle"] });
    await more.ready;
    await server.close();
    await expect(more.next()).rejects.toMatchObject({ name: "ConnectionError" });
    expect(unlucky.session?.state.state).toBe("closed");
  });
});

it("without reconnect there is no session, and the end is the end", async () => {
  await serve();
  const hypervisor = await Libvirt.open(uri);
  expect(hypervisor.session).toBeNull();
  await server.close();
  await hypervisor.closed;
  await expect(hypervisor.hostname()).rejects.toMatchObject({ delivery: "not-sent" });
});

describe("procedures that may run twice", () => {
  const { procedures } = Remote;

  it.each([
    procedures.connectGetHostname,
    procedures.connectListAllDomains,
    procedures.domainGetXmlDesc,
    procedures.domainLookupByName,
    procedures.storagePoolGetInfo,
  ])("$name", (procedure) => {
    expect(isSafe(procedure)).toBe(true);
  });

  it.each([
    procedures.domainCreate,
    procedures.domainDefineXml,
    procedures.domainSetSchedulerParameters,
    procedures.connectOpen,
    procedures.connectClose,
    procedures.connectDomainEventCallbackRegisterAny,
    procedures.connectDomainEventCallbackDeregisterAny,
    procedures.connectRegisterCloseCallback,
    procedures.storageVolDownload,
  ])("but not $name", (procedure) => {
    expect(isSafe(procedure)).toBe(false);
  });
});
