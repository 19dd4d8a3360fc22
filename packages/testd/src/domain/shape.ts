import { FOREIGN, type Shape, shape } from "../xml/shape.ts";
import { deviceShapes } from "./device-shape.ts";

const kib = shape("unit");
const empty = shape();
const state = shape("state");
const pin = shape("vcpu cpuset");
const sched = shape("vcpus iothreads scheduler priority");

const blkiotune = shape("", {
  weight: empty,
  device: shape("", {
    path: empty,
    weight: empty,
    read_iops_sec: empty,
    write_iops_sec: empty,
    read_bytes_sec: empty,
    write_bytes_sec: empty,
  }),
});

const memtune = shape("", { hard_limit: kib, soft_limit: kib, min_guarantee: kib, swap_hard_limit: kib });

const memoryBacking = shape("", {
  hugepages: shape("", { page: shape("size unit nodeset") }),
  nosharepages: empty,
  locked: empty,
  source: shape("type"),
  access: shape("mode"),
  allocation: shape("mode threads"),
  discard: empty,
});

const cputune = shape("", {
  shares: empty,
  period: empty,
  quota: empty,
  global_period: empty,
  global_quota: empty,
  emulator_period: empty,
  emulator_quota: empty,
  iothread_period: empty,
  iothread_quota: empty,
  vcpupin: pin,
  emulatorpin: shape("cpuset"),
  iothreadpin: shape("iothread cpuset"),
  vcpusched: sched,
  iothreadsched: sched,
  emulatorsched: shape("scheduler priority"),
});

const numatune = shape("", {
  memory: shape("mode placement nodeset"),
  memnode: shape("cellid mode nodeset"),
});

const os = shape("firmware", {
  type: shape("arch machine"),
  firmware: shape("", { feature: shape("enabled name") }),
  init: empty,
  initarg: empty,
  initenv: shape("name"),
  initdir: empty,
  loader: shape("readonly secure stateless type"),
  nvram: shape("template type"),
  kernel: empty,
  initrd: empty,
  cmdline: empty,
  dtb: empty,
  acpi: shape("", { table: shape("type") }),
  boot: shape("dev"),
  bootmenu: shape("enable timeout"),
  bios: shape("useserial rebootTimeout"),
  smbios: shape("mode"),
});

const features = shape("", {
  acpi: empty,
  apic: shape("eoi"),
  pae: empty,
  hap: state,
  viridian: empty,
  privnet: empty,
  kvm: shape("", { hidden: state, "hint-dedicated": state, "poll-control": state, "pv-ipi": state }),
  pvspinlock: state,
  pmu: state,
  vmport: state,
  gic: shape("version"),
  smm: shape("state", { tseg: kib }),
  ioapic: shape("driver"),
  vmcoreinfo: state,
  htm: state,
});

const cpu = shape("mode match check migratable", {
  model: shape("fallback vendor_id"),
  vendor: empty,
  microcode: shape("version"),
  topology: shape("sockets dies cores threads"),
  cache: shape("level mode"),
  maxphysaddr: shape("mode bits"),
  feature: shape("policy name"),
  numa: shape("", {
    cell: shape("id cpus memory unit memAccess discard", { distances: shape("", { sibling: shape("id value") }) }),
  }),
});

const clock = shape("offset adjustment basis timezone start", {
  timer: shape("name tickpolicy track frequency mode present", { catchup: shape("threshold slew limit") }),
});

/** Everything a domain's description may hold, in libvirt's order of writing. */
export const domainShape: Shape = shape("type id", {
  name: empty,
  uuid: empty,
  genid: empty,
  title: empty,
  description: empty,
  metadata: FOREIGN,
  maxMemory: shape("slots unit"),
  memory: shape("dumpCore unit"),
  currentMemory: kib,
  blkiotune,
  memtune,
  memoryBacking,
  vcpu: shape("placement cpuset current"),
  vcpus: shape("", { vcpu: shape("id enabled hotpluggable order") }),
  iothreads: empty,
  iothreadids: shape("", { iothread: shape("id thread_pool_min thread_pool_max") }),
  cputune,
  numatune,
  resource: shape("", { partition: empty, fibrechannel: shape("appid") }),
  sysinfo: shape("type", {
    bios: shape("", { entry: shape("name") }),
    system: shape("", { entry: shape("name") }),
    baseBoard: shape("", { entry: shape("name") }),
    chassis: shape("", { entry: shape("name") }),
    oemStrings: shape("", { entry: empty }),
    entry: shape("name file"),
  }),
  bootloader: empty,
  bootloader_args: empty,
  os,
  idmap: shape("", { uid: shape("start target count"), gid: shape("start target count") }),
  features,
  cpu,
  clock,
  on_poweroff: empty,
  on_reboot: empty,
  on_crash: empty,
  on_lockfailure: empty,
  pm: shape("", { "suspend-to-mem": shape("enabled"), "suspend-to-disk": shape("enabled") }),
  perf: shape("", { event: shape("name enabled") }),
  devices: { ...shape("", deviceShapes), block: true },
  seclabel: shape("type model relabel", { label: empty, imagelabel: empty, baselabel: empty }),
});
