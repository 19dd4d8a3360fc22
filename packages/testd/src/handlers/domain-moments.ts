import type {
  RemoteNonnullDomain,
  RemoteNonnullDomainCheckpoint,
  RemoteNonnullDomainSnapshot,
} from "@virnet/libvirt/remote";
import { CheckpointCreate, createCheckpoint, formatCheckpoint, requireCheckpoint } from "../domain/checkpoint.ts";
import type { Domain } from "../domain/domain.ts";
import type { Moment, MomentTree } from "../domain/moment-tree.ts";
import {
  createSnapshot,
  formatSnapshot,
  requireSnapshot,
  revertTo,
  type Snapshot,
  SnapshotCreate,
  SnapshotRevert,
} from "../domain/snapshot.ts";
import { badArgument, Code, From, failure, onlyFlags } from "../failure.ts";
import { oneOf } from "../filter.ts";
import type { Session } from "../session.ts";
import type { SessionHandlers } from "./session-handlers.ts";
import { bit, domainOf, listed, upTo } from "./wire.ts";

/** virDomainSnapshotListFlags; checkpoints have fewer, with the same numbers for roots, descendants and leaves. */
const List = {
  ROOTS: 1,
  DESCENDANTS: 1,
  METADATA: 2,
  LEAVES: 4,
  NO_LEAVES: 8,
  NO_METADATA: 16,
  INACTIVE: 32,
  ACTIVE: 64,
  DISK_ONLY: 128,
  INTERNAL: 256,
  EXTERNAL: 512,
  TOPOLOGICAL: 1024,
} as const;
const SNAPSHOT_LIST = 0x7ff;
const CHECKPOINT_LIST = 0xf;
const DELETE_CHILDREN = 1;
const DELETE_METADATA_ONLY = 2;
const DELETE_CHILDREN_ONLY = 4;
const CREATE_SNAPSHOT = 0x3cb;
const CREATE_CHECKPOINT = 0x7;
const REVERT = 0x7;
const XML_SECURE = 1;
const XML_NO_DOMAIN = 2;
const XML_SIZE = 4;
const NAMES = { argument: "maxnames", name: "REMOTE_DOMAIN_SNAPSHOT_LIST_MAX", most: 16_384 };

/** Snapshots: what a domain was and can be again. */
export const snapshotHandlers: SessionHandlers = {
  domainSnapshotCreateXml: ({ dom, xmlDesc, flags }, session) => {
    requireRedefine(flags, CURRENT_NEEDS_REDEFINE);
    onlyFlags(flags, CREATE_SNAPSHOT, "testDomainSnapshotCreateXML");
    const domain = domainOf(session, dom);
    const snapshot = createSnapshot(session.hypervisor, domain, xmlDesc, flags);
    const halted = (flags & SnapshotCreate.HALT) !== 0 && !domain.active;
    return { snap: momentRef(halted ? { ...dom, id: -1 } : dom, snapshot) };
  },
  domainSnapshotGetXmlDesc: ({ snap, flags }, session) => {
    onlyFlags(flags, XML_SECURE, "testDomainSnapshotGetXMLDesc");
    return { xml: formatSnapshot(snapshotOf(session, snap)) };
  },
  domainSnapshotNum: ({ dom, flags }, session) => ({
    num: snapshots(domainOf(session, dom), flags, "testDomainSnapshotNum").length,
  }),
  domainSnapshotListNames: ({ dom, maxnames, flags }, session) => {
    const found = snapshots(domainOf(session, dom), flags, "testDomainSnapshotListNames");
    return { names: upTo(names(found), maxnames, NAMES) };
  },
  domainListAllSnapshots: ({ dom, needResults, flags }, session) => {
    const domain = domainOf(session, dom);
    const found = snapshots(domain, flags, "testDomainListAllSnapshots").map((each) => momentRef(dom, each));
    const { results, ret } = listed(found, needResults);
    return { snapshots: results, ret };
  },
  domainSnapshotNumChildren: ({ snap, flags }, session) => ({
    num: children(session, snap, flags, "testDomainSnapshotNumChildren").length,
  }),
  domainSnapshotListChildrenNames: ({ snap, maxnames, flags }, session) => {
    return {
      names: upTo(names(children(session, snap, flags, "testDomainSnapshotListChildrenNames")), maxnames, NAMES),
    };
  },
  domainSnapshotListAllChildren: ({ snapshot, needResults, flags }, session) => {
    const found = children(session, snapshot, flags, "testDomainSnapshotListAllChildren");
    const { results, ret } = listed(
      found.map((each) => momentRef(snapshot.dom, each)),
      needResults,
    );
    return { snapshots: results, ret };
  },
  domainSnapshotLookupByName: ({ dom, name, flags }, session) => {
    onlyFlags(flags, 0, "testDomainSnapshotLookupByName");
    const domain = domainOf(session, dom);
    return { snap: momentRef(dom, requireSnapshot(domain, name)) };
  },
  domainHasCurrentSnapshot: ({ dom, flags }, session) => {
    onlyFlags(flags, 0, "testDomainHasCurrentSnapshot");
    return { result: bit(domainOf(session, dom).snapshots.current !== null) };
  },
  domainSnapshotCurrent: ({ dom, flags }, session) => {
    onlyFlags(flags, 0, "testDomainSnapshotCurrent");
    const domain = domainOf(session, dom);
    const { current } = domain.snapshots;
    if (current === null) {
      throw failure(Code.NO_DOMAIN_SNAPSHOT, From.TEST, "the domain does not have a current snapshot");
    }
    return { snap: momentRef(dom, current) };
  },
  domainSnapshotGetParent: ({ snap, flags }, session) => {
    onlyFlags(flags, 0, "testDomainSnapshotGetParent");
    const domain = domainOf(session, snap.dom);
    const parent = domain.snapshots.parentOf(requireSnapshot(domain, snap.name));
    if (parent === null) {
      throw failure(Code.NO_DOMAIN_SNAPSHOT, From.TEST, `snapshot '${snap.name}' does not have a parent`);
    }
    return { snap: momentRef(snap.dom, parent) };
  },
  domainSnapshotIsCurrent: ({ snap, flags }, session) => {
    onlyFlags(flags, 0, "testDomainSnapshotIsCurrent");
    const { current } = domainOf(session, snap.dom).snapshots;
    return { current: bit(current?.name === snapshotOf(session, snap).name) };
  },
  domainSnapshotHasMetadata: ({ snap, flags }, session) => {
    onlyFlags(flags, 0, "testDomainSnapshotHasMetadata");
    snapshotOf(session, snap);
    return { metadata: 1 };
  },
  domainRevertToSnapshot: ({ snap, flags }, session) => {
    if (
      (flags & (SnapshotRevert.RUNNING | SnapshotRevert.PAUSED)) ===
      (SnapshotRevert.RUNNING | SnapshotRevert.PAUSED)
    ) {
      const text =
        "Flags 'VIR_DOMAIN_SNAPSHOT_REVERT_RUNNING' and 'VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED' are mutually exclusive";
      throw badArgument(text, "virDomainRevertToSnapshot", "flags", From.DOMAIN_SNAPSHOT);
    }
    onlyFlags(flags, REVERT, "testDomainRevertToSnapshot");
    const domain = domainOf(session, snap.dom);
    revertTo(session.hypervisor, domain, requireSnapshot(domain, snap.name), flags);
  },
  domainSnapshotDelete: ({ snap, flags }, session) => {
    onlyFlags(flags, DELETE_CHILDREN | DELETE_CHILDREN_ONLY, "testDomainSnapshotDelete");
    const domain = domainOf(session, snap.dom);
    deleteMoment(domain.snapshots, requireSnapshot(domain, snap.name), flags);
  },
};

