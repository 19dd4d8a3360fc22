import { block, element, textElement, type XmlElement } from "../xml/element.ts";
import { formatXml } from "../xml/format.ts";
import { HOST } from "./host.ts";

/** What the host and its guests can be, as CONNECT_GET_CAPABILITIES answers. */
export function capabilitiesXml(): string {
  const parts = [host(), guest("hvm"), guest("xen")].map((part) => `${formatXml(part, "  ")}\n`);
  return `<capabilities>\n\n${parts.join("")}</capabilities>\n`;
}

function host(): XmlElement {
  return element(
    "host",
    {},
    element("cpu", {}, textElement("arch", HOST.model), features(), ...cpuPages()),
    element("power_management"),
    element("iommu", { support: "no" }),
    element("topology", {}, element("cells", { num: HOST.cells.length }, ...HOST.cells.map(cell))),
    element("secmodel", {}, textElement("model", HOST.securityModel), { ...textElement("doi", "") }),
  );
}

function features(): XmlElement {
  return element("features", {}, element("pae"), element("nonpae"));
}

function cpuPages(): XmlElement[] {
  const sizes = [...new Set(HOST.cells.flatMap(({ pageSizes }) => [...pageSizes]))].toSorted((a, b) => a - b);
  return sizes.map((size) => element("pages", { unit: "KiB", size }));
}

function cell({ id, memory, pageSizes, firstCpu }: (typeof HOST.cells)[number]): XmlElement {
  const pages = pageSizes.map((size, index) =>
    element("pages", { unit: "KiB", size }, String(index === 0 ? memory / BigInt(size) : 0)),
  );
  const cpus = Array.from({ length: HOST.cpusPerCell }, (_, core) =>
    element("cpu", { id: firstCpu + core, socket_id: id, die_id: 0, core_id: core, siblings: firstCpu + core }),
  );
  return element(
    "cell",
    { id },
    element("memory", { unit: "KiB" }, String(memory)),
    ...pages,
    element("cpus", { num: HOST.cpusPerCell }, ...cpus),
  );
}

function guest(type: string): XmlElement {
  return block(
    "guest",
    textElement("os_type", type),
    element(
      "arch",
      { name: HOST.model },
      textElement("wordsize", 32),
      textElement("emulator", "/usr/bin/test-hv"),
      element("domain", { type: "test" }),
    ),
    features(),
  );
}
