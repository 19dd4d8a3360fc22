import { VirConnectListAllDomainsFlags as F } from "@virnet/libvirt/enums";
import { oneOf } from "../filter.ts";
import { type Domain, State } from "./domain.ts";

/** Every bit of virConnectListAllDomainsFlags. */
export const DOMAIN_FILTERS: number = Object.values(F).reduce<number>((all, bit) => all | bit, 0);

export function matchesDomain(domain: Domain, flags: number): boolean {
  const { active, persistent, autostart, managedSave, state } = domain;
  const known = state === State.RUNNING || state === State.PAUSED || state === State.SHUTOFF;
  const snapshots = domain.snapshots.size > 0;
  const checkpoints = domain.checkpoints.size > 0;
  return (
    oneOf(flags, [F.ACTIVE, active], [F.INACTIVE, !active]) &&
    oneOf(flags, [F.PERSISTENT, persistent], [F.TRANSIENT, !persistent]) &&
    oneOf(
      flags,
      [F.RUNNING, state === State.RUNNING],
      [F.PAUSED, state === State.PAUSED],
      [F.SHUTOFF, state === State.SHUTOFF],
      [F.OTHER, !known],
    ) &&
    oneOf(flags, [F.MANAGEDSAVE, managedSave], [F.NO_MANAGEDSAVE, !managedSave]) &&
    oneOf(flags, [F.AUTOSTART, autostart], [F.NO_AUTOSTART, !autostart]) &&
    oneOf(flags, [F.HAS_SNAPSHOT, snapshots], [F.NO_SNAPSHOT, !snapshots]) &&
    oneOf(flags, [F.HAS_CHECKPOINT, checkpoints], [F.NO_CHECKPOINT, !checkpoints])
  );
}
