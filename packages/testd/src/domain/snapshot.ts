import { Code, From, failure, internalError, operationFailed, unsupportedConfig, xmlError } from "../failure.ts";
import type { Hypervisor } from "../hypervisor.ts";
import {
  attributeOf,
  block,
  cloneElement,
  element,
  elements,
  find,
  textElement,
  textOf,
  type XmlElement,
} from "../xml/element.ts";
import { formatXml } from "../xml/format.ts";
import { parseXml } from "../xml/parse.ts";
import { type DomainDefinition, devices, diskTarget } from "./definition.ts";
import { type Domain, State } from "./domain.ts";
import { Lifecycle, Reason, stop, tell } from "./lifecycle.ts";
import type { Moment } from "./moment-tree.ts";
import { domainFromElement } from "./parse.ts";

/** A domain as it was: its state and its description of that moment. */
export interface Snapshot extends Moment {
  readonly description: string | null;
  readonly state: SnapshotState;
  readonly created: bigint;
  readonly disks: readonly string[];
  readonly definition: DomainDefinition;
}

export type SnapshotState = "running" | "paused" | "shutoff";

/** virDomainSnapshotCreateFlags that this daemon acts on. */
export const SnapshotCreate = { REDEFINE: 1, CURRENT: 2, HALT: 8 } as const;

/** virDomainSnapshotRevertFlags. */
export const SnapshotRevert = { RUNNING: 1, PAUSED: 2 } as const;

/** Far more than people keep, and each holds a whole description. */
const MOST_SNAPSHOTS = 1024;

/** Takes a snapshot as a `<domainsnapshot>` document asks, or puts one back that was kept elsewhere (REDEFINE). */
export function createSnapshot(hypervisor: Hypervisor, domain: Domain, xml: string, flags: number): Snapshot {
  const root = parseXml(xml, "domainsnapshot", { document: "domain_snapshot", domain: From.DOMAIN_SNAPSHOT });
  if (domain.snapshots.size >= MOST_SNAPSHOTS) throw operationFailed(`at most ${MOST_SNAPSHOTS} snapshots of a domain`);
  const redefine = (flags & SnapshotCreate.REDEFINE) !== 0;
  const snapshot = redefine ? redefined(root) : taken(domain, root);
  if (!redefine && domain.snapshots.get(snapshot.name) !== null) {
    throw operationFailed(`domain moment ${snapshot.name} already exists`, From.DOMAIN);
  }
  domain.snapshots.put(snapshot);
  if (!redefine || (flags & SnapshotCreate.CURRENT) !== 0) domain.snapshots.current = snapshot;
  if (!redefine && (flags & SnapshotCreate.HALT) !== 0 && domain.active) {
    stop(hypervisor, domain, Reason.SHUTOFF_FROM_SNAPSHOT, Lifecycle.STOPPED_FROM_SNAPSHOT);
  }
  return snapshot;
}

function taken(domain: Domain, root: XmlElement): Snapshot {
  const now = BigInt(Math.floor(Date.now() / 1000));
  const definition = cloneElement(domain.current);
  return {
    name: textOf(root, "name") || String(now),
    description: textOf(root, "description"),
    parent: domain.snapshots.current?.name ?? null,
    state: SNAPSHOT_STATES[domain.state],
    created: now,
    disks: snapshotDisks(root, definition),
    definition,
  };
}

const SNAPSHOT_STATES: Readonly<Record<State, SnapshotState>> = {
  [State.RUNNING]: "running",
  [State.PAUSED]: "paused",
  [State.SHUTOFF]: "shutoff",
};

const DISK_MODES = new Set(["no", "internal", "external", "manual"]);

/** Every disk with something in it is part of a snapshot; a list in the document may only say so. */
function snapshotDisks(root: XmlElement, definition: DomainDefinition): string[] {
  const targets = devices(definition, "disk").filter(hasContent).map(diskTarget);
  for (const disk of listedDisks(root)) checkListed(disk, definition);
  return targets;
}

function hasContent(disk: XmlElement): boolean {
  return find(disk, "source") !== null && find(disk, "readonly") === null;
}

function listedDisks(root: XmlElement): XmlElement[] {
  const disks = find(root, "disks");
  return disks === null ? [] : elements(disks, "disk");
}

