import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Libvirt } from "@virnet/libvirt";
import { connect } from "virnet";
import { type Advertised, type Advertisement, advertise, type BrowseOptions, browse, findService } from "virnet/mdns";
import { Server } from "virnet/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AvahiEntry, avahiBrowse, avahiPublish } from "./helpers/avahi.ts";
import { spawnTestd } from "./helpers/daemon.ts";
import { describeWithPeers } from "./helpers/peers.ts";
import { runProgram } from "./helpers/program.ts";
import { repositoryPath } from "./helpers/scripts.ts";
import { type Settings, testbed } from "./helpers/testbed.ts";

/** A type of our own, so that nothing else on the loopback is in the way. */
const type = "_virnet-t._tcp";
const backends = ["avahi", "embedded"] as const;
const wait = { timeout: 15_000, interval: 250 };
/** Avahi says nothing twice in a second, not even to one who asks whether a name is taken. */
const QUIET_MS = 1200;

describeWithPeers(["avahi-daemon"], "mDNS beside Avahi", () => {
  let settings: Settings<"avahi">;
  let bus: string;
  const before = process.env["DBUS_SYSTEM_BUS_ADDRESS"];

  beforeAll(async () => {
    settings = await testbed("avahi");
    bus = settings.DBUS_SYSTEM_BUS_ADDRESS;
    process.env["DBUS_SYSTEM_BUS_ADDRESS"] = bus;
  });

  afterAll(() => {
    if (before === undefined) Reflect.deleteProperty(process.env, "DBUS_SYSTEM_BUS_ADDRESS");
    else process.env["DBUS_SYSTEM_BUS_ADDRESS"] = before;
  });

  const entries = (): Promise<AvahiEntry[]> => avahiBrowse(bus, type);
  const named = async (name: string): Promise<AvahiEntry[]> => (await entries()).filter((entry) => entry.name === name);

  describe.each(backends)("advertising by %s", (backend) => {
    it("is seen by avahi-browse with port, name and text, and its goodbye is", async () => {
      const name = `echo on kvm1 ${backend}`;
      const server = new Server({ name: "echod" });
      const advertised = { type, name, txt: { a: "b", "long key": "with blanks" }, backend };
      const service = await server.listen({ host: "127.0.0.1", port: 0 }, { advertise: advertised });
      expect(await service.advertisement?.established()).toBe(name);
      expect(service.advertisement?.backend).toBe(backend);
      await expect
        .poll(() => named(name), wait)
        .toMatchObject([
          {
            interface: "lo",
            family: "IPv4",
            address: "127.0.0.1",
            port: service.port,
            txt: expect.stringContaining('"a=b"'),
          },
        ]);
      await using watching = browse(type, { backend: "avahi", signal: AbortSignal.timeout(20_000) });
      await nextOf(watching, "up", name);
      const goodbye = nextOf(watching, "down", name);
      await server.close();
      await goodbye; // long before its time to live is over
      expect(await named(name)).toEqual([]);
    });

    it("takes another name when its own is taken, by Avahi's rule", async () => {
      const name = `taken ${backend}`;
      await using _ = await avahiPublish(bus, name, type, "99");
      await pause(QUIET_MS);
      await using ours = ad({ name, backend });
      expect(await ours.advertisement.established()).toBe(`${name} #2`);
      expect(ours.advertisement.name).toBe(`${name} #2`);
      expect(ours.log.join()).toContain(`the name "${name}" is taken; trying "${name} #2"`);
      await expect.poll(() => named(`${name} #2`), wait).toMatchObject([{ port: 4711 }]);
      expect(await named(name)).toMatchObject([{ port: 99 }]);
    });

    it("serves several of one process and host, each under its name", async () => {
      await using first = ad({ name: "twins", port: 4001, backend });
      await first.advertisement.established();
      await pause(QUIET_MS);
      await using second = ad({ name: "twins", port: 4002, backend });
      expect(await second.advertisement.established()).toBe("twins #2");
      await expect
        .poll(async () => (await entries()).map(({ name, port }) => `${name} ${port}`).toSorted(), wait)
        .toEqual(["twins #2 4002", "twins 4001"]);
    });
  });

  describe.each(backends)("browsing by %s", (backend) => {
    const where: BrowseOptions = { backend, interfaces: ["lo"] };

    it("finds what avahi-publish advertises, sees it change and go", async () => {
      await using watching = browse(type, { ...where, signal: AbortSignal.timeout(25_000) });
      const name = "Café, dots. & #1";
      const first = await avahiPublish(bus, name, type, "77", "k=v", "flag", "empty=");
      expect(await nextOf(watching, "up", name)).toMatchObject({
        port: 77,
        domain: "local",
        host: expect.stringMatching(/^testbed-.*\.local$/),
        addresses: expect.arrayContaining(["127.0.0.1"]),
        txt: { k: "v", flag: true, empty: "" },
      });
      await first[Symbol.asyncDispose]();
      expect(await nextOf(watching, "down", name)).toMatchObject({ port: 77 });
      await using _ = await avahiPublish(bus, name, type, "78");
      expect(await nextOf(watching, "up", name)).toMatchObject({ port: 78, txt: {} });
    });

    it("tells one service once, though it is seen more than once", async () => {
      await using _ = await avahiPublish(bus, "single", type, "5");
      await using watching = browse(type, where);
      await nextOf(watching, "up", "single");
      const timer = setTimeout(() => void watching.close(), 1500);
      const again: string[] = [];
      for await (const { kind, service } of watching) if (service.name === "single") again.push(kind);
      clearTimeout(timer);
      expect(again).toEqual([]);
    });

    it("leads connect() to a server by its name", async () => {
      const server = new Server({ name: "echod" });
      await using _ = server;
      const service = await server.listen(
        { host: "127.0.0.1", port: 0 },
        { advertise: { type, name: `found by ${backend}`, backend: "avahi" } },
      );
      await service.advertisement?.established();
      await using client = await connect(
        { mdns: `found by ${backend}`, type, ...where },
        { signal: AbortSignal.timeout(15_000) },
      );
      expect([...server.clients]).toHaveLength(1);
      expect(client.pending).toBe(0);
    });
  });

  it("says in the log that a UNIX socket can't be advertised", async () => {
    const lines: string[] = [];
    const folder = await mkdtemp(join(tmpdir(), "virnet-"));
    const server = new Server({ name: "echod" });
    const path = join(folder, "sock");
    const service = await server.listen(
      { path },
      { advertise: { type, name: "unix", log: (line) => lines.push(line) } },
    );
    expect(service.advertisement).toBeUndefined();
    expect(lines).toEqual([`mDNS: ${path} is not advertised: only TCP ports can be`]);
    await server.close();
    await rm(folder, { recursive: true });
  });

  it("listens not at all when what to advertise is nonsense", async () => {
    const server = new Server({ name: "echod" });
    const listening = server.listen({ host: "127.0.0.1", port: 0 }, { advertise: { type: "echo", name: "x" } });
    await expect(listening).rejects.toThrow(RangeError);
    await server.close();
  });

  it("chooses Avahi where its daemon is, and itself elsewhere", async () => {
    await using beside = ad({ name: "chosen" });
    await beside.advertisement.established();
    expect(beside.advertisement.backend).toBe("avahi");
    process.env["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/nonexistent/bus";
    try {
      await using without = ad({ name: "chosen otherwise" });
      await without.advertisement.established();
      expect(without.advertisement.backend).toBe("embedded");
      await expect(findService("chosen", type, { interfaces: ["lo"] })).resolves.toMatchObject({ port: 4711 });
    } finally {
      process.env["DBUS_SYSTEM_BUS_ADDRESS"] = bus;
    }
  });

  it("registers again after SIGKILL of avahi-daemon, and browsers see no end of what stayed", async () => {
    await using ours = ad({ name: "survivor", backend: "avahi" });
    await ours.advertisement.established();
    await using watching = browse(type, { backend: "avahi", signal: AbortSignal.timeout(60_000) });
    await nextOf(watching, "up", "survivor");
    process.kill(Number(settings.AVAHI_PID), "SIGKILL");
    await expect.poll(() => ours.log.join(), wait).toContain('Avahi is gone; "survivor" is advertised again');
    settings = await testbed("avahi");
    await expect.poll(() => named("survivor"), wait).toMatchObject([{ port: 4711 }]);
    await using _ = await avahiPublish(bus, "later", type, "1");
    const kinds: string[] = []; // "changed" is fine: the daemon that came back has another host name
    for await (const { kind, service } of watching) {
      if (service.name === "later") break;
      kinds.push(kind);
    }
    expect(kinds).not.toContain("down");
  }, 90_000);

  it("waits for Avahi when told to use it, and is not ended by its absence", async () => {
    process.kill(Number(settings.AVAHI_PID), "SIGKILL");
    await using ours = ad({ name: "patient", backend: "avahi" });
    await expect.poll(() => ours.log.join(), wait).toContain("Avahi is not there; waiting for it");
    settings = await testbed("avahi");
    expect(await ours.advertisement.established(AbortSignal.timeout(20_000))).toBe("patient");
  }, 90_000);

  it("outlives the bus", async () => {
    await using ours = ad({ name: "busless", backend: "avahi" });
    await ours.advertisement.established();
    process.kill(Number(settings.AVAHI_BUS_PID), "SIGKILL");
    await expect.poll(() => ours.log.join(), wait).toContain("Avahi is gone");
    process.kill(Number(settings.AVAHI_PID), "SIGKILL"); // it doesn't come back to a bus that died
    settings = await testbed("avahi");
    await expect.poll(() => named("busless"), { timeout: 30_000, interval: 500 }).toMatchObject([{ port: 4711 }]);
  }, 90_000);

  it("lets two testd advertise on one machine, and `npm start -- discover` lists them", async () => {
    const env = { DBUS_SYSTEM_BUS_ADDRESS: bus };
    await using first = await spawnTestd(["--listen", "127.0.0.1:0", "--mdns", "lab"], { env });
    await expect.poll(() => discovered(env), wait).toContain("lab  ");
    await using second = await spawnTestd(["--listen", "127.0.0.1:0", "--mdns", "lab"], { env });
    await expect.poll(() => discovered(env), wait).toContain("lab #2  ");
    const [one, other] = [portOf(first.ready), portOf(second.ready)];
    expect(await discovered(env)).toMatch(new RegExp(`^lab  [^\\n]*:${one}  127.0.0.1(,::1)?$`, "m"));
    expect(await discovered(env)).toMatch(new RegExp(`^lab #2  [^\\n]*:${other}  127.0.0.1(,::1)?$`, "m"));
    const { port, addresses } = await findService("lab #2", "_libvirt._tcp");
    await using hypervisor = await Libvirt.open(`test+tcp://${addresses[0]}:${port}/default`);
    expect(await hypervisor.hostname()).not.toBe("");
  });

  it("lets testd advertise its TLS port where it has no plain one", async () => {
    const { PKI_SERVER } = await testbed("libvirtd-tls");
    const args = ["--tls", "127.0.0.1:0", "--pki", PKI_SERVER, "--mdns", "secure lab"];
    await using daemon = await spawnTestd(args, { env: { DBUS_SYSTEM_BUS_ADDRESS: bus } });
    const { port } = await findService("secure lab", "_libvirt._tcp");
    expect(port).toBe(portOf(daemon.ready));
  });

  it.each(backends)("leaves no listener and no timer after close (%s)", async (backend) => {
    const code = `
      import { advertise, browse } from ${JSON.stringify(repositoryPath("packages/rpc/dist/mdns/index.js"))};
      const watching = browse("${type}", { backend: "${backend}", interfaces: ["lo"] });
      const told = watching.next();
      const options = { type: "${type}", name: "brief", port: 1, addresses: ["127.0.0.1"], backend: "${backend}" };
      const ours = advertise(options);
      await ours.established();
      await told;
      await ours.close();
      await watching.close();
      const early = advertise(options); // closed before it is there
      await early.close();
      const probing = advertise(options); // closed while it asks whether the name is free
      await new Promise((resolve) => setTimeout(resolve, 400));
      await probing.close();
      await new Promise((resolve) => setTimeout(resolve, 20)); // handles close at the end of a turn
      console.log(JSON.stringify(process.getActiveResourcesInfo().filter((name) => !/^(Pipe|TTY|FS|Close)/.test(name))));
      console.log(Date.now());`;
    const { stdout, status, stderr } = await runProgram(process.execPath, ["--input-type=module", "--eval", code], {
      env: { DBUS_SYSTEM_BUS_ADDRESS: bus },
    });
    const ended = Date.now();
    const [resources, closed] = stdout.trim().split("\n");
    expect([status, stderr, resources]).toEqual([0, "", "[]"]);
    expect(ended - Number(closed)).toBeLessThan(1000);
  });

  it("needs none of its packages: the core runs without them, and says which one to install", async () => {
    const folder = await mkdtemp(join(tmpdir(), "virnet-"));
    await cp(repositoryPath("packages/rpc/dist"), join(folder, "dist"), { recursive: true });
    const code = `
      import { connect } from ${JSON.stringify(join(folder, "dist/connect.js"))};
      import { advertise, browse } from ${JSON.stringify(join(folder, "dist/mdns/index.js"))};
      const options = { type: "${type}", name: "bare", port: 1, addresses: ["127.0.0.1"], log: console.log };
      for (const backend of ["auto", "avahi"]) {
        const ours = advertise({ ...options, backend });
        console.log(typeof connect, await ours.established().catch((reason) => reason.name));
        await ours.close();
      }
      const watching = browse("${type}", { interfaces: ["lo"] });
      console.log((await watching.next()).value.service.name);
      await watching.close();`;
    await using _ = await avahiPublish(bus, "there", type, "1");
    const { stdout } = await runProgram(process.execPath, ["--input-type=module", "--eval", code], {
      env: { DBUS_SYSTEM_BUS_ADDRESS: bus },
    });
    expect(stdout.trim().split("\n")).toEqual([
      "function bare",
      'mDNS: "bare" is not advertised: mDNS through Avahi needs the package dbus-native: run "npm install dbus-native".',
      "function MissingPackageError",
      "there",
    ]);
    await rm(folder, { recursive: true });
  });
});

interface Ours extends AsyncDisposable {
  readonly advertisement: Advertisement;
  readonly log: readonly string[];
}

/** Advertises on the loopback; what it logs is kept. */
function ad(parts: Partial<Advertised>): Ours {
  const log: string[] = [];
  const common = { type, name: "a", port: 4711, addresses: ["127.0.0.1"], log: (line: string) => void log.push(line) };
  const advertisement = advertise({ ...common, ...parts });
  return { advertisement, log, [Symbol.asyncDispose]: () => advertisement.close() };
}

/** The next event of that kind about that name. */
async function nextOf(watching: ReturnType<typeof browse>, kind: string, name: string): Promise<unknown> {
  for (;;) {
    const { value } = await watching.next();
    if (value === undefined) throw new Error(`the browse ended before "${name}" was ${kind}`);
    if (value.kind === kind && value.service.name === name) return value.service;
  }
}

async function discovered(env: Readonly<Record<string, string>>): Promise<string> {
  const { stdout } = await runProgram(process.execPath, [repositoryPath("scripts/start.mjs"), "discover"], { env });
  return stdout;
}

function portOf(ready: unknown): number {
  const port = /:(\d+)\//.exec(JSON.stringify(ready))?.[1];
  return Number(port);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
