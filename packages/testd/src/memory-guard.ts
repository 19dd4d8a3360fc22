import type { Domain } from "./domain/domain.ts";
import type { SavedImages } from "./domain/saved-images.ts";
import { operationFailed } from "./failure.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { isElement, type XmlElement, type XmlNode } from "./xml/element.ts";

/** How much all descriptions together may weigh, in bytes as estimated below. */
const MOST = 268_435_456;
/** Rough size of an element or an attribute in memory, its text apart. */
const NODE_BYTES = 300;
/** Calls between two countings: enough to make counting cheap, few enough that little can pile up unseen. */
const INTERVAL = 64;

/**
 * Keeps clients from filling memory with descriptions. Everything they can make here grows in the end by pieces of XML,
 * in many places; so what is there is weighed now and then, instead of keeping books at each of those places.
 */
export class MemoryGuard {
  #calls = 0;
  #full = false;

  /** To be asked before a call that may add something; refuses it when too much is there. */
  admit(hypervisor: Hypervisor, images: SavedImages): void {
    if (this.#full || this.#calls++ % INTERVAL === 0) this.#full = weigh(hypervisor, images) > MOST;
    if (this.#full) throw operationFailed(`all descriptions together exceed ${MOST / 1_048_576} MiB`);
  }
}

function weigh(
  { domains, networks, pools, interfaces, nodeDevices, secrets }: Hypervisor,
  images: SavedImages,
): number {
  const trees: XmlElement[] = [
    ...domains.all().flatMap((domain) => [domain.current, domain.config, ...momentsOf(domain)]),
    ...networks.all().flatMap((network) => [network.current, network.config]),
    ...pools
      .all()
      .flatMap((pool) => [pool.definition, ...pool.volumes().flatMap(({ target, backing }) => [target, backing])]),
    ...interfaces.all().map(({ definition }) => definition),
    ...nodeDevices.all().map(({ definition }) => definition),
    ...secrets.all().map(({ definition }) => definition),
    ...images.all(),
  ].filter((tree) => tree !== null);
  return [...new Set(trees)].reduce((sum, tree) => sum + weightOf(tree), 0);
}

function momentsOf({ snapshots, checkpoints }: Domain): XmlElement[] {
  return [...snapshots.all(), ...checkpoints.all()].map(({ definition }) => definition);
}

function weightOf(node: XmlNode): number {
  if (!isElement(node)) return node.length;
  let sum = NODE_BYTES * (1 + node.attributes.size);
  for (const value of node.attributes.values()) sum += value.length;
  for (const child of node.children) sum += weightOf(child);
  return sum;
}
