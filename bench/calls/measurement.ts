import type { Comparison } from "./crowds.ts";
import type { LibvirtPeers } from "./libvirt-peers.ts";
import type { Throughput } from "./throughput.ts";

/** All that one run has found out. */
export interface Measurement {
  readonly throughput: readonly Throughput[];
  readonly libvirt: LibvirtPeers;
  readonly crowds: readonly Comparison[];
  readonly coldStart: Comparison;
}
