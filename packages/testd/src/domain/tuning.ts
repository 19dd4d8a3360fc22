import type { RemoteTypedParam } from "@virnet/libvirt/remote";
import { formatCpuSet, parseCpuSet } from "../cpu-set.ts";
import { From, invalidArgument } from "../failure.ts";
import {
  booleanParam,
  intParam,
  type ParamType,
  paramText,
  stringParam,
  uintParam,
  ullongParam,
} from "../typed-params.ts";
import {
  attributeOf,
  element,
  elements,
  find,
  place,
  remove,
  textElement,
  textOf,
  type XmlElement,
} from "../xml/element.ts";
import { type DomainDefinition, section, setTopText } from "./definition.ts";
import { ioTuneNames } from "./device-shape.ts";
import { putChild } from "./devices.ts";

/** What stands for "no limit" on the wire. */
export const UNLIMITED = 9_007_199_254_740_991n;
const MEMORY_LIMITS = ["hard_limit", "soft_limit", "swap_hard_limit"];
const MEMORY_ORDER = ["hard_limit", "soft_limit", "min_guarantee", "swap_hard_limit"];

export const MEMORY_TYPES: Readonly<Record<string, ParamType>> = allOf(MEMORY_LIMITS, "ullong");

export function memoryParams(definition: DomainDefinition): RemoteTypedParam[] {
  return MEMORY_LIMITS.map((name) => ullongParam(name, BigInt(textOf(definition, "memtune", name) ?? UNLIMITED)));
}

export function setMemoryParams(definition: DomainDefinition, params: readonly RemoteTypedParam[]): void {
  const wanted = new Map(params.map(({ field, value }) => [field, BigInt(paramText(value))]));
  const limit = (name: string): bigint => wanted.get(name) ?? BigInt(textOf(definition, "memtune", name) ?? UNLIMITED);
  if (limit("hard_limit") > limit("swap_hard_limit")) {
    throw invalidArgument("memory hard_limit tunable value must be lower than or equal to swap_hard_limit");
  }
  const tune = section(definition, "memtune");
  for (const [name, kib] of wanted) {
    if (kib >= UNLIMITED) remove(tune, name);
    else place(tune, element(name, { unit: "KiB" }, String(kib)), MEMORY_ORDER);
  }
  dropEmpty(definition, "memtune");
}

/** Names on the wire with the names in XML. */
const BLKIO_DEVICE: Readonly<Record<string, string>> = {
  device_weight: "weight",
  device_read_iops_sec: "read_iops_sec",
  device_write_iops_sec: "write_iops_sec",
  device_read_bytes_sec: "read_bytes_sec",
  device_write_bytes_sec: "write_bytes_sec",
};
const BLKIO_ORDER = ["path", "weight", "read_iops_sec", "write_iops_sec", "read_bytes_sec", "write_bytes_sec"];

export const BLKIO_TYPES: Readonly<Record<string, ParamType>> = {
  weight: "uint",
  ...allOf(Object.keys(BLKIO_DEVICE), "string"),
};

export function blkioParams(definition: DomainDefinition): RemoteTypedParam[] {
  const devices = elements(find(definition, "blkiotune") ?? element("blkiotune"), "device");
  const text = (name: string): string =>
    devices
      .flatMap((device) => {
        const value = textOf(device, name);
        return value === null ? [] : [`${textOf(device, "path") ?? ""},${value}`];
      })
      .join(",");
  return [
    uintParam("weight", Number(textOf(definition, "blkiotune", "weight") ?? 0)),
    ...Object.entries(BLKIO_DEVICE).map(([field, name]) => stringParam(field, text(name))),
  ];
}

export function setBlkioParams(definition: DomainDefinition, params: readonly RemoteTypedParam[]): void {
  const parsed = params.map(({ field, value }) => ({
    field,
    value,
    devices: field === "weight" ? [] : deviceList(field, paramText(value)),
  }));
  const tune = section(definition, "blkiotune");
  for (const { field, value, devices } of parsed) {
    if (field === "weight") place(tune, textElement("weight", paramText(value)), ["weight", "device"]);
    for (const [path, limit] of devices) setDeviceLimit(tune, path, BLKIO_DEVICE[field] ?? field, limit);
  }
  dropEmpty(definition, "blkiotune");
}

