import { formatCpuSet, parseCpuSet } from "../cpu-set.ts";
import { Code, From, failure, internalError, unsupportedConfig, xmlError } from "../failure.ts";
import { newUuid, parseUuid } from "../uuid.ts";
import {
  attributeOf,
  block,
  element,
  elements,
  find,
  isElement,
  remove,
  textElement,
  textOf,
  type XmlElement,
} from "../xml/element.ts";
import { parseUnsigned, unitBytes } from "../xml/number.ts";
import { parseXml } from "../xml/parse.ts";
import { canonical } from "../xml/shape.ts";
import { type DomainDefinition, putTop, setTopText } from "./definition.ts";
import { canonicalDevices } from "./devices.ts";
import { domainShape } from "./shape.ts";

/** Reads a description and completes it with what libvirt would fill in. */
export function parseDomain(xml: string): DomainDefinition {
  return domainFromElement(parseXml(xml, "domain", { document: "domain_definition", domain: From.DOMAIN }));
}

/** The same for a `<domain>` that stands inside another document, such as a snapshot. */
export function domainFromElement(root: XmlElement): DomainDefinition {
  checkType(root);
  const definition = canonical(root, domainShape);
  definition.attributes.delete("id");
  identity(definition, root);
  memory(definition);
  processors(definition);
  iothreads(definition);
  tuning(definition);
  operatingSystem(definition, root);
  processorModel(definition);
  lifecycle(definition);
  security(definition);
  if (find(definition, "devices") === null) putTop(definition, block("devices"));
  canonicalDevices(definition);
  defaultBoot(definition);
  return definition;
}

const VIRT_TYPES = new Set(
  "qemu kvm xen lxc uml openvz test vmware hyperv vbox phyp parallels bhyve vz hvf".split(" "),
);

function checkType(root: XmlElement): void {
  const type = root.attributes.get("type");
  if (type === undefined) throw internalError("missing domain type attribute", From.DOMAIN);
  if (!VIRT_TYPES.has(type)) throw unsupportedConfig(`invalid domain type ${type}`);
}

function identity(definition: DomainDefinition, root: XmlElement): void {
  const name = textOf(root, "name");
  if (name === null || name === "") throw failure(Code.NO_NAME, From.DOMAIN);
  if (name.includes("/")) throw xmlError(`name ${name} cannot contain '/'`, From.DOMAIN);
  if (/^\s*$/.test(name)) throw xmlError("name must contain at least one non-whitespace character", From.DOMAIN);
  setTopText(definition, "name", name);
  const uuid = textOf(definition, "uuid");
  setTopText(definition, "uuid", uuid === null || uuid === "" ? newUuid() : parseUuid(uuid, From.DOMAIN));
  if (textOf(definition, "title")?.includes("\n") === true) {
    throw xmlError("Domain title can't contain newlines", From.DOMAIN);
  }
  dropEmpty(definition, ["title", "description"]);
  if (find(definition, "genid") !== null) setTopText(definition, "genid", textOf(definition, "genid") || newUuid());
  metadata(definition);
}

function dropEmpty(definition: DomainDefinition, names: readonly string[]): void {
  for (const name of names) if (textOf(definition, name) === "") remove(definition, name);
}

/** Only elements with a namespace of their own stay, and one per namespace. */
function metadata(definition: DomainDefinition): void {
  const found = find(definition, "metadata");
  if (found === null) return;
  const seen = new Set<string>();
  const kept = elements(found).filter((child) => {
    const namespace = namespaceOf(child);
    if (namespace === null || seen.has(namespace)) return false;
    seen.add(namespace);
    return true;
  });
  putTop(definition, element("metadata", {}, ...kept));
}

/** The namespace that an application's element declares for itself. */
export function namespaceOf(child: XmlElement): string | null {
  const prefix = child.name.includes(":") ? child.name.slice(0, child.name.indexOf(":")) : null;
  return child.attributes.get(prefix === null ? "xmlns" : `xmlns:${prefix}`) ?? null;
}

function memory(definition: DomainDefinition): void {
  const max = kibOf(definition, "memory") ?? numaMemory(definition);
  if (max === null || max === 0n) {
    throw xmlError("Memory size must be specified via <memory> or in the <numa> configuration", From.DOMAIN);
  }
  const dumpCore = attributeOf(definition, "dumpCore", "memory") ?? undefined;
  putTop(definition, element("memory", { dumpCore, unit: "KiB" }, String(max)));
  const current = kibOf(definition, "currentMemory") ?? 0n;
  const ballooned = current === 0n || current > max ? max : current;
  putTop(definition, element("currentMemory", { unit: "KiB" }, String(ballooned)));
  const hotplug = kibOf(definition, "maxMemory");
  const slots = attributeOf(definition, "slots", "maxMemory") ?? undefined;
  if (hotplug !== null) putTop(definition, element("maxMemory", { slots, unit: "KiB" }, String(hotplug)));
  for (const limit of find(definition, "memtune")?.children.filter(isElement) ?? []) toKib(limit, "./memtune/");
}

