import {
  attributeOf,
  cloneElement,
  element,
  elements,
  find,
  place,
  remove,
  textElement,
  textOf,
  type XmlElement,
} from "../xml/element.ts";
import { formatXml } from "../xml/format.ts";
import { domainShape } from "./shape.ts";

/** A domain's description in canonical form: the tree is the truth, what follows reads and writes it. */
export type DomainDefinition = XmlElement;

const TOP = Object.keys(domainShape.children);

export function nameOf(definition: DomainDefinition): string {
  return textOf(definition, "name") ?? "";
}

export function uuidOf(definition: DomainDefinition): string {
  return textOf(definition, "uuid") ?? "";
}

/** Puts a top-level element where libvirt would write it. */
export function putTop(definition: DomainDefinition, child: XmlElement): void {
  place(definition, child, TOP);
}

/** Sets the text of a top-level element, or takes the element out. */
export function setTopText(definition: DomainDefinition, name: string, text: string | null): void {
  if (text === null || text === "") remove(definition, name);
  else putTop(definition, textElement(name, text));
}

/** The top-level element of that name, made when it is not there. */
export function section(definition: DomainDefinition, name: string): XmlElement {
  const found = find(definition, name);
  if (found !== null) return found;
  const made = element(name);
  putTop(definition, made);
  return made;
}

export function maxMemory(definition: DomainDefinition): bigint {
  return BigInt(textOf(definition, "memory") ?? 0);
}

export function currentMemory(definition: DomainDefinition): bigint {
  return BigInt(textOf(definition, "currentMemory") ?? 0);
}

export function setMaxMemory(definition: DomainDefinition, kib: bigint): void {
  putTop(definition, element("memory", { unit: "KiB" }, String(kib)));
  if (currentMemory(definition) > kib) setCurrentMemory(definition, kib);
}

export function setCurrentMemory(definition: DomainDefinition, kib: bigint): void {
  putTop(definition, element("currentMemory", { unit: "KiB" }, String(kib)));
}

export function maxVcpus(definition: DomainDefinition): number {
  return Number(textOf(definition, "vcpu") ?? 1);
}

export function currentVcpus(definition: DomainDefinition): number {
  return Number(attributeOf(definition, "current", "vcpu") ?? maxVcpus(definition));
}

export function setVcpus(definition: DomainDefinition, counts: { max?: number; current?: number }): void {
  const max = counts.max ?? maxVcpus(definition);
  const current = Math.min(counts.current ?? currentVcpus(definition), max);
  const old = section(definition, "vcpu");
  const attributes = {
    placement: old.attributes.get("placement"),
    cpuset: old.attributes.get("cpuset"),
    current: current === max ? undefined : current,
  };
  putTop(definition, element("vcpu", attributes, String(max)));
}

export function devices(definition: DomainDefinition, kind: string): XmlElement[] {
  const parent = find(definition, "devices");
  return parent === null ? [] : elements(parent, kind);
}

export function diskTarget(disk: XmlElement): string {
  return attributeOf(disk, "dev", "target") ?? "";
}

/** Where the content of a disk lies; `null` for an empty drive. */
export function diskSource(disk: XmlElement): string | null {
  const source = find(disk, "source");
  return source?.attributes.get("file") ?? source?.attributes.get("dev") ?? source?.attributes.get("dir") ?? null;
}

/** By target name or by source, as every block call of libvirt takes it. */
export function findDisk(definition: DomainDefinition, path: string): XmlElement | null {
  const disks = devices(definition, "disk");
  return disks.find((disk) => diskTarget(disk) === path || diskSource(disk) === path) ?? null;
}

export function interfaceTarget(net: XmlElement): string {
  return attributeOf(net, "dev", "target") ?? "";
}

export function interfaceMac(net: XmlElement): string {
  return attributeOf(net, "address", "mac") ?? "";
}

/** By name on the host or by MAC address. */
export function findInterface(definition: DomainDefinition, device: string): XmlElement | null {
  const nets = devices(definition, "interface");
  return nets.find((net) => interfaceTarget(net) === device || interfaceMac(net) === device.toLowerCase()) ?? null;
}

/** How a description is to be written. */
export interface FormatOptions {
  /** The id that a running domain's description carries. */
  readonly id?: number;
  /** Passwords are written too. */
  readonly secure?: boolean;
  readonly indent?: string;
}

export function formatDomain(definition: DomainDefinition, options: FormatOptions = {}): string {
  const copy = cloneElement(definition);
  if (options.id !== undefined) copy.attributes.set("id", String(options.id));
  if (options.secure !== true) hideSecrets(copy);
  return formatXml(copy, options.indent);
}

function hideSecrets(definition: DomainDefinition): void {
  for (const graphics of devices(definition, "graphics")) {
    graphics.attributes.delete("passwd");
    graphics.attributes.delete("passwdValidTo");
  }
}
