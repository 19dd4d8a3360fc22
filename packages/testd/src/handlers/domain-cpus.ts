import type { RemoteTypedParam } from "@virnet/libvirt/remote";
import { type CpuSet, cpuMap, fromCpuMap } from "../cpu-set.ts";
import { currentVcpus, maxVcpus } from "../domain/definition.ts";
import { type Domain, Impact } from "../domain/domain.ts";
import { addIothread, iothreadCpus, iothreadIds, pinIothread, removeIothread } from "../domain/iothreads.ts";
import { emulatorCpus, pinEmulator, pinVcpu, vcpuCpus } from "../domain/pinning.ts";
import {
  badArgument,
  Code,
  exclusiveImpact,
  From,
  failure,
  invalidArgument,
  onlyFlags,
  operationInvalid,
} from "../failure.ts";
import { HOST } from "../host/host.ts";
import { ullongParam } from "../typed-params.ts";
import type { SessionHandlers } from "./session-handlers.ts";
import { domainOf } from "./wire.ts";

const IMPACT = Impact.LIVE | Impact.CONFIG;
/** Limits of the protocol. */
const VCPUS_MOST = 16_384;
const MAPS_MOST = 8_388_608;
const MAP_MOST = 2048;
const CPU_STATS_MOST = 2048;
const VCPU_RUNNING = 1;
/** virTypedParameterFlags: the caller can take texts. */
const STRING_OKAY = 4;

/** Which CPUs of the host a domain's threads run on. */
export const domainCpuHandlers: SessionHandlers = {
  domainGetVcpus: ({ dom, maxinfo, maplen }, session) => {
    checkMaps(maxinfo, maplen);
    if (maxinfo === 0) throw badArgument("info in virDomainGetVcpus must not be NULL", "virDomainGetVcpus", "info");
    const domain = domainOf(session, dom);
    if (!domain.active) throw operationInvalid("cannot list vcpus for an inactive domain");
    return {
      info: vcpuInfo(domain, maxinfo),
      cpumaps: vcpuMaps(domain, { maplen, rows: maxinfo, filled: currentVcpus(domain.current) }),
    };
  },
  domainGetVcpuPinInfo: ({ dom, ncpumaps, maplen, flags }, session) => {
    checkMaps(ncpumaps, maplen);
    const api = "virDomainGetVcpuPinInfo";
    if (ncpumaps === 0) throw badArgument(`ncpumaps in ${api} must be greater than zero`, api, "ncpumaps");
    if (maplen === 0) throw badArgument(`cpumaps in ${api} must not be NULL`, api, "cpumaps");
    exclusiveImpact(flags, api, From.DOMAIN);
    const domain = domainOf(session, dom);
    const definition = domain.affectedOne(flags);
    const filled = Math.min(ncpumaps, maxVcpus(definition));
    const sets = Array.from({ length: filled }, (_, vcpu) => vcpuCpus(definition, vcpu));
    return { cpumaps: joinMaps(sets, maplen, ncpumaps), num: filled };
  },
  domainPinVcpu: ({ dom, vcpu, cpumap }, session) => pin(domainOf(session, dom), vcpu, cpumap, "virDomainPinVcpu"),
  domainPinVcpuFlags: ({ dom, vcpu, cpumap, flags }, session) => {
    onlyFlags(flags, 0, "testDomainPinVcpuFlags");
    pin(domainOf(session, dom), vcpu, cpumap, "virDomainPinVcpuFlags");
  },
  domainGetEmulatorPinInfo: ({ dom, maplen, flags }, session) => {
    checkMaps(1, maplen);
    const api = "virDomainGetEmulatorPinInfo";
    if (maplen === 0) throw badArgument(`cpumap in ${api} must not be NULL`, api, "cpumap");
    exclusiveImpact(flags, api, From.DOMAIN);
    return { cpumaps: cpuMap(emulatorCpus(domainOf(session, dom).affectedOne(flags)), maplen), ret: 1 };
  },
  domainPinEmulator: ({ dom, cpumap, flags }, session) => {
    onlyFlags(flags, IMPACT, "testDomainPinEmulator");
    const cpus = hostCpus(cpumap);
    if (cpus.size === 0) throw invalidArgument("Empty cpu list for pinning");
    for (const definition of domainOf(session, dom).affected(flags)) pinEmulator(definition, cpus);
  },
  domainGetCpuStats: ({ dom, nparams, startCpu, ncpus, flags }, session) => {
    onlyFlags(flags, STRING_OKAY, "testDomainGetCPUStats");
    if (nparams > CPU_STATS_MOST || ncpus > VCPUS_MOST) throw failure(Code.RPC, From.RPC, "ncpus * nparams > maximum");
    const domain = domainOf(session, dom);
    const vcpus = currentVcpus(domain.running());
    if (startCpu === -1) return totalCpuStats(vcpus, nparams);
    return perCpuStats(vcpus, nparams, { start: startCpu, count: ncpus });
  },
  domainGetIothreadInfo: ({ dom, flags }, session) => {
    exclusiveImpact(flags, "virDomainGetIOThreadInfo", From.DOMAIN);
    const definition = domainOf(session, dom).affectedOne(flags);
    const info = iothreadIds(definition).map((iothreadId) => {
      return { iothreadId, cpumap: cpuMap(iothreadCpus(definition, iothreadId), HOST.guestCpus / 8) };
    });
    return { info, ret: info.length };
  },
  domainAddIothread: ({ dom, iothreadId, flags }, session) => {
    onlyFlags(flags, IMPACT, "testDomainAddIOThread");
    requireId(iothreadId);
    for (const definition of domainOf(session, dom).affected(flags)) addIothread(definition, iothreadId);
  },
  domainDelIothread: ({ dom, iothreadId, flags }, session) => {
    const api = "virDomainDelIOThread";
    if (iothreadId === 0) throw badArgument(`iothread_id in ${api} must not be zero`, api, "iothread_id");
    onlyFlags(flags, IMPACT, "testDomainDelIOThread");
    for (const definition of domainOf(session, dom).affected(flags)) removeIothread(definition, iothreadId);
  },
  domainPinIothread: ({ dom, iothreadsId, cpumap, flags }, session) => {
    onlyFlags(flags, IMPACT, "testDomainPinIOThread");
    const cpus = hostCpus(cpumap);
    if (cpus.size === 0) throw invalidArgument("Empty iothread cpumap list for pinning");
    for (const definition of domainOf(session, dom).affected(flags)) {
      if (!iothreadIds(definition).includes(iothreadsId)) throw invalidArgument(`iothreadid ${iothreadsId} not found`);
      pinIothread(definition, iothreadsId, cpus);
    }
  },
};

