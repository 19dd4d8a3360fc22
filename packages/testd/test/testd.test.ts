import { stat } from "node:fs/promises";
import {
  RemoteDomainEventCallbackLifecycle,
  RemoteDomainEventLifecycle,
  RemoteNetworkEventLifecycle,
} from "@virnet/libvirt/remote";
import { RpcError } from "virnet";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startTestd } from "../src/testd.ts";
import { DEMO_UUID, domainXml } from "./helpers/documents.ts";
import { type TestdFixture, testdFixture } from "./helpers/open.ts";

let fixture: TestdFixture;

beforeEach(async () => {
  fixture = await testdFixture();
});

afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
});

async function refusal(call: Promise<unknown>): Promise<{ code: number; domain: number; message: string }> {
  const error: unknown = await call.then(
    () => new Error("answered"),
    (cause: unknown) => cause,
  );
  if (!(error instanceof RpcError)) throw error;
  const { code, domain, message } = error;
  return { code, domain, message };
}

describe("a connection", () => {
  it("is not open before CONNECT_OPEN, but may ask for keepalive", async () => {
    const { remote } = await fixture.connect();
    expect(await refusal(remote.connectGetHostname())).toEqual({
      code: 1,
      domain: 7,
      message: "internal error: hypervisor connection not open",
    });
    expect(await remote.connectSupportsFeature({ feature: 10 })).toEqual({ supported: 1 });
    expect((await refusal(remote.connectSupportsFeature({ feature: 14 }))).message).toContain("not open");
  });

  it("can't be opened twice, and is lost by trying", async () => {
    const { remote } = await fixture.open();
    const again = remote.connectOpen({ name: "test:///default", flags: 0 });
    expect((await refusal(again)).message).toBe("internal error: connection already open");
    expect((await refusal(remote.connectGetUri())).message).toContain("connection not open");
  });

  it.each([
    [null, 1, "internal error: connection not open"],
    ["qemu:///system", 5, "no connection driver available for qemu:///system"],
  ])("to %s is refused", async (name, code, message) => {
    const { remote } = await fixture.connect();
    expect(await refusal(remote.connectOpen({ name, flags: 0 }))).toMatchObject({ code, message });
  });

  it("may only look when it was opened so", async () => {
    const { remote } = await fixture.open(1);
    const { dom } = await remote.domainLookupByName({ name: "test" });
    expect(await refusal(remote.domainDestroy({ dom }))).toEqual({
      code: 29,
      domain: 20,
      message: "operation forbidden: read only access prevents virDomainDestroy",
    });
    expect((await refusal(remote.domainGetXmlDesc({ dom, flags: 1 }))).code).toBe(29);
    expect((await remote.domainGetXmlDesc({ dom, flags: 0 })).xml).toContain("<name>test</name>");
  });

  it("answers with its API's name where the driver has nothing", async () => {
    const { remote } = await fixture.open();
    expect(await refusal(remote.connectNumOfNwfilters())).toEqual({
      code: 3,
      domain: 33,
      message: "this function is not supported by the connection driver: virConnectNumOfNWFilters",
    });
  });
});

describe("the state", () => {
  it("is shared by connections, and starts afresh after the last", async () => {
    const one = await fixture.open();
    const two = await fixture.open();
    await one.remote.domainDefineXml({ xml: domainXml("demo") });
    expect(await two.remote.connectNumOfDefinedDomains()).toEqual({ num: 1 });
    await Promise.all([one.client.close(), two.client.close()]);
    const later = await fixture.open();
    expect(await later.remote.connectNumOfDefinedDomains()).toEqual({ num: 0 });
  });

  it("has bounds on lists", async () => {
    const { remote } = await fixture.open();
    expect(await refusal(remote.connectListDomains({ maxids: 20_000 }))).toEqual({
      code: 39,
      domain: 7,
      message: "maxids > REMOTE_DOMAIN_LIST_MAX",
    });
    expect((await refusal(remote.connectListDomains({ maxids: -1 }))).message).toBe("maxids must be non-negative");
  });
});

describe("events", () => {
  it("reach the callbacks of other connections, by domain when asked", async () => {
    const watcher = await fixture.open();
    const actor = await fixture.open();
    const { dom } = await actor.remote.domainDefineXml({ xml: domainXml("demo", { uuid: DEMO_UUID }) });
    const events = watcher.client.events(RemoteDomainEventCallbackLifecycle);
    const { callbackID } = await watcher.remote.connectDomainEventCallbackRegisterAny({ eventID: 0, dom });
    const test = await actor.remote.domainLookupByName({ name: "test" });
    await actor.remote.domainSuspend(test);
    await actor.remote.domainCreate({ dom });
    const { value } = await events[Symbol.asyncIterator]().next();
    expect(value).toMatchObject({ callbackID, msg: { event: 2, detail: 0, dom: { name: "demo" } } });
  });

  it("reach those who listen in the old style", async () => {
    const { client, remote } = await fixture.open();
    const events = client.events(RemoteDomainEventLifecycle);
    await remote.connectDomainEventRegister();
    await remote.domainSuspend(await remote.domainLookupByName({ name: "test" }));
    const { value } = await events[Symbol.asyncIterator]().next();
    expect(value).toMatchObject({ event: 3, detail: 0, dom: { name: "test", id: 1 } });
  });

  it("tell of networks too", async () => {
    const { client, remote } = await fixture.open();
    const events = client.events(RemoteNetworkEventLifecycle);
    const { callbackID } = await remote.connectNetworkEventRegisterAny({ eventID: 0, net: null });
    await remote.networkDestroy(await remote.networkLookupByName({ name: "default" }));
    const { value } = await events[Symbol.asyncIterator]().next();
    expect(value).toMatchObject({ callbackID, event: 3, detail: 0, net: { name: "default" } });
  });

  it("are refused for kinds and callbacks that don't exist", async () => {
    const { remote } = await fixture.open();
    const register = remote.connectDomainEventCallbackRegisterAny({ eventID: 99, dom: null });
    expect(await refusal(register)).toEqual({ code: 1, domain: 7, message: "internal error: unsupported event ID 99" });
    expect((await refusal(remote.connectDomainEventCallbackDeregisterAny({ callbackID: 77 }))).message).toBe(
      "internal error: domain event callback 77 not registered",
    );
  });
});

describe("startTestd", () => {
  it("tells its addresses, and removes its sockets", async () => {
    await using other = await startTestd({ listen: [{ host: "127.0.0.1", port: 0 }] });
    expect(other.uris[0]).toMatch(/^test\+tcp:\/\/127\.0\.0\.1:\d+\/default$/);
    expect((await stat(fixture.path)).mode & 0o777).toBe(0o600);
    await fixture.testd.close();
    await expect(stat(fixture.path)).rejects.toThrow("ENOENT");
  });

  it("rejects without an address", async () => {
    await expect(startTestd({})).rejects.toThrow(TypeError);
  });
});
