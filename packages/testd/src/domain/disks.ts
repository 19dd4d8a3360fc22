import { Code, From, failure, unsupportedConfig, xmlError } from "../failure.ts";
import { attributeOf, element, elements, find, isElement, place, type XmlElement } from "../xml/element.ts";
import { diskSource, diskTarget } from "./definition.ts";
import { deviceShapes } from "./device-shape.ts";

const CHILDREN = Object.keys(deviceShapes["disk"]?.children ?? {});
const TYPES = new Set("file block dir network volume nvme vhostuser vhostvdpa".split(" "));
const KINDS = new Set(["disk", "cdrom", "floppy", "lun"]);
const BUSES = new Set("ide fdc scsi virtio xen usb uml sata sd none".split(" "));

/** Which bus a disk is on when only its name tells. */
const BUS_OF_PREFIX: Readonly<Record<string, string>> = {
  fd: "fdc",
  hd: "ide",
  sd: "scsi",
  vd: "virtio",
  xvd: "xen",
  ubd: "uml",
};

/** Completes the disks below `<devices>`, checks them and sorts those of one bus by name. */
export function canonicalDisks(parent: XmlElement): void {
  const disks = elements(parent, "disk");
  for (const disk of disks) completeDisk(disk);
  checkDuplicates(disks);
  const sorted = disks.reduce<XmlElement[]>((placed, disk) => insertSorted(placed, disk), []);
  const others = parent.children.filter((child) => !isElement(child) || child.name !== "disk");
  const first = parent.children.findIndex((child) => isElement(child) && child.name === "disk");
  others.splice(Math.max(first, 0), 0, ...sorted);
  parent.children.splice(0, parent.children.length, ...others);
}

function completeDisk(disk: XmlElement): void {
  const type = known(TYPES, disk.attributes.get("type") ?? "file", "type", "disk");
  const device = known(KINDS, disk.attributes.get("device") ?? "disk", "device", "disk");
  const rest = [...disk.attributes].filter(([name]) => name !== "type" && name !== "device");
  disk.attributes.clear();
  for (const [name, value] of [["type", type] as const, ["device", device] as const, ...rest]) {
    disk.attributes.set(name, value);
  }
  completeTarget(disk);
  checkSource(disk, type, device);
  if (device === "cdrom") place(disk, element("readonly"), CHILDREN);
  assignAddress(disk);
}

function completeTarget(disk: XmlElement): void {
  const target = find(disk, "target");
  const dev = target?.attributes.get("dev");
  if (target === null || dev === undefined) throw failure(Code.NO_TARGET, From.DOMAIN);
  const bus = known(BUSES, target.attributes.get("bus") ?? busOf(disk, dev), "bus", "target");
  const rest = Object.fromEntries([...target.attributes].filter(([name]) => name !== "dev" && name !== "bus"));
  place(disk, element("target", { dev, bus, ...rest }), CHILDREN);
}

function busOf(disk: XmlElement, dev: string): string {
  if (disk.attributes.get("device") === "floppy") return "fdc";
  return BUS_OF_PREFIX[prefixOf(dev)] ?? "ide";
}

function checkSource(disk: XmlElement, type: string, device: string): void {
  const removable = device === "cdrom" || device === "floppy";
  const target = diskTarget(disk);
  if (find(disk, "source") === null && !removable) throw failure(Code.NO_SOURCE, From.DOMAIN, target);
  if (device === "lun" && type !== "block" && type !== "network" && type !== "volume") {
    throw unsupportedConfig("disk device='lun' is only valid for block type disk source");
  }
  if (indexOf(target) < 0 && find(disk, "address") === null) {
    throw xmlError(`Unknown disk name '${target}' and no address specified`, From.DOMAIN);
  }
}

function checkDuplicates(disks: readonly XmlElement[]): void {
  const byTarget = new Map<string, XmlElement>();
  for (const disk of disks) {
    const target = diskTarget(disk);
    const other = byTarget.get(target);
    if (other !== undefined) {
      const sources = `'${diskSource(other) ?? "null"}' and '${diskSource(disk) ?? "null"}'`;
      throw xmlError(`target '${target}' duplicated for disk sources ${sources}`, From.DOMAIN);
    }
    byTarget.set(target, disk);
  }
}

/** Behind the last disk of its bus that has a smaller name; a disk of a new bus goes last. */
function insertSorted(placed: readonly XmlElement[], disk: XmlElement): XmlElement[] {
  const bus = attributeOf(disk, "bus", "target");
  const rank = indexOf(diskTarget(disk));
  let at = -1;
  for (let i = placed.length - 1; i >= 0; i--) {
    const other = placed[i] ?? null;
    if (other === null || attributeOf(other, "bus", "target") !== bus) continue;
    if (indexOf(diskTarget(other)) > rank) at = i;
    else if (at === -1) at = i + 1;
  }
  return placed.toSpliced(at === -1 ? placed.length : at, 0, disk);
}

/** Devices per controller, for the buses whose addresses follow from the name. */
const PER_CONTROLLER: Readonly<Record<string, number>> = { ide: 4, scsi: 7, sata: 6, fdc: 2 };

function assignAddress(disk: XmlElement): void {
  const bus = attributeOf(disk, "bus", "target") ?? "";
  const per = PER_CONTROLLER[bus];
  const index = indexOf(diskTarget(disk));
  if (find(disk, "address") !== null || per === undefined || index < 0) return;
  const slot = index % per;
  const position = bus === "ide" ? { bus: slot >> 1, target: 0, unit: slot & 1 } : { bus: 0, target: 0, unit: slot };
  const controller = Math.floor(index / per);
  place(disk, element("address", { type: "drive", controller, ...position }), CHILDREN);
}

function prefixOf(name: string): string {
  return Object.keys(BUS_OF_PREFIX).find((prefix) => name.startsWith(prefix)) ?? "";
}

/** `vda` is 0, `vdb` 1, `vdaa` 26; -1 for a name of another form. A partition number behind the name does not count. */
function indexOf(name: string): number {
  const letters = /^([a-z]{1,4})\d*$/.exec(name.slice(prefixOf(name).length))?.[1];
  if (prefixOf(name) === "" || letters === undefined) return -1;
  return letters.split("").reduce((sum, letter) => (sum + 1) * 26 + letter.charCodeAt(0) - 97, -1);
}

function known(values: ReadonlySet<string>, value: string, attribute: string, kind: string): string {
  if (values.has(value)) return value;
  throw xmlError(`Invalid value for attribute '${attribute}' in element '${kind}': '${value}'.`, From.XML);
}
