import { randomBytes } from "node:crypto";
import { Code, From, failure, internalError, unsupportedConfig, xmlError } from "../failure.ts";
import {
  attributeOf,
  cloneElement,
  element,
  elements,
  find,
  isElement,
  place,
  textOf,
  type XmlElement,
} from "../xml/element.ts";
import { hex, parseUnsigned } from "../xml/number.ts";
import { type DomainDefinition, devices, interfaceTarget } from "./definition.ts";
import { deviceShapes } from "./device-shape.ts";
import { canonicalDisks } from "./disks.ts";

const ORDER = Object.keys(deviceShapes);

/** Completes the devices of a description and adds those that others need. */
export function canonicalDevices(definition: DomainDefinition): void {
  const parent = find(definition, "devices");
  if (parent === null) return;
  canonicalDisks(parent);
  for (const [index, controller] of elements(parent, "controller").entries())
    completeController(controller, index, parent);
  for (const net of elements(parent, "interface")) completeInterface(net);
  for (const kind of ["serial", "parallel", "console", "channel"]) completeCharacters(elements(parent, kind), kind);
  pairConsole(definition, parent);
  for (const input of elements(parent, "input")) completeInput(input);
  for (const graphics of elements(parent, "graphics")) completeGraphics(graphics);
  completeVideos(parent);
  for (const other of elements(parent)) completeOther(other);
  addControllers(parent);
  for (const address of addresses(parent)) tidyAddress(address);
}

/** Gives each interface of a domain the name of its device on the host. */
export function nameInterfaces(definition: DomainDefinition): void {
  const nets = devices(definition, "interface");
  const used = new Set(nets.map(interfaceTarget));
  let next = 0;
  for (const net of nets.filter((candidate) => interfaceTarget(candidate) === "")) {
    while (used.has(`testnet${next}`)) next += 1;
    used.add(`testnet${next}`);
    place(net, element("target", { dev: `testnet${next}` }), childOrder("interface"));
  }
}

/** Puts a device's child where libvirt would write it. */
export function putChild(device: XmlElement, child: XmlElement): void {
  place(device, child, childOrder(device.name));
}

function childOrder(kind: string): string[] {
  return Object.keys(deviceShapes[kind]?.children ?? {});
}

function completeController(controller: XmlElement, index: number, parent: XmlElement): void {
  const type = controller.attributes.get("type") ?? "ide";
  const before = elements(parent, "controller").slice(0, index);
  const same = before.filter((other) => other.attributes.get("type") === type);
  const number = controller.attributes.get("index") ?? String(same.length);
  if (same.some((other) => other.attributes.get("index") === number)) {
    throw xmlError(`Multiple '${type}' controllers with index '${number}'`, From.DOMAIN);
  }
  reorder(controller, { type, index: number });
}

const INTERFACE_TYPES = new Set(
  "user ethernet vhostuser server client mcast network bridge internal direct hostdev udp vdpa null vds".split(" "),
);
const NEEDS_SOURCE = new Set(["network", "bridge", "direct", "vhostuser", "internal"]);

function completeInterface(net: XmlElement): void {
  const type = net.attributes.get("type") ?? "user";
  requireValue(INTERFACE_TYPES, type, "type", "interface");
  reorder(net, { type });
  if (NEEDS_SOURCE.has(type) && find(net, "source") === null) {
    throw xmlError(`interface type='${type}' requires a 'source' element`, From.DOMAIN);
  }
  const mac = attributeOf(net, "address", "mac") ?? randomMac();
  if (!/^([0-9a-f]{1,2}:){5}[0-9a-f]{1,2}$/i.test(mac)) {
    throw xmlError(`unable to parse mac address '${mac}'`, From.DOMAIN);
  }
  const address = mac
    .toLowerCase()
    .split(":")
    .map((byte) => byte.padStart(2, "0"))
    .join(":");
  if ((Number.parseInt(address.slice(0, 2), 16) & 1) === 1) {
    throw xmlError(`expected unicast mac address, found multicast '${address}'`, From.DOMAIN);
  }
  putChild(net, element("mac", { address }));
  dropGeneratedName(net);
}

/** Names that a hypervisor makes up itself do not belong to a description. */
function dropGeneratedName(net: XmlElement): void {
  if (!/^(vnet|vif|macvtap|macvlan)/.test(interfaceTarget(net))) return;
  const kept = net.children.filter((child) => !isElement(child) || child.name !== "target");
  net.children.splice(0, net.children.length, ...kept);
}

