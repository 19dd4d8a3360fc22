import { type Shape, shape } from "../xml/shape.ts";

const empty = shape();
const address = shape(
  "type domain controller bus target unit slot port function multifunction cssid ssid devno iobase irq reg base size",
  { zpci: shape("uid fid") },
);
const info = {
  boot: shape("order loadparm"),
  alias: shape("name"),
  rom: shape("bar enabled file"),
  acpi: shape("index"),
  address,
};

const host = shape("transport name port socket");
const secret = shape("type uuid usage");
const auth = shape("username type", { secret });
const encryption = shape("format engine", { secret: shape("type uuid usage") });
const diskSource: Shape = shape(
  "file dev dir protocol name pool volume mode type managed namespace query tls tlsHostname startupPolicy index",
  {
    host,
    snapshot: shape("name"),
    config: shape("file"),
    auth,
    encryption,
    reservations: shape("managed", { source: shape("type path mode") }),
    slices: shape("", { slice: shape("type offset size") }),
    initiator: shape("", { iqn: shape("name") }),
    address,
  },
);
const backingStore: Shape = shape("type index", {
  format: shape("type"),
  source: diskSource,
  backingStore: () => backingStore,
});

const iotuneNames = [
  "total_bytes_sec",
  "read_bytes_sec",
  "write_bytes_sec",
  "total_iops_sec",
  "read_iops_sec",
  "write_iops_sec",
  "total_bytes_sec_max",
  "read_bytes_sec_max",
  "write_bytes_sec_max",
  "total_iops_sec_max",
  "read_iops_sec_max",
  "write_iops_sec_max",
  "size_iops_sec",
  "group_name",
  "total_bytes_sec_max_length",
  "read_bytes_sec_max_length",
  "write_bytes_sec_max_length",
  "total_iops_sec_max_length",
  "read_iops_sec_max_length",
  "write_iops_sec_max_length",
];

const disk = shape("type device model rawio sgio snapshot", {
  driver: shape(
    "name type cache error_policy rerror_policy io ioeventfd event_idx copy_on_read discard iothread detect_zeroes queues queue_size",
  ),
  auth,
  source: diskSource,
  backingStore,
  backenddomain: shape("name"),
  geometry: shape("cyls heads secs trans"),
  blockio: shape("logical_block_size physical_block_size"),
  target: shape("dev bus tray removable rotation_rate"),
  iotune: shape("", Object.fromEntries(iotuneNames.map((name) => [name, empty]))),
  readonly: empty,
  shareable: empty,
  transient: empty,
  serial: empty,
  wwn: empty,
  vendor: empty,
  product: empty,
  encryption,
  ...info,
});

const controller = shape("type index model ports vectors", {
  model: shape("name"),
  target: shape("chassisNr chassis port busNr index hotplug", { node: empty }),
  driver: shape("queues cmd_per_lun max_sectors ioeventfd iothread"),
  alias: info.alias,
  master: shape("startport"),
  address,
});

const rate = shape("average peak burst floor");
const netInterface = shape("type managed trustGuestRxFilters", {
  mac: shape("address type check"),
  source: shape("network portgroup portid bridge dev name type path address port mode", {
    address,
    local: shape("address port"),
    ip: shape("address family prefix peer"),
    reconnect: shape("enabled timeout"),
  }),
  vlan: shape("trunk", { tag: shape("id nativeMode") }),
  virtualport: shape("type", {
    parameters: shape("managerid typeid typeidversion instanceid profileid interfaceid"),
  }),
  bandwidth: shape("", { inbound: rate, outbound: rate }),
  port: shape("isolated"),
  backenddomain: shape("name"),
  ip: shape("address family prefix peer"),
  route: shape("family address netmask prefix gateway metric"),
  script: shape("path"),
  target: shape("dev managed"),
  guest: shape("dev actual"),
  model: shape("type"),
  driver: shape("name txmode ioeventfd event_idx queues rx_queue_size tx_queue_size", {
    host: shape("csum gso tso4 tso6 ecn ufo mrg_rxbuf"),
    guest: shape("csum tso4 tso6 ecn ufo"),
  }),
  backend: shape("tap vhost"),
  filterref: shape("filter", { parameter: shape("name value") }),
  tune: shape("", { sndbuf: empty }),
  link: shape("state"),
  mtu: shape("size"),
  coalesce: shape("", { rx: shape("", { frames: shape("max") }) }),
  teaming: shape("type persistent"),
  ...info,
});

