import { Code, From, failure, xmlError } from "../failure.ts";
import { newUuid, parseUuid } from "../uuid.ts";
import { attributeOf, element, find, place, remove, textElement, textOf, type XmlElement } from "../xml/element.ts";
import { parseXml } from "../xml/parse.ts";
import { canonical, type Shape, shape } from "../xml/shape.ts";

/** A pool's description in canonical form, sizes apart. */
export type PoolDefinition = XmlElement;

const empty = shape();

/** Where a pool's content comes from, in libvirt's order of writing. */
export const sourceShape: Shape = {
  ...shape("", {
    host: shape("name port"),
    device: shape("path part_separator", { freeExtent: shape("start end") }),
    dir: shape("path"),
    adapter: shape("type name parent managed wwnn wwpn", {
      parentaddr: shape("unique_id", { address: shape("domain bus slot function") }),
    }),
    name: empty,
    initiator: shape("", { iqn: shape("name") }),
    format: shape("type"),
    protocol: shape("ver"),
    auth: shape("type username", { secret: shape("uuid usage") }),
    vendor: shape("name"),
    product: shape("name"),
  }),
  block: true,
};

const permissions = shape("", { mode: empty, owner: empty, group: empty, label: empty });

const poolShape = shape("type", {
  name: empty,
  uuid: empty,
  source: sourceShape,
  target: { ...shape("", { path: empty, permissions }), block: true },
});

const ORDER = Object.keys(poolShape.children);
const TYPES = new Set(
  "dir fs netfs logical disk iscsi iscsi-direct scsi mpath rbd sheepdog gluster zfs vstorage".split(" "),
);
const DEFAULT_FORMAT: Readonly<Record<string, string>> = {
  fs: "auto",
  netfs: "auto",
  logical: "lvm2",
  disk: "unknown",
};
/** Types whose content is not at a place of the file system. */
const PLACELESS = new Set(["rbd", "sheepdog", "gluster", "zfs", "iscsi-direct"]);

export function parsePool(xml: string): PoolDefinition {
  const root = parseXml(xml, "pool", { document: "storage_pool_definition", domain: From.STORAGE });
  const type = root.attributes.get("type");
  if (type === undefined) throw xmlError("Missing required attribute 'type' in element 'pool'", From.XML);
  if (!TYPES.has(type)) throw xmlError(`Invalid value for attribute 'type' in element 'pool': '${type}'.`, From.XML);
  const definition = canonical(root, poolShape);
  identity(definition);
  completeSource(definition, type);
  completeTarget(definition, type);
  return definition;
}

/** Where the pool appears on the host; empty for a pool without a place. */
export function poolPath(definition: PoolDefinition): string {
  return textOf(definition, "target", "path") ?? "";
}

function identity(definition: PoolDefinition): void {
  const name = textOf(definition, "name") || textOf(definition, "source", "name");
  if (name === null || name === "") throw xmlError("missing pool source name element", From.STORAGE);
  if (name.includes("/")) throw xmlError(`name ${name} cannot contain '/'`, From.STORAGE);
  place(definition, textElement("name", name), ORDER);
  const uuid = textOf(definition, "uuid");
  const text = uuid === null || uuid === "" ? newUuid() : parseUuid(uuid, From.STORAGE);
  place(definition, textElement("uuid", text), ORDER);
}

function completeSource(definition: PoolDefinition, type: string): void {
  const source = find(definition, "source") ?? { ...element("source"), block: true as const };
  const format = attributeOf(source, "type", "format") ?? DEFAULT_FORMAT[type];
  remove(source, "format");
  if (format !== undefined) place(source, element("format", { type: format }), Object.keys(sourceShape.children));
  if (type === "logical" && textOf(source, "name") === null) {
    place(source, textElement("name", textOf(definition, "name") ?? ""), Object.keys(sourceShape.children));
  }
  place(definition, source, ORDER);
}

function completeTarget(definition: PoolDefinition, type: string): void {
  if (PLACELESS.has(type)) return remove(definition, "target");
  const target = find(definition, "target");
  const path = type === "logical" ? `/dev/${textOf(definition, "source", "name") ?? ""}` : textOf(target, "path");
  if (path === null || path === "") throw xmlError("missing storage pool target path", From.STORAGE);
  const tidy = path.replace(/(?!^)\/+$/, "").replace(/\/{2,}/g, "/");
  const kept = find(target, "permissions");
  place(definition, element("target", {}, textElement("path", tidy), kept), ORDER);
}

export function noPool(detail: string): Error {
  return failure(Code.NO_STORAGE_POOL, From.TEST, detail);
}