function randomMac(): string {
  return ["52", "54", "00", ...(randomBytes(3).toString("hex").match(/../g) ?? [])].join(":");
}

const CHARACTER_TYPES = new Set(
  "null vc pty dev file pipe stdio udp tcp unix spicevmc spiceport nmdm qemu-vdagent dbus".split(" "),
);

function completeCharacters(found: readonly XmlElement[], kind: string): void {
  for (const [index, device] of found.entries()) {
    const type = device.attributes.get("type") ?? "pty";
    if (!CHARACTER_TYPES.has(type)) {
      throw unsupportedConfig(`unknown type presented to host for character device: ${type}`);
    }
    reorder(device, { type });
    completeTarget(device, kind, index);
  }
}

function completeTarget(device: XmlElement, kind: string, index: number): void {
  const target = find(device, "target");
  const type = target?.attributes.get("type");
  if (kind === "channel") {
    if (type === undefined) throw xmlError("target type must be specified for channel device", From.DOMAIN);
    return;
  }
  const port = target?.attributes.get("port") ?? String(index);
  const completed = element("target", { type: type ?? (kind === "console" ? "serial" : undefined), port });
  putChild(device, { ...completed, children: target?.children ?? [] });
}

/** The first serial port and the first console of a machine are one thing with two names. */
function pairConsole(definition: DomainDefinition, parent: XmlElement): void {
  const osType = textOf(definition, "os", "type");
  if (osType !== "hvm") return;
  const [serial] = elements(parent, "serial");
  const [console] = elements(parent, "console");
  if (console !== undefined && attributeOf(console, "type", "target") !== "serial") return;
  if (serial !== undefined) {
    const alias = { ...cloneElement(serial), name: "console" };
    putChild(alias, element("target", { type: "serial", port: attributeOf(serial, "port", "target") ?? "0" }));
    if (console === undefined) append(parent, alias);
    else parent.children.splice(parent.children.indexOf(console), 1, alias);
  } else if (console !== undefined) {
    const port = { ...cloneElement(console), name: "serial" };
    putChild(port, element("target", { port: "0" }));
    append(parent, port);
  }
}

const INPUT_BUSES: ReadonlyMap<string, string> = new Map([
  ["mouse", "ps2"],
  ["keyboard", "ps2"],
  ["tablet", "usb"],
  ["passthrough", "virtio"],
  ["evdev", "none"],
]);

function completeInput(input: XmlElement): void {
  const type = input.attributes.get("type");
  if (type === undefined) throw internalError("missing input device type", From.DOMAIN);
  const bus = INPUT_BUSES.get(type);
  if (bus === undefined) throw internalError(`unknown input device type '${type}'`, From.DOMAIN);
  reorder(input, bus === "none" ? { type } : { type, bus: input.attributes.get("bus") ?? bus });
}

const GRAPHICS_TYPES = new Set(["sdl", "vnc", "rdp", "desktop", "spice", "egl-headless", "dbus"]);

function completeGraphics(graphics: XmlElement): void {
  const type = requireAttribute(graphics, "type");
  requireValue(GRAPHICS_TYPES, type, "type", "graphics");
  if (type !== "vnc" && type !== "spice" && type !== "rdp") return;
  completePorts(graphics, type);
  const legacy = graphics.attributes.get("listen");
  const [listen] = elements(graphics, "listen");
  if (listen === undefined) graphics.children.unshift(element("listen", { type: "address", address: legacy }));
  else if (legacy === undefined && listen.attributes.get("type") === "address") {
    const address = listen.attributes.get("address");
    if (address !== undefined) reorderBy(graphics, "graphics", { listen: address });
  }
}

function completePorts(graphics: XmlElement, type: string): void {
  const port = graphics.attributes.get("port");
  const tlsPort = graphics.attributes.get("tlsPort");
  if (port !== undefined && !/^-?\d{1,6}$/.test(port))
    throw internalError(`cannot parse ${type} port ${port}`, From.DOMAIN);
  const none = (port === undefined || port === "-1") && tlsPort === undefined;
  const asked = graphics.attributes.get("autoport");
  const auto = asked === "yes" || (type === "vnc" ? none : none && asked === undefined);
  if (type === "spice" && none && asked === undefined) return;
  if (auto) graphics.attributes.delete("tlsPort");
  const kept = type === "spice" ? undefined : "-1";
  reorderBy(graphics, "graphics", { port: auto ? kept : port, autoport: auto ? "yes" : "no" });
  if (auto && type === "spice") graphics.attributes.delete("port");
}