/** Checkpoints: points from which changes to disks are tracked. */
export const checkpointHandlers: SessionHandlers = {
  domainCheckpointCreateXml: ({ dom, xmlDesc, flags }, session) => {
    requireRedefine(flags, VALIDATE_NEEDS_REDEFINE);
    onlyFlags(flags, CREATE_CHECKPOINT, "testDomainCheckpointCreateXML");
    const domain = domainOf(session, dom);
    return { checkpoint: momentRef(dom, createCheckpoint(domain, xmlDesc, flags)) };
  },
  domainCheckpointGetXmlDesc: ({ checkpoint, flags }, session) => {
    onlyFlags(flags, XML_SECURE | XML_NO_DOMAIN | XML_SIZE, "testDomainCheckpointGetXMLDesc");
    const domain = domainOf(session, checkpoint.dom);
    return { xml: formatCheckpoint(requireCheckpoint(domain, checkpoint.name), (flags & XML_NO_DOMAIN) === 0) };
  },
  domainListAllCheckpoints: ({ dom, needResults, flags }, session) => {
    onlyFlags(flags, CHECKPOINT_LIST, "testDomainListAllCheckpoints");
    const domain = domainOf(session, dom);
    const from = (flags & List.ROOTS) !== 0 ? domain.checkpoints.roots() : domain.checkpoints.all();
    const found = from.filter((each) => matchesLeaves(domain.checkpoints, each, flags));
    const { results, ret } = listed(
      found.map((each) => momentRef(dom, each)),
      needResults,
    );
    return { checkpoints: results, ret };
  },
  domainCheckpointListAllChildren: ({ checkpoint, needResults, flags }, session) => {
    onlyFlags(flags, CHECKPOINT_LIST, "testDomainCheckpointListAllChildren");
    const domain = domainOf(session, checkpoint.dom);
    const { name } = requireCheckpoint(domain, checkpoint.name);
    const below =
      (flags & List.DESCENDANTS) !== 0 ? domain.checkpoints.descendants(name) : domain.checkpoints.children(name);
    const found = below.filter((each) => matchesLeaves(domain.checkpoints, each, flags));
    const { results, ret } = listed(
      found.map((each) => momentRef(checkpoint.dom, each)),
      needResults,
    );
    return { checkpoints: results, ret };
  },
  domainCheckpointLookupByName: ({ dom, name, flags }, session) => {
    onlyFlags(flags, 0, "testDomainCheckpointLookupByName");
    const domain = domainOf(session, dom);
    return { checkpoint: momentRef(dom, requireCheckpoint(domain, name)) };
  },
  domainCheckpointGetParent: ({ checkpoint, flags }, session) => {
    onlyFlags(flags, 0, "testDomainCheckpointGetParent");
    const domain = domainOf(session, checkpoint.dom);
    const parent = domain.checkpoints.parentOf(requireCheckpoint(domain, checkpoint.name));
    if (parent === null) {
      throw failure(Code.NO_DOMAIN_CHECKPOINT, From.TEST, `checkpoint '${checkpoint.name}' does not have a parent`);
    }
    return { parent: momentRef(checkpoint.dom, parent) };
  },
  domainCheckpointDelete: ({ checkpoint, flags }, session) => {
    onlyFlags(flags, DELETE_CHILDREN | DELETE_METADATA_ONLY | DELETE_CHILDREN_ONLY, "testDomainCheckpointDelete");
    const domain = domainOf(session, checkpoint.dom);
    deleteMoment(domain.checkpoints, requireCheckpoint(domain, checkpoint.name), flags);
  },
};

