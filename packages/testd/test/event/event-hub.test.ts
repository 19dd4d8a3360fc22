import { Qemu, QemuDomainMonitorEvent } from "@virnet/libvirt/qemu";
import {
  RemoteDomainEventCallbackLifecycle,
  RemoteDomainEventCallbackMetadataChange,
  RemoteNodeDeviceEventLifecycle,
  RemoteSecretEventLifecycle,
  RemoteSecretEventValueChanged,
  RemoteStoragePoolEventRefresh,
} from "@virnet/libvirt/remote";
import { expect, it } from "vitest";
import { testdFixture } from "../helpers/open.ts";

it("numbers callbacks for each client by itself, and gives no number twice", async () => {
  await using fixture = await testdFixture();
  const [one, two] = [await fixture.open(), await fixture.open()];
  const register = async (who = one): Promise<number> =>
    (await who.remote.connectDomainEventCallbackRegisterAny({ eventID: 0, dom: null })).callbackID;
  expect([await register(), await register(two)]).toEqual([0, 0]);
  await one.remote.connectDomainEventCallbackDeregisterAny({ callbackID: 0 });
  expect(await register()).toBe(1);
});

it("refuses the same callback twice, in the old style too", async () => {
  await using fixture = await testdFixture();
  const { remote } = await fixture.open();
  await remote.connectDomainEventCallbackRegisterAny({ eventID: 0, dom: null });
  for (const again of [
    () => remote.connectDomainEventCallbackRegisterAny({ eventID: 0, dom: null }),
    () => remote.connectDomainEventRegister(),
  ]) {
    await expect(again()).rejects.toMatchObject({
      code: 8,
      message: "invalid argument: event callback already tracked",
    });
  }
});

it("ends only what is the caller's own, and of the topic that is asked for", async () => {
  await using fixture = await testdFixture();
  const [one, two] = [await fixture.open(), await fixture.open()];
  await one.remote.connectDomainEventCallbackRegisterAny({ eventID: 0, dom: null });
  await expect(two.remote.connectDomainEventCallbackDeregisterAny({ callbackID: 0 })).rejects.toThrow(
    "domain event callback 0 not registered",
  );
  await expect(one.remote.connectNetworkEventDeregisterAny({ callbackID: 0 })).rejects.toThrow(
    "network event callback 0 not registered",
  );
  await one.remote.connectDomainEventCallbackDeregisterAny({ callbackID: 0 });
});

it("bounds the callbacks of a client", async () => {
  await using fixture = await testdFixture();
  const { remote } = await fixture.open();
  const register = (i: number): Promise<unknown> => {
    const uuid = new Uint8Array(16);
    new DataView(uuid.buffer).setUint32(0, i);
    return remote.connectDomainEventCallbackRegisterAny({ eventID: 0, dom: { name: "x", uuid, id: -1 } });
  };
  await Promise.all(Array.from({ length: 1024 }, (_, i) => register(i)));
  await expect(register(1024)).rejects.toThrow("at most 1024 event callbacks of a client");
});

it("tells of one object only, when that is wanted", async () => {
  await using fixture = await testdFixture();
  const { client, remote } = await fixture.open();
  const { dom } = await remote.domainLookupByName({ name: "test" });
  const other = { name: "other", uuid: new Uint8Array(16), id: -1 };
  const events = client.events(RemoteDomainEventCallbackLifecycle);
  await remote.connectDomainEventCallbackRegisterAny({ eventID: 0, dom: other });
  await remote.connectDomainEventCallbackRegisterAny({ eventID: 0, dom });
  await remote.domainSuspend({ dom });
  expect((await events.next()).value).toMatchObject({ callbackID: 1, msg: { event: 3 } });
});

it("tells of refreshed pools, changed metadata and devices", async () => {
  await using fixture = await testdFixture();
  const { client, remote } = await fixture.open();
  const refreshes = client.events(RemoteStoragePoolEventRefresh);
  const changes = client.events(RemoteDomainEventCallbackMetadataChange);
  const devices = client.events(RemoteNodeDeviceEventLifecycle);
  await remote.connectStoragePoolEventRegisterAny({ eventID: 1, pool: null });
  await remote.connectDomainEventCallbackRegisterAny({ eventID: 23, dom: null });
  await remote.connectNodeDeviceEventRegisterAny({ eventID: 0, dev: null });
  const { pool } = await remote.storagePoolLookupByName({ name: "default-pool" });
  await remote.storagePoolRefresh({ pool, flags: 0 });
  const { dom } = await remote.domainLookupByName({ name: "test" });
  await remote.domainSetMetadata({ dom, type: 1, metadata: "a title", key: null, uri: null, flags: 0 });
  const xmlDesc = `<device><parent>scsi_host1</parent>
    <capability type='scsi_host'><capability type='fc_host'>
      <wwpn>2100000012341234</wwpn><wwnn>2000000012341234</wwnn>
    </capability></capability></device>`;
  await remote.nodeDeviceCreateXml({ xmlDesc, flags: 0 });
  expect((await refreshes.next()).value).toMatchObject({ callbackID: 0, pool: { name: "default-pool" } });
  expect((await changes.next()).value).toMatchObject({ callbackID: 1, dom: { name: "test" }, type: 1, nsuri: null });
  expect((await devices.next()).value).toMatchObject({ callbackID: 2, event: 0, detail: 0 });
});

it("tells of secrets, never of their values", async () => {
  await using fixture = await testdFixture();
  const { client, remote } = await fixture.open();
  const lifecycle = client.events(RemoteSecretEventLifecycle);
  const values = client.events(RemoteSecretEventValueChanged);
  await remote.connectSecretEventRegisterAny({ eventID: 0, secret: null });
  await remote.connectSecretEventRegisterAny({ eventID: 1, secret: null });
  const { secret } = await remote.secretDefineXml({ xml: "<secret/>", flags: 0 });
  await remote.secretSetValue({ secret, value: Uint8Array.of(1, 2), flags: 0 });
  await remote.secretUndefine({ secret });
  expect((await lifecycle.next()).value).toEqual({ callbackID: 0, secret, event: 0, detail: 0 });
  expect((await values.next()).value).toEqual({ callbackID: 1, secret });
  expect((await lifecycle.next()).value).toMatchObject({ event: 1 });
});

it("says what a QEMU would say, to those who want all of it or a part", async () => {
  await using fixture = await testdFixture();
  const { client, remote } = await fixture.open();
  const qemu = client.program(Qemu);
  const events = client.events(QemuDomainMonitorEvent);
  await qemu.connectDomainMonitorEventRegister({ dom: null, event: null, flags: 0 });
  await qemu.connectDomainMonitorEventRegister({ dom: null, event: "RESUME", flags: 0 });
  const { dom } = await remote.domainLookupByName({ name: "test" });
  await remote.domainSuspend({ dom });
  await remote.domainResume({ dom });
  const got = [];
  for (let i = 0; i < 3; i++) {
    const { value } = await events.next();
    got.push(`${value?.callbackID} ${value?.event}`);
  }
  expect(got).toEqual(["0 STOP", "0 RESUME", "1 RESUME"]);
  await qemu.connectDomainMonitorEventDeregister({ callbackID: 0 });
  await expect(qemu.connectDomainMonitorEventDeregister({ callbackID: 0 })).rejects.toThrow(
    "qemu monitor event callback 0 not registered",
  );
});
