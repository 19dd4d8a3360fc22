import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import {
  type EventKind,
  type Events,
  type EventsOptions,
  Libvirt,
  type LibvirtEvent,
  Subscriptions,
} from "@virnet/libvirt";
import { Remote } from "@virnet/libvirt/remote";
import { startTestd, type Testd } from "@virnet/testd";
import { connect } from "virnet";
import { beforeAll, expect, it } from "vitest";
import { bootCode, writeBootDisk } from "./helpers/boot-disk.ts";
import { describeWithNamespace, describeWithPeers } from "./helpers/peers.ts";
import { optionalSetting, type Settings, testbed, testbedDirectory } from "./helpers/testbed.ts";
import { Watcher } from "./helpers/watcher.ts";

/** All that an iteration gives, in the background. */
class Heard {
  readonly all: LibvirtEvent[] = [];
  readonly #events: Events;

  constructor(events: Events) {
    this.#events = events;
    void this.#collect();
  }

  /** `domain-lifecycle started booted`, `pool-refresh`, and so on. */
  get told(): string[] {
    return this.all.map(told);
  }

  /** Waits until all of these have been told, in any order and among others. */
  async until(...expected: readonly string[]): Promise<void> {
    await expect.poll(() => this.told, { timeout: 30_000 }).toEqual(expect.arrayContaining([...expected]));
  }

  /** The event of that kind which came first. */
  first(kind: EventKind): LibvirtEvent | undefined {
    return this.all.find((event) => event.kind === kind);
  }

  async #collect(): Promise<void> {
    for await (const item of this.#events) if (item.kind !== "lagged" && item.kind !== "resync") this.all.push(item);
  }
}

function told(event: LibvirtEvent): string {
  const words = ["event", "detail", "phase", "action", "reason", "type", "status"] as const;
  const parts: Readonly<Record<string, unknown>> = { ...event };
  return [event.kind, ...words.flatMap((word) => (typeof parts[word] === "string" ? [parts[word]] : []))].join(" ");
}

async function listen(hypervisor: Libvirt, options: EventsOptions = {}): Promise<Heard> {
  const events = hypervisor.events(options) as Events;
  await events.ready;
  return new Heard(events);
}

