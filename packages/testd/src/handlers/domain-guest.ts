import type { RemoteDomainFsinfo, RemoteDomainInterface, RemoteDomainMemoryStat } from "@virnet/libvirt/remote";
import { currentMemory, devices, diskTarget, interfaceMac, interfaceTarget } from "../domain/definition.ts";
import { type Domain, State } from "../domain/domain.ts";
import {
  badArgument,
  Code,
  From,
  failure,
  internalError,
  invalidArgument,
  onlyFlags,
  operationInvalid,
} from "../failure.ts";
import { HOST } from "../host/host.ts";
import type { NetworkList } from "../network/network-list.ts";
import { attributeOf, elements, find, type XmlElement } from "../xml/element.ts";
import type { SessionHandlers } from "./session-handlers.ts";
import { bit, chars, domainOf } from "./wire.ts";

/** What a guest and its agent would answer. */
export const domainGuestHandlers: SessionHandlers = {
  domainGetHostname: ({ dom, flags }, session) => {
    onlyFlags(flags, 3, "testDomainGetHostname");
    const domain = domainOf(session, dom);
    domain.running();
    return { hostname: `${domain.name}host` };
  },
  domainGetTime: ({ dom, flags }, session) => {
    onlyFlags(flags, 0, "testDomainGetTime");
    const { state, time } = domainOf(session, dom);
    if (state !== State.RUNNING) throw operationInvalid("domain is not running");
    return { seconds: time.seconds, nseconds: time.nanoseconds };
  },
  domainSetTime: ({ dom, seconds, nseconds, flags }, session) => {
    onlyFlags(flags, 1, "testDomainSetTime");
    const domain = domainOf(session, dom);
    domain.running();
    domain.time = { seconds, nanoseconds: nseconds };
  },
  domainGetFsinfo: ({ dom, flags }, session) => {
    onlyFlags(flags, 0, "testDomainGetFSInfo");
    const info = filesystems(domainOf(session, dom));
    return { info, ret: info.length };
  },
  domainFsfreeze: ({ dom, mountpoints, flags }, session) => {
    onlyFlags(flags, 0, "testDomainFSFreeze");
    const domain = domainOf(session, dom);
    domain.running();
    return { filesystems: freeze(domain, mountpoints) };
  },
  domainFsthaw: ({ dom, mountpoints, flags }, session) => {
    onlyFlags(flags, 0, "testDomainFSThaw");
    const domain = domainOf(session, dom);
    domain.running();
    return { filesystems: thaw(domain, mountpoints) };
  },
  domainFstrim: ({ dom, mountPoint, flags }, session) => {
    onlyFlags(flags, 0, "testDomainFSTrim");
    domainOf(session, dom).running();
    if (mountPoint !== null) checkMountPoints([mountPoint]);
  },
  domainInterfaceAddresses: ({ dom, source, flags }, session) => {
    onlyFlags(flags, 0, "testDomainInterfaceAddresses");
    if (source < 0 || source >= ADDRESS_SOURCES) {
      throw failure(Code.ARGUMENT_UNSUPPORTED, From.TEST, `Unknown IP address data source ${source}`);
    }
    const domain = domainOf(session, dom);
    const nets = devices(domain.running(), "interface");
    return { ifaces: nets.map((net, index) => addresses(net, index, domain.id, session.hypervisor.networks)) };
  },
  domainMemoryStats: ({ dom, maxStats, flags }, session) => {
    onlyFlags(flags, 0, "testDomainMemoryStats");
    return { stats: memoryStats(domainOf(session, dom)).slice(0, maxStats) };
  },
  domainMemoryPeek: ({ dom, size, flags }, session) => {
    domainOf(session, dom).running();
    if (flags !== MEMORY_VIRTUAL && flags !== MEMORY_PHYSICAL) {
      throw invalidArgument("flags parameter must be VIR_MEMORY_VIRTUAL or VIR_MEMORY_PHYSICAL");
    }
    if (size > PEEK_MOST) throw failure(Code.RPC, From.RPC, `size > maximum buffer size`);
    return { buffer: Uint8Array.from({ length: size }, (_, index) => index & 0xff) };
  },
  domainGetControlInfo: ({ dom, flags }, session) => {
    onlyFlags(flags, 0, "testDomainGetControlInfo");
    domainOf(session, dom).running();
    return { state: 0, details: 0, stateTime: 0n };
  },
  domainGetDiskErrors: ({ dom, maxerrors, flags }, session) => {
    onlyFlags(flags, 0, "testDomainGetDiskErrors");
    const disks = devices(domainOf(session, dom).running(), "disk");
    if (maxerrors === 0) return { errors: [], nerrors: disks.length };
    const errors = disks.slice(0, maxerrors).map((disk, index) => ({ disk: diskTarget(disk), error: 1 + (index % 2) }));
    return { errors, nerrors: errors.length };
  },
  domainGetMessages: ({ dom, flags }, session) => {
    onlyFlags(flags, 3, "testDomainGetMessages");
    domainOf(session, dom);
    return { msgs: [] };
  },
  domainGetSecurityLabel: ({ dom }, session) => {
    const { active } = domainOf(session, dom);
    return { label: chars(active ? HOST.securityLabel : ""), enforcing: bit(active) };
  },
  domainInjectNmi: ({ dom, flags }, session) => {
    onlyFlags(flags, 0, "testDomainInjectNMI");
    domainOf(session, dom).running();
  },
  domainSendKey: ({ dom, codeset, keycodes, flags }, session) => {
    onlyFlags(flags, 0, "testDomainSendKey");
    const name = KEY_CODESETS[codeset];
    if (name === undefined) throw badArgument(`Unsupported codeset '${codeset}'`, "virDomainSendKey", "codeset");
    if (keycodes.length === 0) {
      throw badArgument("keycodes in virDomainSendKey must not be NULL", "virDomainSendKey", "keycodes");
    }
    domainOf(session, dom).running();
    const bad = keycodes.find((code) => code > LARGEST_KEYCODE[name]);
    if (bad !== undefined) throw internalError(`invalid keycode ${bad} of ${name} codeset`);
  },
  domainSendProcessSignal: ({ dom, pidValue, signum, flags }, session) => {
    onlyFlags(flags, 0, "testDomainSendProcessSignal");
    const api = "virDomainSendProcessSignal";
    if (pidValue === 0n) throw badArgument(`pid_value in ${api} must not be zero`, api, "pid_value");
    domainOf(session, dom);
    if (pidValue !== 1n) throw invalidArgument("only sending a signal to pid 1 is supported");
    if (signum >= SIGNALS) throw invalidArgument(`signum value ${signum} is out of range`);
  },
  domainSetUserPassword: ({ dom, user, password, flags }, session) => {
    const api = "virDomainSetUserPassword";
    onlyFlags(flags, 1, "testDomainSetUserPassword");
    if (user === null) throw badArgument(`user in ${api} must not be NULL`, api, "user");
    if (password === null) throw badArgument(`password in ${api} must not be NULL`, api, "password");
    domainOf(session, dom).running();
  },
};

