import { Code, From, failure, unsupportedConfig, xmlError } from "../failure.ts";
import { element, find, textElement, textOf, type XmlElement } from "../xml/element.ts";
import { formatXml } from "../xml/format.ts";
import { parseUnsigned, unitBytes } from "../xml/number.ts";
import { parseXml } from "../xml/parse.ts";
import { canonical, shape } from "../xml/shape.ts";
import type { Pool } from "./pool.ts";
import { poolPath } from "./pool-definition.ts";

/** One volume of a pool. Sizes are in bytes. */
export interface Volume {
  readonly name: string;
  /** Unique over all pools; the path does for it. */
  readonly key: string;
  readonly path: string;
  readonly capacity: bigint;
  /** Grows with what is uploaded. */
  allocation: bigint;
  readonly format: string;
  readonly target: XmlElement | null;
  readonly backing: XmlElement | null;
}

const empty = shape();
const permissions = shape("", { mode: empty, owner: empty, group: empty, label: empty });
const targetShape = shape("", {
  format: shape("type"),
  permissions,
  compat: empty,
  encryption: shape("format", { secret: shape("type uuid usage") }),
  features: shape("", { lazy_refcounts: empty }),
});
const backingShape = shape("", { path: empty, format: shape("type"), permissions });

const FORMATS = new Set("none raw dir bochs cloop dmg iso vpc vdi fat vhd ploop cow qcow qcow2 qed vmdk".split(" "));

/** Reads a `<volume>` for `pool`, which decides where it goes. */
export function parseVolume(xml: string, pool: Pool): Volume {
  const root = parseXml(xml, "volume", { document: "storage_volume_definition", domain: From.STORAGE });
  const name = textOf(root, "name");
  if (name === null || name === "") throw xmlError("missing volume name element", From.STORAGE);
  const capacity = bytesOf(root, "capacity", "malformed capacity element");
  const allocation = bytesOf(root, "allocation", "malformed allocation element");
  if (capacity === null) throw xmlError("missing capacity element", From.STORAGE);
  const target = find(root, "target");
  const format = find(target, "format")?.attributes.get("type") ?? "raw";
  if (!FORMATS.has(format)) throw unsupportedConfig(`unknown volume format type ${format}`, From.STORAGE);
  const backing = find(root, "backingStore");
  const path = `${poolPath(pool.definition)}/${name}`;
  return {
    name,
    key: path,
    path,
    capacity,
    allocation: allocation ?? capacity,
    format,
    target: target === null ? null : canonical(target, targetShape),
    backing: backing === null ? null : canonical(backing, backingShape),
  };
}

function bytesOf(root: XmlElement, name: string, complaint: string): bigint | null {
  const found = find(root, name);
  const text = textOf(found);
  if (found === null || text === null || text === "") return null;
  const number = parseUnsigned(text);
  if (number === null) throw xmlError(complaint, From.STORAGE);
  const size = number * unitBytes(found.attributes.get("unit") ?? "B");
  if (size < 1n << 63n) return size;
  throw failure(Code.OPERATION_FAILED, From.NONE, `value too large: ${text}`);
}

export function formatVolume(volume: Volume): string {
  const { name, key, capacity, allocation, target, backing } = volume;
  const rest = target?.children.filter((child) => typeof child === "string" || child.name !== "format") ?? [];
  return formatXml(
    element(
      "volume",
      { type: "file" },
      textElement("name", name),
      textElement("key", key),
      element("capacity", { unit: "bytes" }, String(capacity)),
      element("allocation", { unit: "bytes" }, String(allocation)),
      element("target", {}, textElement("path", volume.path), element("format", { type: volume.format }), ...rest),
      backing,
    ),
  );
}