/** Reads `/dev/sda,300,/dev/sdb,200`. */
function deviceList(field: string, text: string): [string, string][] {
  const parts = text.split(",");
  const bad = (): Error => invalidArgument(`unable to parse blkio device '${field}' '${text}'`, From.DOMAIN);
  if (parts.length % 2 !== 0) throw bad();
  return Array.from({ length: parts.length / 2 }, (_, index) => {
    const [path = "", limit = ""] = parts.slice(2 * index, 2 * index + 2);
    if (path === "" || !/^\d{1,18}$/.test(limit)) throw bad();
    return [path, limit];
  });
}

/** A limit of 0 takes the limit away, and with the last one the device. */
function setDeviceLimit(tune: XmlElement, path: string, name: string, limit: string): void {
  let device = elements(tune, "device").find((candidate) => textOf(candidate, "path") === path);
  if (device === undefined) {
    device = element("device", {}, textElement("path", path));
    tune.children.push(device);
  }
  if (BigInt(limit) === 0n) remove(device, name);
  else place(device, textElement(name, limit), BLKIO_ORDER);
  if (device.children.length === 1) tune.children.splice(tune.children.indexOf(device), 1);
}

const NUMA_MODES = ["strict", "preferred", "interleave", "restrictive"];
export const NUMA_TYPES: Readonly<Record<string, ParamType>> = { numa_mode: "int", numa_nodeset: "string" };

export function numaParams(definition: DomainDefinition): RemoteTypedParam[] {
  const mode = attributeOf(definition, "mode", "numatune", "memory");
  return [
    intParam("numa_mode", mode === null ? 0 : Math.max(0, NUMA_MODES.indexOf(mode))),
    stringParam("numa_nodeset", attributeOf(definition, "nodeset", "numatune", "memory") ?? ""),
  ];
}

export function numaChange(params: readonly RemoteTypedParam[]): { mode?: string; nodeset?: string } {
  const change: { mode?: string; nodeset?: string } = {};
  for (const { field, value } of params) {
    if (field === "numa_nodeset") change.nodeset = formatCpuSet(parseCpuSet(paramText(value)));
    else change.mode = NUMA_MODES[Number(paramText(value))] ?? unknownMode(paramText(value));
  }
  return change;
}

function unknownMode(mode: string): never {
  throw invalidArgument(`unsupported numatune mode: '${mode}'`);
}

export function setNuma(definition: DomainDefinition, change: { mode?: string; nodeset?: string }): void {
  const tune = section(definition, "numatune");
  const memory = find(tune, "memory");
  const mode = change.mode ?? memory?.attributes.get("mode") ?? "strict";
  const nodeset = change.nodeset ?? memory?.attributes.get("nodeset");
  place(tune, element("memory", { mode, nodeset }), ["memory", "memnode"]);
}

export const IO_TUNE_TYPES: Readonly<Record<string, ParamType>> = {
  ...allOf(ioTuneNames, "ullong"),
  group_name: "string",
};

export function ioTuneParams(disk: XmlElement): RemoteTypedParam[] {
  return ioTuneNames.map((name) => {
    const text = textOf(disk, "iotune", name);
    return name === "group_name" ? stringParam(name, text ?? "") : ullongParam(name, BigInt(text ?? 0));
  });
}

export function setIoTune(disk: XmlElement, params: readonly RemoteTypedParam[]): void {
  const wanted = new Map(ioTuneNames.map((name) => [name, textOf(disk, "iotune", name) ?? ""]));
  for (const { field, value } of params) wanted.set(field, paramText(value));
  checkIoTune(wanted);
  const set = [...wanted].filter(([, text]) => text !== "" && text !== "0");
  if (set.length === 0) remove(disk, "iotune");
  else putChild(disk, element("iotune", {}, ...set.map(([name, text]) => textElement(name, text))));
}