const ADDRESS_SOURCES = 3;
/** virDomainMemoryFlags. */
const MEMORY_VIRTUAL = 1;
const MEMORY_PHYSICAL = 2;
const PEEK_MOST = 65_536;
/** virDomainProcessSignal counts up to here. */
const SIGNALS = 65;
const KEY_CODESETS: Readonly<Record<number, KeyCodeset>> = {
  0: "linux",
  1: "xt",
  2: "atset1",
  3: "atset2",
  4: "atset3",
  5: "os_x",
  6: "xt_kbd",
  7: "usb",
  8: "win32",
  9: "qnum",
};
type KeyCodeset = "linux" | "xt" | "atset1" | "atset2" | "atset3" | "os_x" | "xt_kbd" | "usb" | "win32" | "qnum";
/** The largest code that each set has; codes that a set leaves out below it are let through. */
const LARGEST_KEYCODE: Readonly<Record<KeyCodeset, number>> = {
  linux: 633,
  xt: 0xffff,
  atset1: 255,
  atset2: 0xffff,
  atset3: 0xffff,
  os_x: 255,
  xt_kbd: 255,
  usb: 255,
  win32: 255,
  qnum: 255,
};

const MOUNT_POINTS = ["/", "/boot"];

/** The guest has two, both on its first disk. */
function filesystems(domain: Domain): RemoteDomainFsinfo[] {
  const [disk] = devices(domain.running(), "disk");
  if (disk === undefined) return [];
  const target = diskTarget(disk);
  return MOUNT_POINTS.map((mountpoint, index) => ({
    mountpoint,
    name: `${target}${index + 1}`,
    fstype: "ext4",
    devAliases: [target],
  }));
}

