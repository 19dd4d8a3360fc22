import { type CpuSet, firstCpus, formatCpuSet, parseCpuSet } from "../cpu-set.ts";
import { From, invalidArgument } from "../failure.ts";
import { element, elements, find, remove, textOf } from "../xml/element.ts";
import { currentVcpus, type DomainDefinition, putTop, section, setTopText } from "./definition.ts";

/** The ids of a domain's I/O threads; those without an own id count from 1. */
export function iothreadIds(definition: DomainDefinition): number[] {
  const listed = find(definition, "iothreadids");
  if (listed !== null) return elements(listed, "iothread").map((thread) => Number(thread.attributes.get("id")));
  const count = Number(textOf(definition, "iothreads") ?? 0);
  return Array.from({ length: count }, (_, index) => index + 1);
}

export function addIothread(definition: DomainDefinition, id: number): void {
  const ids = iothreadIds(definition);
  if (ids.includes(id)) throw invalidArgument(`an IOThread is already using iothread_id '${id}'`, From.DOMAIN);
  if (ids.length >= MOST_IOTHREADS) throw invalidArgument(`at most ${MOST_IOTHREADS} IOThreads`, From.DOMAIN);
  writeIds(definition, [...ids, id]);
}

export function removeIothread(definition: DomainDefinition, id: number): void {
  const ids = iothreadIds(definition);
  if (!ids.includes(id)) throw invalidArgument(`cannot find IOThread '${id}' in iothreadids list`, From.DOMAIN);
  writeIds(
    definition,
    ids.filter((other) => other !== id),
  );
  const tune = find(definition, "cputune");
  const kept =
    tune?.children.filter((child) => typeof child === "string" || child.attributes.get("iothread") !== String(id)) ??
    [];
  tune?.children.splice(0, tune.children.length, ...kept);
  if (kept.length === 0) remove(definition, "cputune");
}

/** Where a thread may run; on as many CPUs as the guest has unless it is pinned. */
export function iothreadCpus(definition: DomainDefinition, id: number): CpuSet {
  const tune = find(definition, "cputune");
  const pin = (tune === null ? [] : elements(tune, "iothreadpin")).find(
    (candidate) => candidate.attributes.get("iothread") === String(id),
  );
  const cpuset = pin?.attributes.get("cpuset");
  return cpuset === undefined ? firstCpus(currentVcpus(definition)) : parseCpuSet(cpuset);
}

export function pinIothread(definition: DomainDefinition, id: number, cpus: CpuSet): void {
  const tune = section(definition, "cputune");
  const made = element("iothreadpin", { iothread: id, cpuset: formatCpuSet(cpus) });
  const at = tune.children.findIndex(
    (child) =>
      typeof child !== "string" && child.name === "iothreadpin" && child.attributes.get("iothread") === String(id),
  );
  if (at < 0) tune.children.push(made);
  else tune.children.splice(at, 1, made);
}

const MOST_IOTHREADS = 4096;

function writeIds(definition: DomainDefinition, ids: readonly number[]): void {
  const plain = ids.every((id, index) => id === index + 1);
  setTopText(definition, "iothreads", ids.length === 0 ? null : String(ids.length));
  if (plain) remove(definition, "iothreadids");
  else putTop(definition, element("iothreadids", {}, ...ids.map((id) => element("iothread", { id }))));
}
