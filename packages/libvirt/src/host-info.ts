import type { RemoteNodeGetInfoRet } from "./gen/remote.ts";

/** The machine below the hypervisor. */
export interface HostInfo {
  /** The processor, such as `x86_64`. */
  readonly model: string;
  /** KiB. */
  readonly memory: bigint;
  /** Active processors. */
  readonly cpus: number;
  readonly mhz: number;
  readonly numaNodes: number;
  /** Per NUMA node. */
  readonly sockets: number;
  /** Per socket. */
  readonly cores: number;
  /** Per core. */
  readonly threads: number;
}

export function hostInfo(info: RemoteNodeGetInfoRet): HostInfo {
  const { memory, cpus, mhz, sockets, cores, threads } = info;
  return { model: cText(info.model), memory, cpus, mhz, numaNodes: info.nodes, sockets, cores, threads };
}

/** The text of a C character array: up to its first NUL. */
function cText(chars: Uint8Array): string {
  const end = chars.indexOf(0);
  return new TextDecoder().decode(end === -1 ? chars : chars.subarray(0, end));
}