function checkIoTune(wanted: ReadonlyMap<string, string>): void {
  const number = (name: string): bigint => BigInt(wanted.get(name) || 0);
  for (const kind of ["bytes", "iops"]) {
    for (const suffix of ["sec", "sec_max"]) {
      const total = number(`total_${kind}_${suffix}`);
      const parts = number(`read_${kind}_${suffix}`) + number(`write_${kind}_${suffix}`);
      if (total > 0n && parts > 0n) {
        throw invalidArgument(`total and read/write of ${kind}_${suffix} cannot be set at the same time`);
      }
    }
    for (const way of ["total", "read", "write"]) {
      const name = `${way}_${kind}_sec`;
      const max = number(`${name}_max`);
      if (max > 0n && number(name) > max) throw invalidArgument(`${name} cannot be set higher than ${name}_max `);
    }
  }
}

const BANDWIDTH = ["average", "peak", "burst", "floor"];
const INTERFACE_FIELDS = [
  ...BANDWIDTH.map((name) => `inbound.${name}`),
  ...BANDWIDTH.slice(0, 3).map((name) => `outbound.${name}`),
];
export const INTERFACE_TYPES: Readonly<Record<string, ParamType>> = allOf(INTERFACE_FIELDS, "uint");

export function interfaceParams(net: XmlElement): RemoteTypedParam[] {
  return INTERFACE_FIELDS.map((field) => {
    const [way = "", name = ""] = field.split(".");
    return uintParam(field, Number(attributeOf(net, name, "bandwidth", way) ?? 0));
  });
}

/** A direction without an average has no limit at all, whatever else is given. */
export function setInterfaceParams(net: XmlElement, params: readonly RemoteTypedParam[]): void {
  const given = new Map(params.map(({ field, value }) => [field, paramText(value)]));
  const directions = ["inbound", "outbound"].flatMap((way) => {
    const touched = BANDWIDTH.some((name) => given.has(`${way}.${name}`));
    const old = (name: string): string | null => (touched ? null : attributeOf(net, name, "bandwidth", way));
    const values = BANDWIDTH.map((name) => [name, given.get(`${way}.${name}`) ?? old(name) ?? "0"] as const);
    const set = Object.fromEntries(values.filter(([, text]) => text !== "0"));
    return "average" in set || "floor" in set ? [element(way, set)] : [];
  });
  if (directions.length === 0) remove(net, "bandwidth");
  else putChild(net, element("bandwidth", {}, ...directions));
}

const PERF_EVENTS = [
  "cmt",
  "mbmt",
  "mbml",
  "cpu_cycles",
  "instructions",
  "cache_references",
  "cache_misses",
  "branch_instructions",
  "branch_misses",
  "bus_cycles",
  "stalled_cycles_frontend",
  "stalled_cycles_backend",
  "ref_cpu_cycles",
  "cpu_clock",
  "task_clock",
  "page_faults",
  "context_switches",
  "cpu_migrations",
  "page_faults_min",
  "page_faults_maj",
  "alignment_faults",
  "emulation_faults",
];
export const PERF_TYPES: Readonly<Record<string, ParamType>> = allOf(PERF_EVENTS, "boolean");

export function perfParams(definition: DomainDefinition): RemoteTypedParam[] {
  const perf = find(definition, "perf");
  const on = new Set(
    (perf === null ? [] : elements(perf, "event"))
      .filter((event) => event.attributes.get("enabled") === "yes")
      .map((event) => event.attributes.get("name")),
  );
  return PERF_EVENTS.map((name) => booleanParam(name, on.has(name)));
}

export function setPerfParams(definition: DomainDefinition, params: readonly RemoteTypedParam[]): void {
  const perf = section(definition, "perf");
  const states = new Map(
    elements(perf, "event").map((event) => [
      event.attributes.get("name") ?? "",
      event.attributes.get("enabled") ?? "no",
    ]),
  );
  for (const { field, value } of params) states.set(field, paramText(value));
  const events = PERF_EVENTS.flatMap((name) => {
    const enabled = states.get(name);
    return enabled === undefined ? [] : [element("event", { name, enabled })];
  });
  perf.children.splice(0, perf.children.length, ...events);
}

function dropEmpty(definition: DomainDefinition, name: string): void {
  if (find(definition, name)?.children.length === 0) setTopText(definition, name, null);
}

function allOf(names: readonly string[], type: ParamType): Readonly<Record<string, ParamType>> {
  return Object.fromEntries(names.map((name) => [name, type]));
}
