import { Code, From, failure, internalError, operationFailed } from "../failure.ts";
import { cloneElement, element, place, textOf } from "../xml/element.ts";
import { formatXml } from "../xml/format.ts";
import type { PoolDefinition } from "./pool-definition.ts";
import type { Volume } from "./volume.ts";

/** What every pool of the test driver can hold: 100 GiB. */
const CAPACITY = 107_374_182_400n;
const MOST_VOLUMES = 16_384;
const ORDER = ["name", "uuid", "capacity", "allocation", "available", "source", "target"];

/** One storage pool with its volumes, all of them in memory. */
export class Pool {
  readonly name: string;
  readonly uuid: string;
  readonly capacity: bigint = CAPACITY;
  autostart = false;
  active = false;
  #definition: PoolDefinition;
  #persistent: boolean;
  readonly #volumes = new Map<string, Volume>();

  constructor(definition: PoolDefinition, persistent: boolean) {
    this.name = textOf(definition, "name") ?? "";
    this.uuid = textOf(definition, "uuid") ?? "";
    this.#definition = definition;
    this.#persistent = persistent;
  }

  get definition(): PoolDefinition {
    return this.#definition;
  }

  get persistent(): boolean {
    return this.#persistent;
  }

  get allocation(): bigint {
    return this.volumes().reduce((sum, volume) => sum + volume.allocation, 0n);
  }

  get available(): bigint {
    const left = this.capacity - this.allocation;
    return left > 0n ? left : 0n;
  }

  configure(definition: PoolDefinition): void {
    this.#definition = definition;
    this.#persistent = true;
  }

  /** In order of their names. */
  volumes(): Volume[] {
    return [...this.#volumes.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  volume(name: string): Volume | null {
    return this.#volumes.get(name) ?? null;
  }

  add(volume: Volume): void {
    if (this.#volumes.has(volume.name)) throw operationFailed("storage vol already exists");
    if (volume.allocation > this.available) {
      throw internalError(`Not enough free space in pool for volume '${volume.name}'`);
    }
    if (this.#volumes.size >= MOST_VOLUMES) throw operationFailed(`at most ${MOST_VOLUMES} volumes of a pool`);
    this.#volumes.set(volume.name, volume);
  }

  remove(volume: Volume): void {
    this.#volumes.delete(volume.name);
  }

  requireVolume(name: string): Volume {
    const found = this.volume(name);
    if (found !== null) return found;
    throw failure(Code.NO_STORAGE_VOL, From.TEST, `no storage vol with matching name '${name}'`);
  }
}

export function formatPool(pool: Pool): string {
  const tree = cloneElement(pool.definition);
  const sizes = { capacity: pool.capacity, allocation: pool.allocation, available: pool.available };
  for (const [name, size] of Object.entries(sizes)) place(tree, element(name, { unit: "bytes" }, String(size)), ORDER);
  return formatXml(tree);
}