describeWithPeers(["libvirtd", "virsh"], "events of a real libvirtd", () => {
  let settings: Settings<"libvirtd">;

  beforeAll(async () => {
    settings = await testbed("libvirtd");
  });

  it("of its test driver, of all kinds that it has", async () => {
    await using hypervisor = await Libvirt.open(settings.LIBVIRTD_TCP_URI);
    const heard = await listen(hypervisor);
    const { remote } = hypervisor;
    const domain = await hypervisor.domainByName("test");
    await domain.suspend();
    await domain.resume();
    const { net } = await remote.networkLookupByName({ name: "default" });
    await remote.networkDestroy({ net });
    await remote.networkCreate({ net });
    const { pool } = await remote.storagePoolLookupByName({ name: "default-pool" });
    await remote.storagePoolRefresh({ pool, flags: 0 });
    const { dev } = await remote.nodeDeviceCreateXml({ xmlDesc: virtualPort, flags: 0 });
    await remote.nodeDeviceDestroy({ name: dev.name });
    await heard.until(
      "domain-lifecycle suspended paused",
      "domain-lifecycle resumed unpaused",
      "network-lifecycle stopped",
      "network-lifecycle started",
      "pool-refresh",
      "node-device-lifecycle created",
      "node-device-lifecycle deleted",
    );
    expect(heard.first("network-lifecycle")).toMatchObject({ network: { name: "default" } });
  });

  it("of storage, networks and secrets, by the drivers that keep them", async () => {
    const dir = testbedDirectory();
    await using storage = await Libvirt.open((await optionalSetting("LIBVIRTD_STORAGE_URI")) ?? "");
    const pools = await listen(storage, { kinds: ["pool-lifecycle", "pool-refresh"] });
    const xml = `<pool type='dir'><name>evented</name><target><path>${dir}/evented</path></target></pool>`;
    const { pool } = await storage.remote.storagePoolDefineXml({ xml, flags: 0 });
    await storage.remote.storagePoolBuild({ pool, flags: 0 });
    await storage.remote.storagePoolCreate({ pool, flags: 0 });
    await storage.remote.storagePoolRefresh({ pool, flags: 0 });
    await storage.remote.storagePoolDestroy({ pool });
    await storage.remote.storagePoolDelete({ pool, flags: 0 });
    await storage.remote.storagePoolUndefine({ pool });
    const steps = ["defined", "created", "started", "stopped", "deleted", "undefined"];
    await pools.until(...steps.map((step) => `pool-lifecycle ${step}`), "pool-refresh");

    await using secrets = await Libvirt.open((await optionalSetting("LIBVIRTD_SECRET_URI")) ?? "");
    const changes = await listen(secrets, { kinds: ["secret"] });
    const usage = "<usage type='ceph'><name>evented</name></usage>";
    const { secret } = await secrets.remote.secretDefineXml({ xml: `<secret>${usage}</secret>`, flags: 0 });
    await secrets.remote.secretSetValue({ secret, value: Uint8Array.of(1), flags: 0 });
    await secrets.remote.secretUndefine({ secret });
    await changes.until("secret-lifecycle defined", "secret-value-changed", "secret-lifecycle undefined");
    expect(changes.first("secret-value-changed")).toMatchObject({ secret: { usageType: "ceph", usageId: "evented" } });
  });

  it("in the style of before there were callback ids, filtered here", async () => {
    const client = await connect({ path: settings.LIBVIRTD_SOCK });
    const remote = client.program(Remote);
    await remote.connectOpen({ name: "test:///default", flags: 0 });
    const subscriptions = new Subscriptions(remote);
    await subscriptions.attach(client, { callbacks: false });
    const events = subscriptions.subscribe({ kinds: ["domain-lifecycle", "domain-reboot"] });
    await events.ready;
    const heard = new Heard(events);
    const { dom } = await remote.domainLookupByName({ name: "test" });
    await remote.domainSuspend({ dom });
    await remote.domainResume({ dom });
    await heard.until("domain-lifecycle suspended paused", "domain-lifecycle resumed unpaused");
    await events.return();
    await remote.domainSuspend({ dom });
    await remote.domainResume({ dom });
    expect(client.unheardEvents).toBe(0);
    await client.close();
  });

  it("all of them, in order, to a reader who is late and blocks, while calls go on", async () => {
    await using hypervisor = await Libvirt.open(settings.LIBVIRTD_UNIX_URI);
    const events = hypervisor.events({ kinds: ["domain-lifecycle"], overflow: "block", limit: 16 });
    const other = hypervisor.events({ kinds: ["domain-lifecycle"], overflow: "dropOldest", limit: 16 });
    await Promise.all([events.ready, other.ready]);
    const domain = await hypervisor.domainByName("test");
    for (let i = 0; i < 100; i++) {
      await domain.suspend();
      await domain.resume();
    }
    const seen: string[] = [];
    for await (const item of events) {
      if (item.kind === "domain-lifecycle") seen.push(item.event);
      if (seen.length === 200) break;
    }
    expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? "suspended" : "resumed")));
    expect((await other.next()).value).toEqual({ kind: "lagged", lost: 184 });
    await other.return();
  });

  it("of one domain only, however many there are", async () => {
    await using hypervisor = await Libvirt.open(settings.LIBVIRTD_UNIX_URI);
    const domain = await hypervisor.domainByName("test");
    const heard = await listen(hypervisor, { domain });
    const xml = "<domain type='test'><name>other</name><memory>1024</memory><os><type>hvm</type></os></domain>";
    await (await hypervisor.createDomain(xml)).destroy();
    await domain.suspend();
    await domain.resume();
    await heard.until("domain-lifecycle resumed unpaused");
    expect(heard.told).toEqual(["domain-lifecycle suspended paused", "domain-lifecycle resumed unpaused"]);
  });
});

