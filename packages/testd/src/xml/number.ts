import { From, invalidArgument } from "../failure.ts";

/** Bytes per unit as libvirt spells units: `KB` is decimal; `K`, `k` and `KiB` are binary. */
export function unitBytes(unit: string): bigint {
  const text = unit.toLowerCase();
  if (text === "b" || text === "byte" || text === "bytes") return 1n;
  const power = "kmgtpe".indexOf(text.charAt(0)) + 1;
  const base = BASES.get(text.slice(1));
  if (text === "" || power === 0 || base === undefined) throw invalidArgument(`unknown suffix '${unit}'`, From.NONE);
  return base ** BigInt(power);
}

const BASES: ReadonlyMap<string, bigint> = new Map([
  ["", 1024n],
  ["ib", 1024n],
  ["b", 1000n],
]);

/** An unsigned decimal or hexadecimal number, or `null`. */
export function parseUnsigned(text: string): bigint | null {
  return /^\s*(0x[0-9a-f]+|[0-9]+)\s*$/i.test(text) ? BigInt(text.trim()) : null;
}

/** `0x0a`: the form in which libvirt writes PCI numbers. */
export function hex(value: bigint | number, digits: number): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}
