import { From, invalidArgument } from "./failure.ts";

/** Numbers of CPUs or NUMA nodes. */
export type CpuSet = ReadonlySet<number>;

/** libvirt's own bound for a set that stands in XML. */
const LARGEST = 16_384;

/** Reads `1-3,^2,7`. */
export function parseCpuSet(text: string, domain: number = From.NONE): CpuSet {
  const set = new Set<number>();
  for (const part of text.split(",")) applyPart(set, part.trim(), text, domain);
  return set;
}

/** Writes the shortest text: `1,3-4`. */
export function formatCpuSet(set: CpuSet): string {
  const numbers = [...set].toSorted((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(",");
}

/** The wire form: bit 0 of byte 0 is CPU 0. */
export function cpuMap(set: CpuSet, bytes: number): Uint8Array {
  const map = new Uint8Array(bytes);
  for (const cpu of set) {
    const at = cpu >> 3;
    if (at < bytes) map[at] = (map[at] ?? 0) | (1 << (cpu & 7));
  }
  return map;
}

export function fromCpuMap(map: Uint8Array): CpuSet {
  const set = new Set<number>();
  map.forEach((byte, at) => {
    for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) set.add(8 * at + bit);
  });
  return set;
}

export function firstCpus(count: number): CpuSet {
  return new Set(Array.from({ length: count }, (_, cpu) => cpu));
}

function applyPart(set: Set<number>, part: string, whole: string, domain: number): void {
  const match = /^(\^?)(\d{1,6})(?:-(\d{1,6}))?$/.exec(part);
  const from = Number(match?.[2]);
  const to = Number(match?.[3] ?? match?.[2]);
  const negated = match?.[1] === "^";
  if (match === null || to < from || to > LARGEST || (negated && match[3] !== undefined)) {
    throw invalidArgument(`Failed to parse bitmap '${whole}'`, domain);
  }
  for (let cpu = from; cpu <= to; cpu++)
    if (negated) set.delete(cpu);
    else set.add(cpu);
}