describeWithNamespace(["libvirtd", "virsh", "qemu-system-x86_64"], "events of real guests", () => {
  let uri: string;

  beforeAll(async () => {
    await testbed("libvirtd");
    uri = (await optionalSetting("LIBVIRTD_QEMU_URI")) ?? "";
  });

  it("that set their clock and leave their watchdog alone", async () => {
    await using hypervisor = await Libvirt.open(uri);
    const heard = await listen(hypervisor, { kinds: ["domain", "qemu-monitor"] });
    const domain = await hypervisor.createDomain(await guest("dog", bootCode.clockAndWatchdog, watchdog));
    await heard.until(
      "domain-lifecycle started booted",
      "domain-rtc-change",
      "qemu-monitor RTC_CHANGE",
      "domain-watchdog pause",
      "domain-lifecycle suspended watchdog",
    );
    expect(heard.first("domain-rtc-change")).toMatchObject({ domain: { name: "dog" }, offset: expect.any(BigInt) });
    await domain.destroy();
    await heard.until("domain-lifecycle stopped destroyed");
  });

  it("that fall asleep, and are woken", async () => {
    await using hypervisor = await Libvirt.open(uri);
    const heard = await listen(hypervisor, { kinds: ["domain"] });
    const sleeper = await hypervisor.createDomain(await guest("sleeper", bootCode.suspendToMemory));
    await heard.until("domain-pm-suspend", "domain-lifecycle pmsuspended memory");
    await hypervisor.remote.domainPmWakeup({ dom: sleeper.reference, flags: 0 });
    await heard.until("domain-pm-wakeup", "domain-lifecycle started wakeup");
    await sleeper.destroy();
    await hypervisor.createDomain(await guest("hibernator", bootCode.suspendToDisk));
    await heard.until(
      "domain-pm-suspend-disk",
      "domain-lifecycle pmsuspended disk",
      "domain-lifecycle stopped shutdown",
    );
  });

  it("whose devices, disks and screens are changed while they run", async () => {
    await using hypervisor = await Libvirt.open(uri);
    const { remote, qemu } = hypervisor;
    const heard = await listen(hypervisor, { kinds: ["domain"] });
    const domain = await (await hypervisor.defineDomain(await guest("busy", bootCode.halt, changeable))).create();
    const dom = domain.reference;
    await heard.until("domain-disk-change change_missing_on_start", "domain-lifecycle started booted");
    const tablet = "<input type='tablet' bus='usb'><alias name='ua-tablet'/></input>";
    await remote.domainAttachDeviceFlags({ dom, xml: tablet, flags: LIVE });
    await remote.domainDetachDeviceFlags({ dom, xml: tablet, flags: LIVE });
    await heard.until("domain-device-added", "domain-device-removed");
    expect(heard.first("domain-device-removed")).toMatchObject({ device: "ua-tablet" });
    await remote.domainSetMetadata({ dom, type: 1, metadata: "a title", key: null, uri: null, flags: LIVE });
    const limit = { field: "total_bytes_sec", value: { type: 4, ul: 1_000_000n } } as const;
    await remote.domainSetBlockIoTune({ dom, disk: "hda", params: [limit], flags: LIVE });
    await heard.until("domain-metadata-change title", "domain-tunable");
    expect(heard.first("domain-tunable")).toMatchObject({ params: { "blkdeviotune.total_bytes_sec": 1_000_000n } });
    const disc = join(testbedDirectory(), "disc.img");
    await writeBootDisk(disc, bootCode.halt);
    // Not while the guest's BIOS looks into the drive: that closes the tray which libvirt has opened.
    await domain.suspend();
    await remote.domainUpdateDeviceFlags({ dom, xml: cdrom(disc), flags: LIVE });
    await domain.resume();
    await heard.until("domain-tray-change open", "domain-tray-change close");
    await remote.domainSetBlockThreshold({ dom, dev: "hda", threshold: 4096n, flags: 0 });
    await qemu.domainMonitorCommand({ dom, cmd: 'qemu-io -d ide0-0-0 "write 8192 512"', flags: HUMAN });
    await heard.until("domain-block-threshold");
    expect(heard.first("domain-block-threshold")).toMatchObject({ disk: "hda", threshold: 4096n, excess: 4608n });
    await remote.domainSnapshotCreateXml({ dom, xmlDesc: overlay(), flags: DISK_ONLY | NO_METADATA });
    await remote.domainBlockPull({ dom, path: "hda", bandwidth: 0n, flags: 0 });
    await heard.until("domain-block-job pull completed", "domain-block-job-2 pull completed");
    await look(await domain.xml());
    await heard.until("domain-graphics connect", "domain-graphics initialize", "domain-graphics disconnect");
    expect(heard.first("domain-graphics")).toMatchObject({
      local: { family: "ipv4", node: "127.0.0.1" },
      authScheme: "none",
    });
    await remote.domainReset({ dom, flags: 0 });
    const to = join(testbedDirectory(), "busy.saved");
    await remote.domainSave({ dom, to });
    await heard.until("domain-reboot", "domain-migration-iteration", "domain-job-completed");
    await heard.until("domain-lifecycle stopped saved");
    await remote.domainRestore({ from: to });
    await heard.until("domain-lifecycle started restored");
    await domain.destroy();
    await domain.undefine();
    await heard.until("domain-lifecycle undefined removed");
    expect(hypervisor.client.unheardEvents).toBe(0);
  });
});

