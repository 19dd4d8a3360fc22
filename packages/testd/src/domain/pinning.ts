import { type CpuSet, firstCpus, formatCpuSet, parseCpuSet } from "../cpu-set.ts";
import { HOST } from "../host/host.ts";
import { attributeOf, element, elements, find, place } from "../xml/element.ts";
import { type DomainDefinition, section } from "./definition.ts";

/** Where a vCPU may run: anywhere unless it is pinned. */
export function vcpuCpus(definition: DomainDefinition, vcpu: number): CpuSet {
  const tune = find(definition, "cputune");
  const pins = tune === null ? [] : elements(tune, "vcpupin");
  const pin = pins.find((candidate) => candidate.attributes.get("vcpu") === String(vcpu));
  return cpusOf(pin?.attributes.get("cpuset") ?? attributeOf(definition, "cpuset", "vcpu"));
}

export function pinVcpu(definition: DomainDefinition, vcpu: number, cpus: CpuSet): void {
  const tune = section(definition, "cputune");
  const others = elements(tune, "vcpupin").filter((pin) => pin.attributes.get("vcpu") !== String(vcpu));
  const made = element("vcpupin", { vcpu, cpuset: formatCpuSet(cpus) });
  const pins = [...others, made].toSorted(
    (a, b) => Number(a.attributes.get("vcpu")) - Number(b.attributes.get("vcpu")),
  );
  const rest = tune.children.filter((child) => typeof child === "string" || child.name !== "vcpupin");
  const before = rest.findIndex((child) => typeof child !== "string" && AFTER_VCPUPIN.has(child.name));
  rest.splice(before < 0 ? rest.length : before, 0, ...pins);
  tune.children.splice(0, tune.children.length, ...rest);
}

/** Where the hypervisor's own work for a domain may run. */
export function emulatorCpus(definition: DomainDefinition): CpuSet {
  const pin = attributeOf(definition, "cpuset", "cputune", "emulatorpin");
  return cpusOf(pin ?? attributeOf(definition, "cpuset", "vcpu"));
}

export function pinEmulator(definition: DomainDefinition, cpus: CpuSet): void {
  place(section(definition, "cputune"), element("emulatorpin", { cpuset: formatCpuSet(cpus) }), [
    "vcpupin",
    "emulatorpin",
    ...AFTER_VCPUPIN,
  ]);
}

const AFTER_VCPUPIN = new Set(["emulatorpin", "iothreadpin", "vcpusched", "iothreadsched", "emulatorsched"]);

function cpusOf(text: string | null): CpuSet {
  if (text === null) return firstCpus(HOST.cpus);
  return text === "" ? new Set() : parseCpuSet(text);
}