interface VideoDefaults {
  readonly ram?: string;
  readonly vram?: string;
}

const VIDEO_MODELS: ReadonlyMap<string, VideoDefaults> = new Map([
  ["vga", { vram: "16384" }],
  ["cirrus", { vram: "16384" }],
  ["vmvga", { vram: "16384" }],
  ["xen", { vram: "4096" }],
  ["vbox", { vram: "8192" }],
  ["qxl", { ram: "65536", vram: "65536" }],
  ["parallels", { vram: "32768" }],
  ["virtio", {}],
  ["gop", {}],
  ["none", {}],
  ["bochs", { vram: "16384" }],
  ["ramfb", {}],
]);

/** A screen needs an adapter behind it; the first adapter is the primary one. */
function completeVideos(parent: XmlElement): void {
  if (elements(parent, "graphics").length > 0 && elements(parent, "video").length === 0) {
    append(parent, element("video"));
  }
  const videos = elements(parent, "video");
  for (const [index, video] of videos.entries()) completeVideo(video, index === 0);
  const none = videos.some((video) => attributeOf(video, "type", "model") === "none");
  if (none && videos.length > 1) {
    throw unsupportedConfig("a 'none' video type must be the only video device defined for the domain");
  }
}

function completeVideo(video: XmlElement, primary: boolean): void {
  const model = find(video, "model") ?? element("model");
  const type = model.attributes.get("type") ?? "cirrus";
  const defaults = VIDEO_MODELS.get(type);
  if (defaults === undefined) throw unsupportedConfig(`unknown video model '${type}'`);
  if (type === "none") return;
  const attributes = {
    type,
    ram: model.attributes.get("ram") ?? defaults.ram,
    vram: model.attributes.get("vram") ?? defaults.vram,
    vram64: model.attributes.get("vram64"),
    vgamem: model.attributes.get("vgamem"),
    heads: model.attributes.get("heads") ?? "1",
    blob: model.attributes.get("blob"),
    primary: primary ? "yes" : undefined,
  };
  putChild(video, { ...element("model", attributes), children: model.children });
}

const SOUND_MODELS = new Set("sb16 es1370 pcspk ac97 ich6 ich9 usb ich7".split(" "));
const WATCHDOG_MODELS = new Set(["i6300esb", "ib700", "diag288", "itco"]);
const BALLOON_MODELS = new Set(["virtio", "xen", "none", "virtio-transitional", "virtio-non-transitional"]);

function completeOther(device: XmlElement): void {
  const model = device.attributes.get("model");
  switch (device.name) {
    case "sound":
      requireValue(SOUND_MODELS, requireAttribute(device, "model"), "model", "sound");
      break;
    case "watchdog":
      if (model === undefined || !WATCHDOG_MODELS.has(model))
        throw unsupportedConfig(`unknown watchdog model '${model}'`);
      reorder(device, { model, action: device.attributes.get("action") ?? "reset" });
      break;
    case "memballoon":
      requireValue(BALLOON_MODELS, requireAttribute(device, "model"), "model", "memballoon");
      break;
    case "rng":
      if (find(device, "backend") === null) throw xmlError("only one RNG backend is supported", From.DOMAIN);
      break;
    case "filesystem":
      completeFilesystem(device);
      break;
    case "hostdev":
      if (device.attributes.get("type") === undefined) throw xmlError("missing source address type", From.DOMAIN);
      completeHostdev(device);
      break;
    case "hub":
      if (!device.attributes.has("type")) throw internalError("missing hub device type", From.DOMAIN);
      break;
    case "shmem":
      if (find(device, "model") === null) putChild(device, element("model", { type: "ivshmem" }));
      break;
    default:
  }
}

function completeHostdev(device: XmlElement): void {
  const type = device.attributes.get("type");
  const managed = device.attributes.get("managed") ?? "no";
  reorder(device, {
    mode: device.attributes.get("mode") ?? "subsystem",
    type,
    managed: type === "mdev" ? undefined : managed,
  });
}