const character = shape("type tty", {
  source: shape("path append mode host service tls channel"),
  protocol: shape("type"),
  log: shape("file append"),
  target: shape("type name address port state", { model: shape("name") }),
  alias: info.alias,
  address,
});

const graphics = shape(
  "type port tlsPort autoport websocket socket listen keymap passwd passwdValidTo connected sharePolicy powerControl defaultMode display xauth fullscreen multiUser replaceUser",
  {
    listen: shape("type address network socket"),
    gl: shape("enable rendernode"),
    channel: shape("name mode"),
    image: shape("compression"),
    jpeg: shape("compression"),
    zlib: shape("compression"),
    playback: shape("compression"),
    streaming: shape("mode"),
    mouse: shape("mode"),
    clipboard: shape("copypaste"),
    filetransfer: shape("enable"),
    audio: shape("id"),
  },
);

const video = shape("", {
  driver: shape("name vgaconf"),
  model: shape("type ram vram vram64 vgamem heads blob primary", {
    acceleration: shape("accel3d accel2d rendernode"),
    resolution: shape("x y"),
  }),
  alias: info.alias,
  address,
});

const hostdev = shape("mode type managed sgio rawio model", {
  driver: shape("name"),
  source: shape("startupPolicy protocol name uuid", {
    vendor: shape("id"),
    product: shape("id"),
    adapter: shape("name"),
    host,
    address: shape("domain bus slot function device target unit uuid"),
    block: empty,
    char: empty,
    interface: empty,
  }),
  ...info,
});

/** The devices of a domain, in libvirt's order of writing. */
export const deviceShapes: Readonly<Record<string, Shape>> = {
  emulator: empty,
  disk,
  controller,
  lease: shape("", { lockspace: empty, key: empty, target: shape("path offset") }),
  filesystem: shape("type accessmode fmode dmode multidevs model", {
    driver: shape("type format name wrpolicy queue"),
    source: shape("mount name dir file template usage units pool volume socket"),
    target: shape("dir"),
    readonly: empty,
    space_hard_limit: shape("unit"),
    space_soft_limit: shape("unit"),
    alias: info.alias,
    address,
  }),
  interface: netInterface,
  smartcard: shape("mode type", { certificate: empty, database: empty, source: character, alias: info.alias, address }),
  serial: character,
  parallel: character,
  console: character,
  channel: character,
  input: shape("type bus model", {
    driver: shape("iommu ats"),
    source: shape("evdev dev"),
    alias: info.alias,
    address,
  }),
  tpm: shape("model", { backend: shape("type version", { device: shape("path") }), alias: info.alias, address }),
  graphics,
  sound: shape("model", { codec: shape("type"), audio: shape("id"), alias: info.alias, address }),
  audio: shape("id type"),
  video,
  hostdev,
  redirdev: shape("bus type", { source: shape("mode host service path"), ...info }),
  hub: shape("type", { alias: info.alias, address }),
  watchdog: shape("model action", { alias: info.alias, address }),
  memballoon: shape("model autodeflate freePageReporting", {
    stats: shape("period"),
    alias: info.alias,
    driver: shape("iommu ats"),
    address,
  }),
  rng: shape("model", {
    rate: shape("bytes period"),
    backend: shape("model type", { source: shape("mode host service path"), protocol: shape("type") }),
    alias: info.alias,
    address,
  }),
  nvram: shape("", { address }),
  panic: shape("model", { alias: info.alias, address }),
  shmem: shape("name role", { model: shape("type"), size: shape("unit"), alias: info.alias, address }),
  memory: shape("model access discard", {
    source: shape("", { pagesize: shape("unit"), nodemask: empty, path: empty }),
    target: shape("", { size: shape("unit"), node: empty, label: shape("", { size: shape("unit") }) }),
    alias: info.alias,
    address,
  }),
  iommu: shape("model", { driver: shape("intremap caching_mode eim iotlb aw_bits") }),
  vsock: shape("model", { cid: shape("auto address"), alias: info.alias, address }),
};

/** Names of the limits of a disk, in the order in which they are written. */
export const ioTuneNames: readonly string[] = iotuneNames;
