import { Code, From, failure, internalError, operationFailed, unsupportedConfig, xmlError } from "../failure.ts";
import { block, cloneElement, element, elements, find, textElement, textOf, type XmlElement } from "../xml/element.ts";
import { formatXml } from "../xml/format.ts";
import { parseXml } from "../xml/parse.ts";
import { type DomainDefinition, devices, diskTarget } from "./definition.ts";
import type { Domain } from "./domain.ts";
import type { Moment } from "./moment-tree.ts";
import { domainFromElement } from "./parse.ts";

/** From which point on changed blocks are known. */
export interface Checkpoint extends Moment {
  readonly description: string | null;
  readonly created: bigint;
  readonly disks: readonly CheckpointDisk[];
  readonly definition: DomainDefinition;
}

export interface CheckpointDisk {
  readonly name: string;
  /** Name of the bitmap that tracks changes; `null` when the disk takes no part. */
  readonly bitmap: string | null;
}

/** virDomainCheckpointCreateFlags that this daemon acts on. */
export const CheckpointCreate = { REDEFINE: 1, REDEFINE_VALIDATE: 4 } as const;

const MOST_CHECKPOINTS = 1024;

export function createCheckpoint(domain: Domain, xml: string, flags: number): Checkpoint {
  const root = parseXml(xml, "domaincheckpoint", { document: "domain_checkpoint", domain: From.DOMAIN_CHECKPOINT });
  const redefine = (flags & CheckpointCreate.REDEFINE) !== 0;
  if (!redefine && !domain.active) {
    throw failure(Code.OPERATION_UNSUPPORTED, From.TEST, "cannot create checkpoint for inactive domain");
  }
  if (domain.checkpoints.size >= MOST_CHECKPOINTS)
    throw operationFailed(`at most ${MOST_CHECKPOINTS} checkpoints of a domain`);
  const checkpoint = redefine ? redefined(root) : taken(domain, root);
  if (!redefine && domain.checkpoints.get(checkpoint.name) !== null) {
    throw operationFailed(`domain moment ${checkpoint.name} already exists`, From.DOMAIN);
  }
  domain.checkpoints.put(checkpoint);
  domain.checkpoints.current = checkpoint;
  return checkpoint;
}

function taken(domain: Domain, root: XmlElement): Checkpoint {
  const created = BigInt(Math.floor(Date.now() / 1000));
  const name = textOf(root, "name") || String(created);
  const definition = cloneElement(domain.current);
  return {
    name,
    description: textOf(root, "description"),
    parent: domain.checkpoints.current?.name ?? null,
    created,
    disks: trackedDisks(root, definition, name),
    definition,
  };
}

function redefined(root: XmlElement): Checkpoint {
  const created = textOf(root, "creationTime");
  if (created === null || !/^\d{1,18}$/.test(created)) {
    throw internalError("missing creationTime from existing checkpoint", From.DOMAIN_CHECKPOINT);
  }
  const domain = find(root, "domain");
  if (domain === null) throw internalError("missing domain in checkpoint redefine", From.DOMAIN_CHECKPOINT);
  const definition = domainFromElement(domain);
  const name = textOf(root, "name") || created;
  return {
    name,
    description: textOf(root, "description"),
    parent: textOf(root, "parent", "name"),
    created: BigInt(created),
    disks: trackedDisks(root, definition, name),
    definition,
  };
}

/** Without a list every writable disk takes part; with one, only those it names. */
function trackedDisks(root: XmlElement, definition: DomainDefinition, name: string): CheckpointDisk[] {
  const list = find(root, "disks");
  const listed = new Map(list === null ? [] : elements(list, "disk").map((disk) => [nameOf(disk), disk]));
  const disks = devices(definition, "disk");
  const stranger = [...listed.keys()].find((target) => !disks.some((disk) => diskTarget(disk) === target));
  if (stranger !== undefined) throw unsupportedConfig(`no disk named '${stranger}'`, From.DOMAIN_CHECKPOINT);
  return disks.map((disk) => tracked(disk, list === null ? null : listed.get(diskTarget(disk)), name));
}

function nameOf(disk: XmlElement): string {
  const name = disk.attributes.get("name");
  if (name === undefined) throw internalError("missing name from disk checkpoint element", From.DOMAIN_CHECKPOINT);
  return name;
}

function tracked(disk: XmlElement, listed: XmlElement | null | undefined, name: string): CheckpointDisk {
  const target = diskTarget(disk);
  const writable = find(disk, "source") !== null && find(disk, "readonly") === null;
  if (listed === undefined) return { name: target, bitmap: null };
  const asked = listed?.attributes.get("checkpoint");
  if (asked !== undefined && asked !== "no" && asked !== "bitmap") {
    throw xmlError(`Invalid value for attribute 'checkpoint' in element 'disk': '${asked}'.`, From.XML);
  }
  const mode = asked ?? (writable || listed !== null ? "bitmap" : "no");
  if (mode === "no") return { name: target, bitmap: null };
  if (!writable) throw unsupportedConfig(`disk '${target}' is empty or readonly`, From.DOMAIN_CHECKPOINT);
  return { name: target, bitmap: listed?.attributes.get("bitmap") ?? name };
}

/** `withDomain` adds the domain's description of that moment. */
export function formatCheckpoint(checkpoint: Checkpoint, withDomain: boolean): string {
  const disks = checkpoint.disks.map(({ name, bitmap }) =>
    bitmap === null
      ? element("disk", { name, checkpoint: "no" })
      : element("disk", { name, checkpoint: "bitmap", bitmap }),
  );
  return formatXml(
    element(
      "domaincheckpoint",
      {},
      textElement("name", checkpoint.name),
      checkpoint.description === null ? null : textElement("description", checkpoint.description),
      checkpoint.parent === null ? null : element("parent", {}, textElement("name", checkpoint.parent)),
      textElement("creationTime", checkpoint.created),
      disks.length === 0 ? null : block("disks", ...disks),
      withDomain ? checkpoint.definition : null,
    ),
  );
}

export function requireCheckpoint(domain: Domain, name: string): Checkpoint {
  const found = domain.checkpoints.get(name);
  if (found !== null) return found;
  throw failure(Code.NO_DOMAIN_CHECKPOINT, From.TEST, `no domain checkpoint with matching name '${name}'`);
}