function completeFilesystem(device: XmlElement): void {
  if (find(device, "source") === null) throw failure(Code.NO_SOURCE, From.DOMAIN);
  if (find(device, "target") === null) throw failure(Code.NO_TARGET, From.DOMAIN);
  const type = device.attributes.get("type") ?? "mount";
  reorder(device, { type, accessmode: device.attributes.get("accessmode") ?? "passthrough" });
}

/** Controllers that disks and ports hang on, where the description has none. */
function addControllers(parent: XmlElement): void {
  for (const bus of ["scsi", "fdc", "ide", "sata"]) {
    const indexes = elements(parent, "disk")
      .filter((disk) => attributeOf(disk, "bus", "target") === bus)
      .map((disk) => Number(attributeOf(disk, "controller", "address") ?? 0));
    for (let index = 0; index <= Math.max(-1, ...indexes); index++) addController(parent, bus, index);
  }
  const serial = [...elements(parent, "channel"), ...elements(parent, "console")];
  if (serial.some((port) => attributeOf(port, "type", "target") === "virtio"))
    addController(parent, "virtio-serial", 0);
}

function addController(parent: XmlElement, type: string, index: number): void {
  const present = elements(parent, "controller").some(
    (other) => other.attributes.get("type") === type && other.attributes.get("index") === String(index),
  );
  if (!present) append(parent, element("controller", { type, index }));
}

/** Puts a device behind the last of its kind, or where its kind belongs. */
function append(parent: XmlElement, device: XmlElement): void {
  const rank = ORDER.indexOf(device.name);
  const later = parent.children.findIndex((child) => isElement(child) && ORDER.indexOf(child.name) > rank);
  parent.children.splice(later < 0 ? parent.children.length : later, 0, device);
}

function addresses(parent: XmlElement): XmlElement[] {
  return elements(parent).flatMap((device) => {
    const source =
      device.name === "hostdev" && device.attributes.get("type") === "pci" ? find(device, "source", "address") : null;
    const own = find(device, "address");
    return [...(own?.attributes.get("type") === "pci" ? [own] : []), ...(source === null ? [] : [source])];
  });
}

const PCI_DIGITS: Readonly<Record<string, number>> = { domain: 4, bus: 2, slot: 2, function: 1 };

function tidyAddress(address: XmlElement): void {
  const multifunction = address.attributes.get("multifunction");
  address.attributes.delete("multifunction");
  for (const [name, digits] of Object.entries(PCI_DIGITS)) {
    const text = address.attributes.get(name) ?? "0";
    const value = parseUnsigned(text);
    if (value === null)
      throw xmlError(
        `Invalid value for attribute '${name}' in element 'address': '${text}'. Expected integer value`,
        From.XML,
      );
    address.attributes.delete(name);
    address.attributes.set(name, hex(value, digits));
  }
  if (multifunction !== undefined) address.attributes.set("multifunction", multifunction);
}

/** Sets attributes, first those given and in their order; `undefined` takes one away. */
function reorder(device: XmlElement, first: Readonly<Record<string, string | undefined>>): void {
  const rest = [...device.attributes].filter(([name]) => !(name in first));
  device.attributes.clear();
  for (const [name, value] of Object.entries(first)) if (value !== undefined) device.attributes.set(name, value);
  for (const [name, value] of rest) device.attributes.set(name, value);
}

/** Sets attributes and brings all into the order of the shape. */
function reorderBy(device: XmlElement, kind: string, changed: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(changed)) {
    if (value === undefined) device.attributes.delete(name);
    else device.attributes.set(name, value);
  }
  const old = new Map(device.attributes);
  const order = deviceShapes[kind]?.attributes ?? [];
  device.attributes.clear();
  for (const name of order) {
    const value = old.get(name);
    if (value !== undefined) device.attributes.set(name, value);
  }
}

function requireAttribute(device: XmlElement, name: string): string {
  const value = device.attributes.get(name);
  if (value === undefined) throw xmlError(`Missing required attribute '${name}' in element '${device.name}'`, From.XML);
  return value;
}

function requireValue(known: ReadonlySet<string>, value: string, name: string, kind: string): void {
  if (!known.has(value))
    throw xmlError(`Invalid value for attribute '${name}' in element '${kind}': '${value}'.`, From.XML);
}
