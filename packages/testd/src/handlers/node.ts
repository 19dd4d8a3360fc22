import { cpuMap } from "../cpu-set.ts";
import { badArgument, invalidArgument, onlyFlags, unexplained } from "../failure.ts";
import { HOST } from "../host/host.ts";
import type { SessionHandlers } from "./session-handlers.ts";
import { bit, chars } from "./wire.ts";

/** Times of the host's CPUs in ns; the host does not age. */
const CPU_STATS = [
  ["user", 9_797_400_000n],
  ["kernel", 34_678_723_400_000n],
  ["idle", 87_264_900_000n],
  ["iowait", 763_600_000n],
] as const;

export const nodeHandlers: SessionHandlers = {
  nodeGetInfo: () => ({
    model: chars(HOST.model, 32),
    memory: HOST.memory,
    cpus: HOST.cpus,
    mhz: HOST.mhz,
    nodes: HOST.cells.length,
    sockets: HOST.sockets,
    cores: HOST.coresPerSocket,
    threads: HOST.threadsPerCore,
  }),
  nodeGetFreeMemory: () => ({ freeMem: HOST.memory }),
  nodeGetCellsFreeMemory: ({ startCell, maxcells }) => {
    const api = "virNodeGetCellsFreeMemory";
    if (maxcells <= 0) throw badArgument(`maxCells in ${api} must be greater than zero`, api, "maxCells");
    if (startCell < 0 || startCell >= HOST.cells.length) throw invalidArgument("Range exceeds available cells");
    return { cells: HOST.cells.slice(startCell, startCell + maxcells).map(({ memory }) => memory) };
  },
  nodeGetFreePages: ({ pages, startCell, cellCount }) => {
    const api = "virNodeGetFreePages";
    if (pages.length === 0) throw badArgument(`npages in ${api} must not be zero`, api, "npages");
    if (startCell < 0 || startCell >= HOST.cells.length) throw invalidArgument("Range exceeds available cells");
    const cells = HOST.cells.slice(startCell, startCell + cellCount);
    return { counts: cells.flatMap((cell) => pages.map((size) => freePages(cell, size))) };
  },
  nodeGetCpuMap: ({ needMap, needOnline, flags }) => {
    onlyFlags(flags, 0, "testNodeGetCPUMap");
    return {
      cpumap: bit(needMap !== 0) === 1 ? cpuMap(new Set(HOST.onlineCpus), HOST.guestCpus / 8) : new Uint8Array(),
      online: needOnline === 0 ? 0 : HOST.onlineCpus.length,
      ret: HOST.guestCpus,
    };
  },
  nodeGetCpuStats: ({ nparams, flags }) => {
    onlyFlags(flags, 0, "testNodeGetCPUStats");
    if (nparams === 0) return { params: [], nparams: CPU_STATS.length };
    return { params: CPU_STATS.slice(0, nparams).map(([field, value]) => ({ field, value })), nparams: 0 };
  },
  nodeGetSecurityModel: () => ({ model: chars(HOST.securityModel), doi: chars("") }),
};

function freePages({ pageSizes, memory }: (typeof HOST.cells)[number], size: number): bigint {
  const index = pageSizes.findIndex((candidate) => candidate === size);
  // libvirt's test driver gives no reason for sizes that a cell does not have.
  if (index < 0) throw unexplained();
  return index === 0 ? memory / BigInt(size) : 0n;
}
