import { Code, From, failure, internalError, operationFailed, xmlError } from "../failure.ts";
import { element, elements, find, textElement, textOf, type XmlElement } from "../xml/element.ts";
import { parseXml } from "../xml/parse.ts";
import { canonical, type Shape, shape } from "../xml/shape.ts";

/** One device of the host. */
export interface NodeDevice {
  readonly name: string;
  readonly parent: string | null;
  readonly definition: XmlElement;
}

const empty = shape();
const capability: Shape = shape("type", {
  product: empty,
  hardware: shape("", { vendor: empty, version: empty, serial: empty, uuid: empty }),
  firmware: shape("", { vendor: empty, version: empty, release_date: empty }),
  host: empty,
  unique_id: empty,
  wwnn: empty,
  wwpn: empty,
  fabric_wwn: empty,
  max_vports: empty,
  vports: empty,
  capability: () => capability,
});
const deviceShape = shape("", { name: empty, path: empty, parent: empty, capability });

const MOST_DEVICES = 1024;

export function parseNodeDevice(xml: string): XmlElement {
  const root = parseXml(xml, "device", { document: "node_device_definition", domain: From.NODEDEV });
  if (find(root, "capability") === null) {
    throw xmlError(`no device capabilities for '${textOf(root, "name") ?? "new device"}'`, From.NODEDEV);
  }
  return canonical(root, deviceShape);
}

/** Types of what a device can do, its nested capabilities not counted. */
export function capabilityTypes(device: NodeDevice): string[] {
  return elements(device.definition, "capability").flatMap((found) => found.attributes.get("type") ?? []);
}

/** Every type that a filter may match, nested ones too. */
export function allCapabilityTypes(device: NodeDevice): string[] {
  return typesBelow(device.definition);
}

function typesBelow(parent: XmlElement): string[] {
  return elements(parent, "capability").flatMap((found) => [
    ...(found.attributes.get("type") === undefined ? [] : [found.attributes.get("type") ?? ""]),
    ...typesBelow(found),
  ]);
}

/** Every device of the host, by name. */
export class NodeDeviceList {
  readonly #devices = new Map<string, NodeDevice>();

  all(): NodeDevice[] {
    return [...this.#devices.values()];
  }

  require(name: string): NodeDevice {
    const found = this.#devices.get(name);
    if (found !== undefined) return found;
    throw failure(Code.NO_NODE_DEVICE, From.TEST, `no node device with matching name '${name}'`);
  }

  add(definition: XmlElement): NodeDevice {
    if (this.#devices.size >= MOST_DEVICES) throw operationFailed(`at most ${MOST_DEVICES} node devices`);
    const device = { name: textOf(definition, "name") ?? "", parent: textOf(definition, "parent"), definition };
    this.#devices.set(device.name, device);
    return device;
  }

  remove(device: NodeDevice): void {
    this.#devices.delete(device.name);
  }

  /** A virtual port of a host bus adapter: the only kind of device that can be made. */
  createVport(definition: XmlElement): NodeDevice {
    const parent = textOf(definition, "parent");
    if (parent === null || !this.#devices.has(parent)) {
      throw internalError("Could not find parent device for 'new device'", From.NODEDEV);
    }
    const names = fcHost(definition);
    const number = this.#freeNumber();
    const fabric = find(this.#devices.get(parent)?.definition ?? null, "capability");
    return this.add(
      vport(number, parent, { ...names, fabric: textOf(fc(fabric), "fabric_wwn") ?? "2000000043214321" }),
    );
  }

  #freeNumber(): number {
    let number = 12;
    while (this.#devices.has(`scsi_host${number}`)) number += 1;
    return number;
  }
}

interface WorldWideNames {
  readonly wwnn: string;
  readonly wwpn: string;
}

function fcHost(definition: XmlElement): WorldWideNames {
  const host = fc(find(definition, "capability"));
  const wwnn = textOf(host, "wwnn");
  const wwpn = textOf(host, "wwpn");
  if (wwnn === null) throw xmlError("no WWNN supplied for 'new device'", From.NODEDEV);
  if (wwpn === null) throw xmlError("no WWPN supplied for 'new device'", From.NODEDEV);
  return { wwnn, wwpn };
}

function fc(scsi: XmlElement | null): XmlElement | null {
  return (
    (scsi === null ? [] : elements(scsi, "capability")).find((found) => found.attributes.get("type") === "fc_host") ??
    null
  );
}

function vport(number: number, parent: string, names: WorldWideNames & { fabric: string }): XmlElement {
  return element(
    "device",
    {},
    textElement("name", `scsi_host${number}`),
    textElement("parent", parent),
    element(
      "capability",
      { type: "scsi_host" },
      textElement("host", number),
      textElement("unique_id", number - 1),
      element(
        "capability",
        { type: "fc_host" },
        textElement("wwnn", names.wwnn),
        textElement("wwpn", names.wwpn),
        textElement("fabric_wwn", names.fabric),
      ),
    ),
  );
}