/** A flag that makes sense only for a moment that is put back. */
interface NeedsRedefine {
  readonly bit: number;
  readonly flag: string;
  readonly redefine: string;
  readonly api: string;
  readonly domain: number;
}

const CURRENT_NEEDS_REDEFINE: NeedsRedefine = {
  bit: SnapshotCreate.CURRENT,
  flag: "VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT",
  redefine: "VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE",
  api: "virDomainSnapshotCreateXML",
  domain: From.DOMAIN_SNAPSHOT,
};
const VALIDATE_NEEDS_REDEFINE: NeedsRedefine = {
  bit: CheckpointCreate.REDEFINE_VALIDATE,
  flag: "VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE_VALIDATE",
  redefine: "VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE",
  api: "virDomainCheckpointCreateXML",
  domain: From.DOMAIN_CHECKPOINT,
};

function requireRedefine(flags: number, { bit: asked, flag, redefine, api, domain }: NeedsRedefine): void {
  if ((flags & asked) === 0 || (flags & SnapshotCreate.REDEFINE) !== 0) return;
  throw badArgument(`Flag '${redefine}' is required by flag '${flag}'`, api, "flags", domain);
}

/** The domain in a reference is the caller's own, whatever has become of its id since. */
function momentRef(
  dom: RemoteNonnullDomain,
  { name }: Moment,
): RemoteNonnullDomainSnapshot & RemoteNonnullDomainCheckpoint {
  return { name, dom };
}

function snapshotOf(session: Session, { dom, name }: RemoteNonnullDomainSnapshot): Snapshot {
  return requireSnapshot(domainOf(session, dom), name);
}

function snapshots({ snapshots: tree }: Domain, flags: number, api: string): Snapshot[] {
  onlyFlags(flags, SNAPSHOT_LIST, api);
  const from = (flags & List.ROOTS) !== 0 ? tree.roots() : tree.all();
  return from.filter((snapshot) => matchesSnapshot(tree, snapshot, flags));
}

function children(
  session: Session,
  { dom, name }: RemoteNonnullDomainSnapshot,
  flags: number,
  api: string,
): Snapshot[] {
  onlyFlags(flags, SNAPSHOT_LIST, api);
  const domain = domainOf(session, dom);
  requireSnapshot(domain, name);
  const tree = domain.snapshots;
  const below = (flags & List.DESCENDANTS) !== 0 ? tree.descendants(name) : tree.children(name);
  return below.filter((snapshot) => matchesSnapshot(tree, snapshot, flags));
}

/** All snapshots here have metadata and are internal; none is of disks alone. */
function matchesSnapshot(tree: MomentTree<Snapshot>, snapshot: Snapshot, flags: number): boolean {
  const off = snapshot.state === "shutoff";
  return (
    matchesLeaves(tree, snapshot, flags) &&
    oneOf(flags, [List.METADATA, true], [List.NO_METADATA, false]) &&
    oneOf(flags, [List.INACTIVE, off], [List.ACTIVE, !off], [List.DISK_ONLY, false]) &&
    oneOf(flags, [List.INTERNAL, true], [List.EXTERNAL, false])
  );
}

function matchesLeaves<T extends Moment>(tree: MomentTree<T>, { name }: T, flags: number): boolean {
  const leaf = tree.children(name).length === 0;
  return oneOf(flags, [List.LEAVES, leaf], [List.NO_LEAVES, !leaf]);
}

function names(found: readonly Moment[]): string[] {
  return found.map(({ name }) => name);
}

function deleteMoment<T extends Moment>(tree: MomentTree<T>, moment: T, flags: number): void {
  if ((flags & (DELETE_CHILDREN | DELETE_CHILDREN_ONLY)) === 0) tree.remove(moment);
  else tree.removeTree(moment, (flags & DELETE_CHILDREN_ONLY) !== 0);
}