const LIVE = 1;
/** Of monitor commands: as a person would type it. */
const HUMAN = 1;
const DISK_ONLY = 16;
const NO_METADATA = 4;

const watchdog = "<watchdog model='ib700' action='pause'/><controller type='usb' model='none'/>";

const changeable = `${cdrom("/nonexistent.iso", " startupPolicy='optional'")}
  <controller type='usb' model='piix3-uhci'/>
  <graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1'/>`;

const virtualPort = `<device><parent>scsi_host1</parent>
  <capability type='scsi_host'><capability type='fc_host'>
    <wwpn>2100000012341234</wwpn><wwnn>2000000012341234</wwnn>
  </capability></capability></device>`;

function cdrom(file: string, attributes = ""): string {
  return `<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='${file}'${attributes}/>
    <target dev='hdc' bus='ide'/><readonly/></disk>`;
}

function overlay(): string {
  const file = join(testbedDirectory(), "busy.qcow2");
  return `<domainsnapshot><name>s</name><disks><disk name='hda' snapshot='external'>
    <source file='${file}'/></disk></disks></domainsnapshot>`;
}

/** A machine that runs nothing but this code. */
async function guest(name: string, code: string, devices = "<controller type='usb' model='none'/>"): Promise<string> {
  const disk = join(testbedDirectory(), `${name}.img`);
  await writeBootDisk(disk, code);
  return `<domain type='qemu'><name>${name}</name><memory unit='MiB'>16</memory><vcpu>1</vcpu>
    <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os><features><acpi/></features>
    <pm><suspend-to-mem enabled='yes'/><suspend-to-disk enabled='yes'/></pm>
    <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
      <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${disk}'/>
        <target dev='hda' bus='ide'/></disk>
      ${devices}<video><model type='vga'/></video><memballoon model='none'/>
    </devices></domain>`;
}

/** Looks at a guest's screen for a moment: RFB 3.8, without authentication. */
async function look(xml: string): Promise<void> {
  const port = Number(/<graphics type='vnc' port='(\d+)'/.exec(xml)?.[1]);
  const socket = connectTcp(port, "127.0.0.1");
  for (const answer of ["RFB 003.008\n", "\x01", "\x01", ""]) {
    await once(socket, "data");
    socket.write(answer);
  }
  socket.destroy();
}