function numaMemory(definition: DomainDefinition): bigint | null {
  const numa = find(definition, "cpu", "numa");
  if (numa === null) return null;
  return elements(numa, "cell").reduce((sum, cell) => {
    const size = parseUnsigned(cell.attributes.get("memory") ?? "") ?? 0n;
    return sum + (size * unitBytes(cell.attributes.get("unit") ?? "KiB") + 1023n) / 1024n;
  }, 0n);
}

function kibOf(definition: DomainDefinition, name: string): bigint | null {
  const found = find(definition, name);
  return found === null ? null : scaled(found, `./${name}[1]`);
}

function toKib(found: XmlElement, path: string): void {
  const size = scaled(found, `${path}${found.name}`);
  found.attributes.set("unit", "KiB");
  found.children.splice(0, found.children.length, String(size));
}

/** The largest size that libvirt lets through on a 64-bit host, in KiB. */
const LARGEST_KIB = 0x7fff_ffff_ffff_ffffn / 1024n;

function scaled(found: XmlElement, path: string): bigint {
  const text = textOf(found) ?? "";
  const number = parseUnsigned(text);
  if (number === null) throw xmlError(`Invalid value '${text}' for element or attribute '${path}'`, From.DOMAIN);
  const kib = (number * unitBytes(found.attributes.get("unit") ?? "KiB") + 1023n) / 1024n;
  if (kib > LARGEST_KIB) throw failure(Code.OPERATION_FAILED, From.NONE, `value too large: ${number}`);
  return kib;
}

/** More vCPUs than any driver of libvirt takes. */
const MOST_VCPUS = 16_384;

function processors(definition: DomainDefinition): void {
  const text = textOf(definition, "vcpu") || "1";
  const max = parseUnsigned(text);
  if (max === null || max > BigInt(MOST_VCPUS)) {
    throw xmlError("maximum vcpus count must be an integer", From.DOMAIN);
  }
  if (max === 0n) throw internalError("CPU IDs in <numa> exceed the <vcpu> count", From.DOMAIN);
  const current = parseUnsigned(attributeOf(definition, "current", "vcpu") ?? text);
  if (current === null) throw xmlError("current vcpus count must be an integer", From.DOMAIN);
  if (current > max) throw unsupportedConfig("maximum vCPU count must not be less than current vCPU count");
  const cpuset = attributeOf(definition, "cpuset", "vcpu");
  const placement = attributeOf(definition, "placement", "vcpu") ?? "static";
  const attributes = {
    placement,
    cpuset: cpuset === null || placement === "auto" ? undefined : formatCpuSet(parseCpuSet(cpuset)),
    current: current === max ? undefined : current,
  };
  putTop(definition, element("vcpu", attributes, String(max)));
}

/** As many as qemu's own bound, to keep a hostile count from filling memory. */
const MOST_IOTHREADS = 4096n;

function iothreads(definition: DomainDefinition): void {
  const text = textOf(definition, "iothreads");
  const ids = find(definition, "iothreadids");
  if (text === null && ids === null) return;
  const count = parseUnsigned(text ?? "0");
  if (count === null || count > MOST_IOTHREADS) throw xmlError(`invalid iothreads count '${text}'`, From.DOMAIN);
  const listed = ids === null ? [] : elements(ids, "iothread");
  const total = Math.max(Number(count), listed.length);
  setTopText(definition, "iothreads", total === 0 ? null : String(total));
  if (ids !== null) fillIds(ids, listed, total);
}

function fillIds(ids: XmlElement, listed: readonly XmlElement[], total: number): void {
  const used = new Set(listed.map((thread) => Number(thread.attributes.get("id"))));
  for (let id = 1; ids.children.length < total; id++) if (!used.has(id)) ids.children.push(element("iothread", { id }));
}

function tuning(definition: DomainDefinition): void {
  const cputune = find(definition, "cputune");
  for (const pin of cputune === null ? [] : elements(cputune)) tidySet(pin, "cpuset");
  if (attributeOf(definition, "placement", "vcpu") === "auto" && find(definition, "numatune") === null) {
    putTop(definition, element("numatune", {}, element("memory", { mode: "strict", placement: "auto" })));
  }
  const numa = find(definition, "numatune", "memory");
  if (numa !== null) tidySet(numa, "nodeset");
}

function tidySet(found: XmlElement, attribute: string): void {
  const text = found.attributes.get(attribute);
  if (text !== undefined) found.attributes.set(attribute, formatCpuSet(parseCpuSet(text)));
}

const OS_TYPES = new Set(["hvm", "linux", "xen", "exe", "uml", "xenpvh"]);