function checkMaps(count: number, length: number): void {
  if (count < 0 || length < 0) throw failure(Code.RPC, From.RPC, "maxinfo and maplen must be non-negative");
  if (count > VCPUS_MOST) throw failure(Code.RPC, From.RPC, "maxinfo > REMOTE_VCPUINFO_MAX");
  if (count * length > MAPS_MOST) throw failure(Code.RPC, From.RPC, "maxinfo * maplen > REMOTE_CPUMAPS_MAX");
  if (length > MAP_MOST) throw failure(Code.RPC, From.RPC, "maplen > REMOTE_CPUMAP_MAX");
}

function vcpuInfo({ current }: Domain, most: number) {
  // As the test driver counts: a tenth of the microseconds since 1970.
  const cpuTime = BigInt(Date.now()) * 100n;
  return Array.from({ length: Math.min(most, currentVcpus(current)) }, (_, number) => {
    return { number, state: VCPU_RUNNING, cpuTime, cpu: Math.max(-1, ...vcpuCpus(current, number)) };
  });
}

function vcpuMaps(
  { current }: Domain,
  { maplen, rows, filled }: { maplen: number; rows: number; filled: number },
): Uint8Array {
  const sets = Array.from({ length: Math.min(rows, filled) }, (_, vcpu) => vcpuCpus(current, vcpu));
  return joinMaps(sets, maplen, rows);
}

function joinMaps(sets: readonly CpuSet[], maplen: number, rows: number): Uint8Array {
  const maps = new Uint8Array(maplen * rows);
  for (const [row, set] of sets.entries()) maps.set(cpuMap(set, maplen), row * maplen);
  return maps;
}

function pin(domain: Domain, vcpu: number, cpumap: Uint8Array, api: string): void {
  if (cpumap.length === 0) throw badArgument(`cpumap in ${api} must not be NULL`, api, "cpumap");
  const [definition] = domain.affected(Impact.CURRENT);
  if (definition === undefined) return;
  if (!domain.active) throw operationInvalid("cannot pin vcpus on an inactive domain");
  if (vcpu < 0 || vcpu >= currentVcpus(definition)) {
    throw invalidArgument(`requested vcpu '${vcpu}' is not present in the domain`);
  }
  pinVcpu(definition, vcpu, hostCpus(cpumap));
}

/** Bits beyond the host's CPUs don't count. */
function hostCpus(map: Uint8Array): CpuSet {
  return new Set([...fromCpuMap(map)].filter((cpu) => cpu < HOST.cpus));
}

function requireId(id: number): void {
  if (id === 0) throw invalidArgument("invalid value of 0 for iothread_id");
}

/** What each vCPU has used so far, in ns; every further one is a little later than the one before. */
const CPU_TIME = 24_386_308_517n;
const VCPU_TIME = 23_151_740_627n;

function totalCpuStats(vcpus: number, nparams: number): { params: RemoteTypedParam[]; nparams: number } {
  const cpuTime = Array.from({ length: vcpus }, (_, cpu) => CPU_TIME + BigInt(cpu)).reduce(
    (sum, time) => sum + time,
    0n,
  );
  const all = [
    ullongParam("cpu_time", cpuTime),
    ullongParam("user_time", 5_540_000_000n),
    ullongParam("system_time", 6_460_000_000n),
  ];
  return {
    params: nparams === 0 ? [] : all.slice(0, nparams),
    nparams: nparams === 0 ? all.length : Math.min(nparams, all.length),
  };
}

function perCpuStats(vcpus: number, nparams: number, { start, count }: { start: number; count: number }) {
  if (count === 0) return { params: [], nparams: vcpus };
  if (nparams === 0) return { params: [], nparams: 2 };
  const cpus = Array.from({ length: Math.max(0, Math.min(count, vcpus - start)) }, (_, index) => BigInt(start + index));
  const params = cpus.flatMap((cpu) =>
    [ullongParam("cpu_time", CPU_TIME + cpu), ullongParam("vcpu_time", VCPU_TIME + cpu)].slice(0, nparams),
  );
  return { params, nparams: Math.min(nparams, 2) };
}
