import { Code, From, failure, unsupportedConfig, xmlError } from "../failure.ts";
import { newUuid, parseUuid } from "../uuid.ts";
import { attributeOf, element, elements, find, place, textElement, textOf, type XmlElement } from "../xml/element.ts";
import { parseXml } from "../xml/parse.ts";
import { canonical } from "../xml/shape.ts";
import { networkShape } from "./shape.ts";

/** A network's description in canonical form. */
export type NetworkDefinition = XmlElement;

const ORDER = Object.keys(networkShape.children);
const FORWARD_MODES = new Set("none nat route open bridge private vepa passthrough hostdev".split(" "));
/** Modes in which libvirt runs a bridge of its own. */
const OWN_BRIDGE = new Set(["none", "nat", "route", "open"]);

export function parseNetwork(xml: string): NetworkDefinition {
  const root = parseXml(xml, "network", { document: "network_definition", domain: From.NETWORK });
  const definition = canonical(root, networkShape);
  identity(definition);
  const mode = forward(definition);
  bridge(definition, mode);
  for (const address of elements(definition, "ip")) checkAddress(address);
  return definition;
}

function identity(definition: NetworkDefinition): void {
  const name = textOf(definition, "name");
  if (name === null || name === "") throw failure(Code.NO_NAME, From.NETWORK);
  if (name.includes("/")) throw xmlError(`name ${name} cannot contain '/'`, From.NETWORK);
  const uuid = textOf(definition, "uuid");
  const text = uuid === null || uuid === "" ? newUuid() : parseUuid(uuid, From.NETWORK);
  place(definition, textElement("uuid", text), ORDER);
}

function forward(definition: NetworkDefinition): string {
  const found = find(definition, "forward");
  if (found === null) return "none";
  const mode = found.attributes.get("mode") ?? "nat";
  if (!FORWARD_MODES.has(mode)) throw unsupportedConfig(`unknown forwarding type '${mode}'`, From.NETWORK);
  const dev = found.attributes.get("dev");
  found.attributes.set("mode", mode);
  if (dev !== undefined && find(found, "interface") === null) found.children.push(element("interface", { dev }));
  return mode;
}

function bridge(definition: NetworkDefinition, mode: string): void {
  const found = find(definition, "bridge");
  if (!OWN_BRIDGE.has(mode)) return;
  const old = (name: string): string | undefined => found?.attributes.get(name);
  const attributes = {
    name: old("name"),
    zone: old("zone"),
    stp: old("stp") ?? "on",
    delay: old("delay") ?? "0",
    macTableManager: old("macTableManager"),
  };
  place(definition, element("bridge", attributes), ORDER);
}

function checkAddress(address: XmlElement): void {
  const text = address.attributes.get("address");
  if (text === undefined) return;
  if (!/^[0-9a-fA-F:.]+$/.test(text)) {
    const name = "Invalid address";
    throw xmlError(`${name} '${text}' in network '${attributeOf(address, "family") ?? "ipv4"}'`, From.NETWORK);
  }
}