function operatingSystem(definition: DomainDefinition, root: XmlElement): void {
  const os = find(definition, "os");
  const type = textOf(os, "type");
  const bootloader = textOf(definition, "bootloader");
  if ((type === null || type === "") && bootloader === null) {
    throw xmlError("an os <type> must be specified", From.DOMAIN);
  }
  if (type !== null && !OS_TYPES.has(type)) throw unsupportedConfig(`unknown OS type '${type}'`);
  const typeElement = find(os, "type");
  if (typeElement !== null && !typeElement.attributes.has("arch")) prependAttribute(typeElement, "arch", "i686");
  checkFeatures(find(root, "features"));
}

function prependAttribute(at: XmlElement, name: string, value: string): void {
  const rest = [...at.attributes];
  at.attributes.clear();
  for (const [key, text] of [[name, value] as const, ...rest]) at.attributes.set(key, text);
}

function checkFeatures(features: XmlElement | null): void {
  const known = domainShape.children["features"];
  if (features === null || known === undefined || typeof known === "function") return;
  const foreign = elements(features).find((feature) => !Object.hasOwn(known.children, feature.name));
  if (foreign !== undefined) throw unsupportedConfig(`unexpected feature '${foreign.name}'`);
}

const CPU_MODES = new Set(["custom", "host-model", "host-passthrough", "maximum"]);

function processorModel(definition: DomainDefinition): void {
  const cpu = find(definition, "cpu");
  if (cpu === null) return;
  const mode = cpu.attributes.get("mode");
  if (mode !== undefined && !CPU_MODES.has(mode)) throw unsupportedConfig(`Invalid mode attribute '${mode}'`, From.CPU);
  const model = find(cpu, "model");
  if (model !== null) customModel(cpu, model);
  const topology = find(cpu, "topology");
  if (topology !== null) completeTopology(topology);
  const numa = find(cpu, "numa");
  for (const [index, cell] of (numa === null ? [] : elements(numa, "cell")).entries()) completeCell(cell, index);
}

function customModel(cpu: XmlElement, model: XmlElement): void {
  const old = new Map(cpu.attributes);
  cpu.attributes.clear();
  const defaults = { mode: "custom", match: "exact" };
  for (const [name, value] of new Map([...Object.entries(defaults), ...old])) cpu.attributes.set(name, value);
  if (!model.attributes.has("fallback")) prependAttribute(model, "fallback", "allow");
}

function completeTopology(topology: XmlElement): void {
  const counts = ["sockets", "dies", "cores", "threads"].map(
    (name) => [name, topology.attributes.get(name) ?? "1"] as const,
  );
  topology.attributes.clear();
  for (const [name, count] of counts) topology.attributes.set(name, count);
}

function completeCell(cell: XmlElement, index: number): void {
  if (!cell.attributes.has("id")) prependAttribute(cell, "id", String(index));
  if (!cell.attributes.has("unit")) cell.attributes.set("unit", "KiB");
}

const CLOCK_OFFSETS = new Set(["utc", "localtime", "variable", "timezone", "absolute"]);
const ACTIONS: Readonly<Record<string, readonly [fallback: string, ...allowed: string[]]>> = {
  on_poweroff: ["destroy", "restart", "rename-restart", "preserve"],
  on_reboot: ["restart", "destroy", "rename-restart", "preserve"],
  on_crash: ["destroy", "restart", "rename-restart", "preserve", "coredump-destroy", "coredump-restart"],
};

function lifecycle(definition: DomainDefinition): void {
  const offset = attributeOf(definition, "offset", "clock") ?? "utc";
  if (!CLOCK_OFFSETS.has(offset)) throw unsupportedConfig(`unknown clock offset '${offset}'`);
  const clock = find(definition, "clock");
  if (clock === null) putTop(definition, element("clock", { offset }));
  else if (!clock.attributes.has("offset")) prependAttribute(clock, "offset", offset);
  for (const [name, allowed] of Object.entries(ACTIONS)) {
    const action = textOf(definition, name) ?? allowed[0];
    if (!allowed.includes(action)) throw unsupportedConfig(`unknown ${name} action: ${action}`);
    putTop(definition, textElement(name, action));
  }
}

function security(definition: DomainDefinition): void {
  for (const label of elements(definition, "seclabel")) {
    if (label.attributes.get("type") === "dynamic" && !label.attributes.has("relabel")) {
      label.attributes.set("relabel", "yes");
    }
  }
}

/** A machine boots from its disk unless the description or a device says otherwise. */
function defaultBoot(definition: DomainDefinition): void {
  const os = find(definition, "os");
  const hvm = textOf(os, "type") === "hvm";
  if (os === null || !hvm || find(os, "boot") !== null || find(definition, "bootloader") !== null) return;
  const ordered = elements(find(definition, "devices") ?? os).some((device) => find(device, "boot") !== null);
  if (ordered) return;
  const order = osOrder();
  const rank = order.indexOf("boot");
  const later = os.children.findIndex((child) => isElement(child) && order.indexOf(child.name) > rank);
  os.children.splice(later < 0 ? os.children.length : later, 0, element("boot", { dev: "hd" }));
}

function osOrder(): string[] {
  const shape = domainShape.children["os"];
  return shape === undefined || typeof shape === "function" ? [] : Object.keys(shape.children);
}