describeWithPeers(["virsh"], "virsh hears our stand-in's events", () => {
  let testd: Testd;

  beforeAll(async () => {
    testd = await startTestd({ sockets: [join(testbedDirectory(), "events.sock")] });
    return () => testd.close();
  });

  it.each<[string, string[], (hypervisor: Libvirt) => Promise<unknown>]>([
    [
      "event --loop --all",
      [
        "event 'lifecycle' for domain 'test': Suspended Paused",
        "event 'lifecycle' for domain 'test': Resumed Unpaused",
        "event 'metadata-change' for domain 'test': type title, uri <null>",
      ],
      async (hypervisor) => {
        const domain = await hypervisor.domainByName("test");
        await domain.suspend();
        await domain.resume();
        const args = { type: 1, metadata: "a title", key: null, uri: null, flags: 0 };
        await hypervisor.remote.domainSetMetadata({ dom: domain.reference, ...args });
      },
    ],
    [
      "event --loop --event lifecycle --domain test",
      ["event 'lifecycle' for domain 'test': Suspended Paused"],
      async (hypervisor) => {
        const domain = await hypervisor.domainByName("test");
        await domain.suspend();
        await domain.resume();
      },
    ],
    [
      "net-event --loop --event lifecycle",
      ["event 'lifecycle' for network default: Stopped", "event 'lifecycle' for network default: Started"],
      async ({ remote }) => {
        const { net } = await remote.networkLookupByName({ name: "default" });
        await remote.networkDestroy({ net });
        await remote.networkCreate({ net });
      },
    ],
    [
      "pool-event --loop --event lifecycle",
      [
        "event 'lifecycle' for storage pool default-pool: Stopped",
        "event 'lifecycle' for storage pool default-pool: Started",
      ],
      changePool,
    ],
    ["pool-event --loop --event refresh", ["event 'refresh' for storage pool default-pool"], changePool],
    [
      "secret-event --loop --event lifecycle",
      ["event 'lifecycle' for secret", ": Defined", ": Undefined"],
      changeSecret,
    ],
    ["secret-event --loop --event value-changed", ["event 'value-changed' for secret"], changeSecret],
    [
      "nodedev-event --loop --event lifecycle",
      ["event 'lifecycle' for node device scsi_host12: Created", "scsi_host12: Deleted"],
      async ({ remote }) => {
        const { dev } = await remote.nodeDeviceCreateXml({ xmlDesc: virtualPort, flags: 0 });
        await remote.nodeDeviceDestroy({ name: dev.name });
      },
    ],
    [
      "qemu-monitor-event --loop",
      ["event STOP", "event RESUME", "for domain 'test'"],
      async (hypervisor) => {
        const domain = await hypervisor.domainByName("test");
        await domain.suspend();
        await domain.resume();
      },
    ],
  ])("%s", async (command, lines, cause) => {
    const uri = testd.uris[0] ?? "";
    await using hypervisor = await Libvirt.open(uri);
    const watcher = new Watcher(uri, command);
    // What comes before virsh has registered is lost on it, so it is caused again until all has been heard.
    await expect
      .poll(
        async () => {
          await cause(hypervisor);
          return lines.filter((line) => !watcher.said.includes(line));
        },
        { timeout: 20_000 },
      )
      .toEqual([]);
    expect(await watcher.interrupt()).toContain("events received: ");
  });
});

async function changePool({ remote }: Libvirt): Promise<void> {
  const { pool } = await remote.storagePoolLookupByName({ name: "default-pool" });
  await remote.storagePoolDestroy({ pool });
  await remote.storagePoolCreate({ pool, flags: 0 });
  await remote.storagePoolRefresh({ pool, flags: 0 });
}

async function changeSecret({ remote }: Libvirt): Promise<void> {
  const { secret } = await remote.secretDefineXml({ xml: "<secret/>", flags: 0 });
  await remote.secretSetValue({ secret, value: Uint8Array.of(1), flags: 0 });
  await remote.secretUndefine({ secret });
}