function freeze({ frozen }: Domain, wanted: readonly string[]): number {
  checkMountPoints(wanted);
  const targets = (wanted.length === 0 ? MOUNT_POINTS : wanted).filter((point) => !frozen.has(point));
  for (const point of targets) frozen.add(point);
  return targets.length;
}

function thaw({ frozen }: Domain, wanted: readonly string[]): number {
  checkMountPoints(wanted);
  return (wanted.length === 0 ? MOUNT_POINTS : wanted).filter((point) => frozen.delete(point)).length;
}

function checkMountPoints(wanted: readonly string[]): void {
  const unknown = wanted.find((point) => !MOUNT_POINTS.includes(point));
  if (unknown !== undefined) throw operationInvalid(`mount point not found: ${unknown}`);
}

/** Room for the interfaces of one domain before the next one's addresses begin. */
const ADDRESSES_PER_DOMAIN = 20;

function addresses(net: XmlElement, index: number, id: number, networks: NetworkList): RemoteDomainInterface {
  const network = net.attributes.get("type") === "network" ? attributeOf(net, "network", "source") : null;
  const address = network === null ? `192.168.0.${1 + index}` : leased(networks, network, index, id);
  return { name: interfaceTarget(net), hwaddr: interfaceMac(net), addrs: [{ type: 0, addr: address, prefix: 24 }] };
}

/** An address out of the range that the network hands out, by the domain's id and the interface's place. */
function leased(networks: NetworkList, name: string, index: number, id: number): string {
  const ip = find(networks.require(name).current, "ip");
  const range = find(ip, "dhcp", "range");
  const start = range?.attributes.get("start") ?? ip?.attributes.get("address") ?? "192.168.0.0";
  const bytes = start.split(".").map(Number);
  const offset = 1 + index + ADDRESSES_PER_DOMAIN * (id - 1);
  const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0) + offset;
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

/** virDomainMemoryStatTags. */
const Tag = {
  SWAP_IN: 0,
  SWAP_OUT: 1,
  MAJOR_FAULT: 2,
  MINOR_FAULT: 3,
  UNUSED: 4,
  AVAILABLE: 5,
  ACTUAL_BALLOON: 6,
  RSS: 7,
  USABLE: 8,
  LAST_UPDATE: 9,
  DISK_CACHES: 10,
  HUGETLB_PGALLOC: 11,
  HUGETLB_PGFAIL: 12,
} as const;

/** Only a balloon can tell; what it tells is a plausible share of what the guest has. */
function memoryStats(domain: Domain): RemoteDomainMemoryStat[] {
  const definition = domain.running();
  const ballooned = elements(find(definition, "devices") ?? definition, "memballoon").some(
    (balloon) => balloon.attributes.get("model") === "virtio",
  );
  if (!ballooned) return [];
  const memory = currentMemory(definition);
  const values: readonly (readonly [number, bigint])[] = [
    [Tag.ACTUAL_BALLOON, memory],
    [Tag.SWAP_IN, 0n],
    [Tag.SWAP_OUT, 0n],
    [Tag.MAJOR_FAULT, 0n],
    [Tag.MINOR_FAULT, 0n],
    [Tag.UNUSED, memory / 2n],
    [Tag.AVAILABLE, memory],
    [Tag.USABLE, memory / 2n],
    [Tag.LAST_UPDATE, 627_319_920n],
    [Tag.DISK_CACHES, memory / 8n],
    [Tag.HUGETLB_PGALLOC, 0n],
    [Tag.HUGETLB_PGFAIL, 0n],
    [Tag.RSS, memory / 2n],
  ];
  return values.map(([tag, val]) => ({ tag, val }));
}
