import { VirConnectListAllStoragePoolsFlags as F } from "@virnet/libvirt/enums";
import { oneOf } from "../filter.ts";
import type { Pool } from "./pool.ts";

/** Every bit of virConnectListAllStoragePoolsFlags. */
export const POOL_FILTERS: number = Object.values(F).reduce<number>((all, bit) => all | bit, 0);

export function matchesPool(pool: Pool, flags: number): boolean {
  const { active, persistent, autostart } = pool;
  const type = pool.definition.attributes.get("type");
  return (
    oneOf(flags, [F.ACTIVE, active], [F.INACTIVE, !active]) &&
    oneOf(flags, [F.PERSISTENT, persistent], [F.TRANSIENT, !persistent]) &&
    oneOf(flags, [F.AUTOSTART, autostart], [F.NO_AUTOSTART, !autostart]) &&
    oneOf(flags, ...TYPES.map(([bit, name]) => [bit, name === type] as const))
  );
}

const TYPES: readonly (readonly [bit: number, name: string])[] = [
  [F.DIR, "dir"],
  [F.FS, "fs"],
  [F.NETFS, "netfs"],
  [F.LOGICAL, "logical"],
  [F.DISK, "disk"],
  [F.ISCSI, "iscsi"],
  [F.SCSI, "scsi"],
  [F.MPATH, "mpath"],
  [F.RBD, "rbd"],
  [F.SHEEPDOG, "sheepdog"],
  [F.GLUSTER, "gluster"],
  [F.ZFS, "zfs"],
  [F.VSTORAGE, "vstorage"],
  [F.ISCSI_DIRECT, "iscsi-direct"],
];