function checkListed(disk: XmlElement, definition: DomainDefinition): void {
  const name = disk.attributes.get("name");
  if (name === undefined) throw internalError("missing name from disk snapshot element", From.DOMAIN_SNAPSHOT);
  const mode = disk.attributes.get("snapshot") ?? "internal";
  if (!DISK_MODES.has(mode)) {
    throw xmlError(`Invalid value for attribute 'snapshot' in element 'disk': '${mode}'.`, From.XML);
  }
  if (!devices(definition, "disk").some((other) => diskTarget(other) === name)) {
    throw unsupportedConfig(`no disk named '${name}'`, From.DOMAIN_SNAPSHOT);
  }
  if (mode !== "internal") {
    throw unsupportedConfig(`disk '${name}' must use snapshot mode 'internal'`, From.DOMAIN_SNAPSHOT);
  }
}

function redefined(root: XmlElement): Snapshot {
  const created = textOf(root, "creationTime");
  if (created === null || !/^\d{1,18}$/.test(created)) {
    throw internalError("missing creationTime from existing snapshot", From.DOMAIN_SNAPSHOT);
  }
  const state = textOf(root, "state");
  if (state !== "running" && state !== "paused" && state !== "shutoff") {
    throw internalError(
      state === null ? "missing state from existing snapshot" : `Invalid state '${state}' in domain snapshot XML`,
      From.DOMAIN_SNAPSHOT,
    );
  }
  const domain = find(root, "domain");
  if (domain === null) throw internalError("missing domain in snapshot", From.DOMAIN_SNAPSHOT);
  const definition = domainFromElement(domain);
  return {
    name: textOf(root, "name") || created,
    description: textOf(root, "description"),
    parent: textOf(root, "parent", "name"),
    state,
    created: BigInt(created),
    disks: listedDisks(root).flatMap((disk) => attributeOf(disk, "name") ?? []),
    definition,
  };
}

export function formatSnapshot(snapshot: Snapshot): string {
  const memory = snapshot.state === "shutoff" ? "no" : "internal";
  const disks = snapshot.disks.map((name) => element("disk", { name, snapshot: "internal" }));
  return formatXml(
    element(
      "domainsnapshot",
      {},
      textElement("name", snapshot.name),
      snapshot.description === null ? null : textElement("description", snapshot.description),
      textElement("state", snapshot.state),
      snapshot.parent === null ? null : element("parent", {}, textElement("name", snapshot.parent)),
      textElement("creationTime", snapshot.created),
      element("memory", { snapshot: memory }),
      disks.length === 0 ? null : block("disks", ...disks),
      snapshot.definition,
    ),
  );
}

/** Brings a domain back to where it was, in the snapshot's state unless the flags choose another. */
export function revertTo(hypervisor: Hypervisor, domain: Domain, snapshot: Snapshot, flags: number): void {
  domain.snapshots.current = snapshot;
  domain.configure(cloneElement(snapshot.definition));
  const wasActive = domain.active;
  if (wasActive) {
    domain.stop(Reason.SHUTOFF_FROM_SNAPSHOT);
    tell(hypervisor, domain, Lifecycle.STOPPED_FROM_SNAPSHOT);
  }
  if (snapshot.state === "shutoff" && (flags & (SnapshotRevert.RUNNING | SnapshotRevert.PAUSED)) === 0) return;
  domain.start(hypervisor.domains.nextId(), State.RUNNING, Reason.RUNNING_FROM_SNAPSHOT);
  tell(hypervisor, domain, Lifecycle.STARTED_FROM_SNAPSHOT);
  if (!endsPaused(snapshot, flags)) return;
  domain.become(State.PAUSED, Reason.PAUSED_FROM_SNAPSHOT);
  tell(hypervisor, domain, Lifecycle.SUSPENDED_FROM_SNAPSHOT);
}

function endsPaused(snapshot: Snapshot, flags: number): boolean {
  if ((flags & SnapshotRevert.RUNNING) !== 0) return false;
  return (flags & SnapshotRevert.PAUSED) !== 0 || snapshot.state === "paused";
}

export function requireSnapshot(domain: Domain, name: string): Snapshot {
  const found = domain.snapshots.get(name);
  if (found !== null) return found;
  throw failure(Code.NO_DOMAIN_SNAPSHOT, From.TEST, `no domain snapshot with matching name '${name}'`);
}
