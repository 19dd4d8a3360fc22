import { From, invalidArgument, operationInvalid, unsupportedConfig } from "../failure.ts";
import { cloneElement, elements, find, isElement, place, type XmlElement } from "../xml/element.ts";
import { parseAnyXml } from "../xml/parse.ts";
import { canonical, type Shape } from "../xml/shape.ts";
import type { NetworkDefinition } from "./definition.ts";
import type { Network } from "./network.ts";
import { networkShape } from "./shape.ts";

/** virNetworkUpdateCommand. */
const Command = { MODIFY: 1, DELETE: 2, ADD_LAST: 3, ADD_FIRST: 4 } as const;

/** One change to a part of a network's description. */
export interface NetworkUpdate {
  readonly command: number;
  readonly section: number;
  readonly parentIndex: number;
  readonly xml: string;
  readonly flags: number;
}

/** A part that can be changed: where it is, and which attributes tell one entry from another. */
interface Section {
  readonly path: readonly string[];
  readonly entry: string;
  readonly keys: readonly string[];
}

/** By virNetworkUpdateSection. */
const SECTIONS: Readonly<Record<number, Section>> = {
  4: { path: ["ip", "dhcp"], entry: "host", keys: ["mac", "name", "ip"] },
  5: { path: ["ip", "dhcp"], entry: "range", keys: ["start", "end"] },
  6: { path: ["forward"], entry: "interface", keys: ["dev"] },
  9: { path: [], entry: "portgroup", keys: ["name"] },
  10: { path: ["dns"], entry: "host", keys: ["ip"] },
  11: { path: ["dns"], entry: "txt", keys: ["name"] },
  12: { path: ["dns"], entry: "srv", keys: ["service", "protocol"] },
};

const LIVE = 1;
const CONFIG = 2;

export function updateNetwork(network: Network, update: NetworkUpdate): void {
  const wanted = update.flags & (LIVE | CONFIG) || (network.active ? LIVE : CONFIG);
  if ((wanted & LIVE) !== 0 && !network.active) throw operationInvalid("network is not running", From.NETWORK);
  if ((wanted & CONFIG) !== 0 && !network.persistent) {
    throw operationInvalid("can't update persistent state of transient network", From.NETWORK);
  }
  const config = (wanted & CONFIG) !== 0 ? updated(network.config, update) : null;
  const live = (wanted & LIVE) !== 0 ? updated(network.current, update) : null;
  if (config !== null) network.update(config, "config");
  if (live !== null) network.update(live, "live");
}

function updated(definition: NetworkDefinition, update: NetworkUpdate): NetworkDefinition {
  const section = SECTIONS[update.section];
  if (section === undefined) throw unsupportedConfig(`unrecognized network update section code`, From.NETWORK);
  const copy = cloneElement(definition);
  const { parent, shape } = parentOf(copy, section, update.parentIndex);
  const found = parseAnyXml(update.xml, { document: "network_update_xml", domain: From.NETWORK });
  if (found.name !== section.entry) {
    throw invalidArgument(
      `unexpected element <${found.name}>, expecting <${section.entry}>, in update document`,
      From.NETWORK,
    );
  }
  apply(parent, canonical(found, shape), section, update.command);
  return copy;
}

function parentOf(root: XmlElement, { path, entry }: Section, index: number): { parent: XmlElement; shape: Shape } {
  let parent = root;
  let shape = networkShape;
  for (const [depth, name] of path.entries()) {
    const order = Object.keys(shape.children);
    const inner = childShape(shape, name);
    const below = depth === 0 && name === "ip" ? addressWithDhcp(parent, index) : find(parent, name);
    const next = below ?? { name, attributes: new Map<string, string>(), children: [] };
    if (below === null) place(parent, next, order);
    parent = next;
    shape = inner;
  }
  return { parent, shape: childShape(shape, entry) };
}

/** The address block with that number, or the first that serves DHCP when none was chosen. */
function addressWithDhcp(root: XmlElement, index: number): XmlElement {
  const blocks = elements(root, "ip");
  const found = index >= 0 ? blocks[index] : (blocks.find((block) => find(block, "dhcp") !== null) ?? blocks[0]);
  if (found !== undefined) return found;
  throw operationInvalid(
    `couldn't update dhcp host entry - no <ip> element found at index ${index} in network`,
    From.NETWORK,
  );
}

function childShape(shape: Shape, name: string): Shape {
  const found = shape.children[name];
  if (found === undefined) throw new Error(`no shape for <${name}>`);
  return typeof found === "function" ? found() : found;
}

function apply(parent: XmlElement, entry: XmlElement, { keys }: Section, command: number): void {
  const same = (other: XmlElement): boolean =>
    keys.some((key) => entry.attributes.has(key) && entry.attributes.get(key) === other.attributes.get(key));
  const at = parent.children.findIndex((child) => isElement(child) && child.name === entry.name && same(child));
  switch (command) {
    case Command.MODIFY:
      if (at < 0) throw operationInvalid(missing("modify", entry), From.NETWORK);
      parent.children.splice(at, 1, entry);
      break;
    case Command.DELETE:
      if (at < 0) throw operationInvalid(missing("delete", entry), From.NETWORK);
      parent.children.splice(at, 1);
      break;
    case Command.ADD_FIRST:
    case Command.ADD_LAST:
      if (at >= 0)
        throw operationInvalid(
          `there is an existing ${parent.name} ${entry.name} entry in network that matches`,
          From.NETWORK,
        );
      insert(parent, entry, command === Command.ADD_FIRST);
      break;
    default:
      throw unsupportedConfig("unrecognized network update command code", From.NETWORK);
  }
}

function insert(parent: XmlElement, entry: XmlElement, first: boolean): void {
  const same = elements(parent, entry.name);
  const anchor = first ? same[0] : same.at(-1);
  if (anchor === undefined) parent.children.push(entry);
  else parent.children.splice(parent.children.indexOf(anchor) + (first ? 0 : 1), 0, entry);
}

function missing(verb: string, entry: XmlElement): string {
  return `couldn't ${verb} ${entry.name} entry in network: none matches`;
}
