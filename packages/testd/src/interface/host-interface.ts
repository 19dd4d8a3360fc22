import { Code, From, failure, operationFailed, operationInvalid, xmlError } from "../failure.ts";
import { attributeOf, find, type XmlElement } from "../xml/element.ts";
import { parseXml } from "../xml/parse.ts";
import { canonical, type Shape, shape } from "../xml/shape.ts";

/** One network interface of the host. */
export interface HostInterface {
  readonly name: string;
  readonly mac: string;
  readonly active: boolean;
  readonly definition: XmlElement;
}

const empty = shape();
const protocol = shape("family", {
  autoconf: empty,
  dhcp: shape("peerdns"),
  ip: shape("address prefix"),
  route: shape("gateway"),
});
const common: Shape["children"] = {
  start: shape("mode"),
  mtu: shape("size"),
  protocol,
};
const interfaceShape: Shape = shape("type name", {
  ...common,
  mac: shape("address"),
  bridge: shape("stp delay", { interface: () => interfaceShape }),
  bond: shape("mode", {
    miimon: shape("freq downdelay updelay carrier"),
    arpmon: shape("interval target validate"),
    interface: () => interfaceShape,
  }),
  vlan: shape("tag", { interface: () => interfaceShape }),
});

const TYPES = new Set(["ethernet", "bridge", "bond", "vlan"]);
const MOST_INTERFACES = 1024;

export function parseInterface(xml: string): XmlElement {
  const root = parseXml(xml, "interface", { document: "interface_definition", domain: From.INTERFACE });
  const type = root.attributes.get("type");
  if (type === undefined) throw xmlError("interface misses the type attribute", From.INTERFACE);
  if (!TYPES.has(type)) throw xmlError(`unknown interface type ${type}`, From.INTERFACE);
  if (!root.attributes.has("name")) throw xmlError("interface has no name", From.INTERFACE);
  if (type !== "ethernet" && find(root, type) === null)
    throw xmlError(`interface misses the ${type} element`, From.INTERFACE);
  return canonical(root, interfaceShape);
}

/** The host's interfaces, with the one change transaction that may be open. */
export class InterfaceList {
  #interfaces: readonly HostInterface[] = [];
  #backup: readonly HostInterface[] | null = null;

  all(): readonly HostInterface[] {
    return this.#interfaces;
  }

  require(name: string): HostInterface {
    const found = this.#interfaces.find((candidate) => candidate.name === name);
    if (found !== undefined) return found;
    throw failure(Code.NO_INTERFACE, From.TEST, `no interface with matching name '${name}'`);
  }

  byMac(mac: string): HostInterface {
    const found = this.#interfaces.find((candidate) => candidate.mac.toLowerCase() === mac.toLowerCase());
    if (found !== undefined) return found;
    throw failure(Code.NO_INTERFACE, From.TEST, `no interface with matching mac '${mac}'`);
  }

  define(definition: XmlElement, active = false): HostInterface {
    const name = definition.attributes.get("name") ?? "";
    const old = this.#interfaces.find((candidate) => candidate.name === name);
    if (old === undefined && this.#interfaces.length >= MOST_INTERFACES) {
      throw operationFailed(`at most ${MOST_INTERFACES} interfaces`);
    }
    const mac = attributeOf(definition, "address", "mac") ?? "";
    const made = { name, mac, active: old?.active ?? active, definition };
    this.#replace(name, made);
    return made;
  }

  undefine(name: string): void {
    this.require(name);
    this.#interfaces = this.#interfaces.filter((candidate) => candidate.name !== name);
  }

  setActive(name: string, active: boolean): void {
    const found = this.require(name);
    if (found.active === active) throw failure(Code.OPERATION_INVALID, From.TEST);
    this.#replace(name, { ...found, active });
  }

  begin(): void {
    if (this.#backup !== null) throw operationInvalid("there is another transaction running.");
    this.#backup = this.#interfaces;
  }

  commit(): void {
    if (this.#backup === null) throw operationInvalid("no transaction running, nothing to be committed.");
    this.#backup = null;
  }

  /** Definitions come back as they were; nothing is active then. */
  rollback(): void {
    if (this.#backup === null) throw operationInvalid("no transaction running, nothing to rollback.");
    this.#interfaces = this.#backup.map((kept) => ({ ...kept, active: false }));
    this.#backup = null;
  }

  #replace(name: string, made: HostInterface): void {
    const at = this.#interfaces.findIndex((candidate) => candidate.name === name);
    this.#interfaces = at < 0 ? [...this.#interfaces, made] : this.#interfaces.with(at, made);
  }
}
