import { oneOf } from "../filter.ts";
import type { Network } from "./network.ts";

/** Every bit of virConnectListAllNetworksFlags. */
export const NETWORK_FILTERS = 0x3f;

/** Bits of one group are alternatives; an empty group does not filter. */
export function matchesNetwork(network: Network, flags: number): boolean {
  return (
    oneOf(flags, [2, network.active], [1, !network.active]) &&
    oneOf(flags, [4, network.persistent], [8, !network.persistent]) &&
    oneOf(flags, [16, network.autostart], [32, !network.autostart])
  );
}
