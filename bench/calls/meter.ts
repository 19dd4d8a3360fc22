import { GCProfiler, getHeapStatistics } from "node:v8";

/** What this process has spent between two moments. */
export interface Usage {
  /** Microseconds, of user and system. */
  readonly cpu: number;
  /** Bytes allocated, in the heap and outside; absent unless asked for. */
  readonly allocated?: number;
}

/** Runs from its making. */
export class Meter {
  readonly #cpu = process.cpuUsage();
  readonly #heap: HeapMeter | undefined;

  /** Counting allocations costs a little; `heap` says whether to. */
  constructor(heap: boolean) {
    this.#heap = heap ? new HeapMeter() : undefined;
  }

  stop(): Usage {
    const { user, system } = process.cpuUsage(this.#cpu);
    const cpu = user + system;
    return this.#heap === undefined ? { cpu } : { cpu, allocated: this.#heap.stop() };
  }
}

/** Adds up how much the heap grew between its collections. */
class HeapMeter {
  readonly #profiler = new GCProfiler();
  readonly #before = heapUsed();

  constructor() {
    this.#profiler.start();
  }

  stop(): number {
    const after = heapUsed();
    const { statistics } = this.#profiler.stop();
    let last = this.#before;
    let allocated = 0;
    for (const { beforeGC, afterGC } of statistics) {
      allocated += Math.max(0, sizeOf(beforeGC.heapStatistics) - last);
      last = sizeOf(afterGC.heapStatistics);
    }
    return allocated + Math.max(0, after - last);
  }
}

function sizeOf(heap: { readonly usedHeapSize: number; readonly externalMemory: number }): number {
  return heap.usedHeapSize + heap.externalMemory;
}

function heapUsed(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}
