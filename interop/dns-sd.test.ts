import { writeFile } from "node:fs/promises";
import { connect } from "virnet";
import { browse, findService } from "virnet/mdns";
import { Server } from "virnet/server";
import { beforeAll, beforeEach, expect, it } from "vitest";
import { describeWithPeers } from "./helpers/peers.ts";
import { runProgram } from "./helpers/program.ts";
import { repositoryPath } from "./helpers/scripts.ts";
import { type Settings, testbed } from "./helpers/testbed.ts";

const type = "_libvirt._tcp";

/** The zone of docs/discovery.md, with the port of a server that is there. */
function siteZone(port: number): string[] {
  return [
    "_libvirt._tcp PTR Virtualization\\032Host\\032kvm1._libvirt._tcp",
    `Virtualization\\032Host\\032kvm1._libvirt._tcp SRV 0 0 ${port} kvm1`,
    'Virtualization\\032Host\\032kvm1._libvirt._tcp TXT "rack=b4"',
    "kvm1 A 127.0.0.1",
  ];
}

describeWithPeers(["nsd"], "DNS-SD over unicast DNS", () => {
  let settings: Settings<"nsd">;
  let serial = 1;

  beforeAll(async () => {
    settings = await testbed("nsd");
  });

  beforeEach(() => publish([]));

  /** Has the name server serve these records and no others, and waits until it does. */
  async function publish(records: readonly string[]): Promise<void> {
    serial++;
    const head = [
      "$ORIGIN example.org.",
      "$TTL 1",
      `@ SOA ns hostmaster ${serial} 3600 600 86400 1`,
      "@ NS ns",
      "ns A 127.0.0.1",
    ];
    await writeFile(settings.NSD_ZONE, `${[...head, `mark${serial} A 127.0.0.1`, ...records].join("\n")}\n`);
    process.kill(Number(settings.NSD_PID), "SIGHUP");
    const mark = `mark${serial}.example.org`;
    await expect.poll(() => isServed(mark), { timeout: 15_000, interval: 100 }).toBe(true);
  }

  async function isServed(name: string): Promise<boolean> {
    const { Resolver } = await import("node:dns/promises");
    const resolver = new Resolver();
    resolver.setServers([settings.NSD_SERVER]);
    return resolver.resolve4(name).then(
      () => true,
      () => false,
    );
  }

  const where = () => ({ domain: settings.NSD_DOMAIN, servers: [settings.NSD_SERVER], interval: 200 });

  it("finds services with their place, text and both kinds of addresses, whatever their names hold", async () => {
    await publish([
      "_libvirt._tcp PTR plain._libvirt._tcp",
      "plain._libvirt._tcp SRV 0 0 16509 kvm1",
      'plain._libvirt._tcp TXT "rack=b4" "flag"',
      "_libvirt._tcp PTR caf\\195\\169\\032a\\.b._libvirt._tcp",
      "caf\\195\\169\\032a\\.b._libvirt._tcp SRV 0 0 16514 kvm1",
      'caf\\195\\169\\032a\\.b._libvirt._tcp TXT ""',
      "kvm1 A 192.0.2.7",
      "kvm1 AAAA 2001:db8::7",
    ]);
    const found = new Map<string, unknown>();
    for await (const { kind, service } of browse(type, { ...where(), signal: AbortSignal.timeout(10_000) })) {
      expect(kind).toBe("up");
      found.set(service.name, service);
      if (found.size === 2) break;
    }
    const common = { type, domain: "example.org", host: "kvm1.example.org", addresses: ["192.0.2.7", "2001:db8::7"] };
    expect(found.get("plain")).toEqual({ ...common, name: "plain", port: 16509, txt: { rack: "b4", flag: true } });
    expect(found.get("café a.b")).toEqual({ ...common, name: "café a.b", port: 16514, txt: {} });
  });

  it("follows the zone: up, changed, down", async () => {
    await using watching = browse(type, { ...where(), signal: AbortSignal.timeout(20_000) });
    await publish(siteZone(1));
    expect((await watching.next()).value).toMatchObject({ kind: "up", service: { port: 1, txt: { rack: "b4" } } });
    await publish(siteZone(2));
    expect((await watching.next()).value).toMatchObject({ kind: "changed", service: { port: 2 } });
    await publish([]);
    expect((await watching.next()).value).toMatchObject({
      kind: "down",
      service: { name: "virtualization host kvm1" },
    });
  });

  it("leads connect() to a server on another network, by its name", async () => {
    const server = new Server({ name: "echod" });
    await using _ = server;
    const { port = 0 } = await server.listen({ host: "127.0.0.1", port: 0 });
    await publish(siteZone(port));
    const address = { mdns: "Virtualization Host kvm1", type, ...where() };
    await using client = await connect(address, { signal: AbortSignal.timeout(10_000) });
    expect([client.pending, [...server.clients].length]).toEqual([0, 1]);
  });

  it("takes the bare SRV records that Consul serves", async () => {
    await publish(["_libvirt._tcp.service SRV 1 1 16509 kvm1.node.dc1", "kvm1.node.dc1 A 192.0.2.7"]);
    const service = await findService("kvm1.node.dc1.example.org:16509", type, {
      ...where(),
      domain: "service.example.org",
    });
    expect(service).toMatchObject({
      host: "kvm1.node.dc1.example.org",
      port: 16509,
      addresses: ["192.0.2.7"],
      txt: {},
    });
  });

  it("sees more services than a datagram holds", async () => {
    const names = Array.from({ length: 200 }, (_, i) => `host-${i}-with-a-name-that-takes-some-room`);
    await publish([
      ...names.flatMap((name) => [`_libvirt._tcp PTR ${name}._libvirt._tcp`, `${name}._libvirt._tcp SRV 0 0 1 kvm1`]),
      "kvm1 A 192.0.2.7",
    ]);
    const found = new Set<string>();
    for await (const { service } of browse(type, { ...where(), signal: AbortSignal.timeout(20_000) })) {
      found.add(service.name);
      if (found.size === names.length) break;
    }
    expect(found).toEqual(new Set(names));
  });

  it("keeps what it knows while the name server is gone, and ends at once", async () => {
    await publish(siteZone(3));
    await using watching = browse(type, where());
    await watching.next();
    process.kill(Number(settings.NSD_PID), "SIGTERM");
    const event = watching.next();
    const quiet = await Promise.race([event, pause(3000)]);
    expect(quiet).toBeUndefined();
    const before = performance.now();
    await watching.close();
    expect([await event, performance.now() - before < 1000]).toEqual([{ done: true, value: undefined }, true]);
    settings = await testbed("nsd");
  });

  it("leaves nothing behind that would keep the process alive", async () => {
    await publish(siteZone(4));
    const code = `
      import { browse } from ${JSON.stringify(repositoryPath("packages/rpc/dist/mdns/index.js"))};
      for await (const { service } of browse("${type}", ${JSON.stringify(where())})) { console.log(service.port); break; }
      console.log(JSON.stringify(process.getActiveResourcesInfo().filter((name) => !/^(Pipe|TTY|FS|Close)/.test(name))));`;
    const { stdout } = await runProgram(process.execPath, ["--input-type=module", "--eval", code], { timeout: 5000 });
    expect(stdout.trim().split("\n")).toEqual(["4", "[]"]);
  });
});

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
