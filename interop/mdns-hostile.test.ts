import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { advertise, browse } from "virnet/mdns";
import { afterAll, beforeAll, expect, it } from "vitest";
import { avahiBrowse } from "./helpers/avahi.ts";
import { describeWithPeers } from "./helpers/peers.ts";
import { testbed } from "./helpers/testbed.ts";

const type = "_virnet-h._tcp";

/** Packets as anybody on the link may send them, seen by Avahi and by ourselves. */
describeWithPeers(["avahi-daemon"], "mDNS among hostile neighbours", () => {
  let bus: string;
  let neighbour: Socket;
  const before = process.env["DBUS_SYSTEM_BUS_ADDRESS"];

  beforeAll(async () => {
    bus = (await testbed("avahi")).DBUS_SYSTEM_BUS_ADDRESS;
    process.env["DBUS_SYSTEM_BUS_ADDRESS"] = bus;
    neighbour = createSocket({ type: "udp4", reuseAddr: true });
    neighbour.bind({ address: "127.0.0.1", port: 5353 });
    await once(neighbour, "listening");
    neighbour.setMulticastInterface("127.0.0.1");
    neighbour.setMulticastTTL(255);
  });

  afterAll(() => {
    neighbour.close();
    if (before === undefined) Reflect.deleteProperty(process.env, "DBUS_SYSTEM_BUS_ADDRESS");
    else process.env["DBUS_SYSTEM_BUS_ADDRESS"] = before;
  });

  const send = (packet: Uint8Array): Promise<void> =>
    new Promise((resolve) => {
      neighbour.send(packet, 5353, "224.0.0.251", () => resolve());
    });

  it.each(["avahi", "embedded"] as const)("a flood of names ends at the limit (%s)", async (backend) => {
    const services = browse(type, { backend, interfaces: ["lo"], limit: 50, signal: AbortSignal.timeout(20_000) });
    await using _ = services;
    await pause(500);
    for (let i = 0; i < 1500; i++) await send(announcement(`flood ${backend} ${i}`, 120));
    const found = new Set<string>();
    for await (const { service } of services) {
      found.add(service.name);
      if (found.size === 50) break;
    }
    expect(found.size).toBe(50);
    for (let i = 0; i < 1500; i++) await send(announcement(`flood ${backend} ${i}`, 0));
    await pause(1500); // until Avahi has forgotten them
  });

  it("garbage, pointers in circles and cut packets are nothing to a browser that finds a service among them", async () => {
    await using services = browse(type, {
      backend: "embedded",
      interfaces: ["lo"],
      signal: AbortSignal.timeout(20_000),
    });
    await pause(300);
    const good = announcement("honest", 120);
    for (let i = 0; i < good.length; i++) await send(good.subarray(0, i));
    for (let i = 0; i < 300; i++)
      await send(Uint8Array.from({ length: 1 + (i % 90) }, () => Math.floor(Math.random() * 256)));
    await send(
      Uint8Array.from([0, 0, 0x84, 0, 0, 0, 0, 9, 0, 0, 0, 0, ...Array.from({ length: 40 }, () => [0xc0, 12]).flat()]),
    );
    const announcing = setInterval(() => void send(good), 250); // the system drops what comes too fast
    expect((await services.next()).value).toMatchObject({ kind: "up", service: { name: "honest" } });
    clearInterval(announcing);
    await send(announcement("honest", 0));
  });

  it("claims on our name move the embedded responder to another name, and never end the process, nor close() in their midst", async () => {
    const exit = Object.getOwnPropertyDescriptor(process, "exit");
    let exits = 0;
    process.exit = (): never => {
      exits++;
      throw new Error("the process would have ended");
    };
    try {
      const ours = advertise({
        type,
        name: "wanted",
        port: 4711,
        addresses: ["127.0.0.1"],
        backend: "embedded",
        log: () => {},
      });
      expect(await ours.established()).toBe("wanted");
      const claim = announcement("wanted", 120, 9);
      const until = Date.now() + 6000;
      while (Date.now() < until) {
        await send(claim);
        await pause(50);
      }
      await expect.poll(() => ours.name, { timeout: 15_000 }).toMatch(/^wanted #[0-9]+$/);
      const named = async (): Promise<number[]> =>
        (await avahiBrowse(bus, type)).flatMap(({ name, port }) => (name === ours.name ? [port] : []));
      await expect.poll(named, { timeout: 20_000, interval: 500 }).toContain(4711);
      const mine = announcement(ours.name, 120, 9);
      for (let i = 0; i < 20; i++) await send(mine);
      await ours.close();
      for (let i = 0; i < 20; i++) await send(mine);
      await pause(2000);
      await send(announcement("wanted", 0, 9));
      expect(exits).toBe(0);
    } finally {
      if (exit !== undefined) Object.defineProperty(process, "exit", exit);
    }
  }, 60_000);
});

/** Pointer, place, text and address of a service on a host that is nobody's. */
function announcement(name: string, ttl: number, port = 9): Uint8Array {
  const typeName = [...labels(...type.split("."), "local"), 0];
  const fullName = [...labels(name), ...typeName];
  const host = [...labels("nobody", "local"), 0];
  const records = [
    record(typeName, 12, 1, ttl, fullName),
    record(fullName, 33, 0x8001, ttl, [0, 0, 0, 0, ...word(port), ...host]),
    record(fullName, 16, 0x8001, ttl, [3, 97, 61, 98]),
    record(host, 1, 0x8001, ttl, [192, 0, 2, 66]),
  ];
  return Uint8Array.from([0, 0, 0x84, 0, 0, 0, 0, records.length, 0, 0, 0, 0, ...records.flat()]);
}

function record(name: number[], kind: number, space: number, ttl: number, data: number[]): number[] {
  return [...name, ...word(kind), ...word(space), 0, 0, ...word(ttl), ...word(data.length), ...data];
}

function labels(...texts: readonly string[]): number[] {
  return texts.flatMap((text) => {
    const bytes = new TextEncoder().encode(text);
    return [bytes.length, ...bytes];
  });
}

function word(value: number): [number, number] {
  return [value >>> 8, value & 0xff];
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
