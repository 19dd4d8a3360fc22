import type { RemoteTypedParam } from "@virnet/libvirt/remote";
import { findDisk, findInterface } from "../domain/definition.ts";
import type { Domain } from "../domain/domain.ts";
import { matchesDomain } from "../domain/filter.ts";
import { iothreadIds } from "../domain/iothreads.ts";
import { Code, From, failure, invalidArgument, onlyFlags } from "../failure.ts";
import { intParam, uintParam, ullongParam } from "../typed-params.ts";
import { uuidFromBytes } from "../uuid.ts";
import type { SessionHandlers } from "./session-handlers.ts";
import { domainOf, domainRef } from "./wire.ts";

/** virDomainStatsTypes that this daemon has numbers for. */
const Stats = { STATE: 1, IOTHREAD: 128 } as const;
const SUPPORTED = Stats.STATE | Stats.IOTHREAD;
const ENFORCE = 0x8000_0000;
/** The list filters that may be combined with the call: activity, persistence, state. */
const FILTERS = 0xff;

/** Counters. They grow with the clock, as the test driver's do. */
export const domainStatsHandlers: SessionHandlers = {
  domainBlockStats: ({ dom, path }, session) => {
    if (path === "") throw failure(Code.OPERATION_UNSUPPORTED, From.TEST, "summary statistics are not supported yet");
    const definition = domainOf(session, dom).running();
    if (findDisk(definition, path) === null) throw invalidArgument(`invalid path: ${path}`);
    const base = microseconds();
    const [rdReq, rdBytes, wrReq, wrBytes, errs] = [base / 10n, base / 20n, base / 30n, base / 40n, base / 2_000_000n];
    return { rdReq, rdBytes, wrReq, wrBytes, errs };
  },
  domainInterfaceStats: ({ dom, device }, session) => {
    const definition = domainOf(session, dom).running();
    if (findInterface(definition, device) === null) {
      throw invalidArgument(`'${device}' is not a known interface`, From.DOMAIN);
    }
    const base = microseconds();
    return {
      rxBytes: base / 10n,
      rxPackets: base / 100n,
      rxErrs: base / 1_000_000n,
      rxDrop: base / 2_000_000n,
      txBytes: base / 20n,
      txPackets: base / 110n,
      txErrs: base / 3_000_000n,
      txDrop: base / 4_000_000n,
    };
  },
  domainGetBlockInfo: ({ dom, path, flags }, session) => {
    onlyFlags(flags, 0, "testDomainGetBlockInfo");
    const { current } = domainOf(session, dom);
    if (findDisk(current, path) === null) throw invalidArgument(`invalid path ${path} not assigned to domain`);
    return { allocation: DISK_SIZE, capacity: DISK_SIZE - DISK_OVERHEAD, physical: DISK_SIZE };
  },
  connectGetAllDomainStats: ({ doms, stats, flags }, session) => {
    onlyFlags(flags & 0x7fff_ffff, FILTERS, "testConnectGetAllDomainStats");
    checkTypes(stats, flags);
    const { domains } = session.hypervisor;
    const wanted =
      doms.length === 0 ? domains.all() : doms.flatMap(({ uuid }) => domains.byUuid(uuidFromBytes(uuid)) ?? []);
    const chosen = wanted.filter((domain) => matchesDomain(domain, flags & FILTERS));
    return { retStats: chosen.map((domain) => ({ dom: domainRef(domain.handle), params: statsOf(domain, stats) })) };
  },
};

const DISK_SIZE = 1_099_511_627_776n;
const DISK_OVERHEAD = 5_177_344n;

function microseconds(): bigint {
  return BigInt(Date.now()) * 1000n;
}

function checkTypes(stats: number, flags: number): void {
  const unknown = (stats & ~SUPPORTED) >>> 0;
  if ((flags & ENFORCE) === 0 || unknown === 0) return;
  const text = `Stats types bits 0x${unknown.toString(16)} are not supported by this daemon`;
  throw failure(Code.ARGUMENT_UNSUPPORTED, From.TEST, text);
}

function statsOf(domain: Domain, stats: number): RemoteTypedParam[] {
  const types = stats === 0 ? SUPPORTED : stats;
  return [
    ...((types & Stats.STATE) === 0
      ? []
      : [intParam("state.state", domain.state), intParam("state.reason", domain.reason)]),
    ...((types & Stats.IOTHREAD) === 0 || !domain.active ? [] : iothreadStats(domain)),
  ];
}

function iothreadStats(domain: Domain): RemoteTypedParam[] {
  const ids = iothreadIds(domain.current);
  if (ids.length === 0) return [];
  return [
    uintParam("iothread.count", ids.length),
    ...ids.flatMap((id) => [
      ullongParam(`iothread.${id}.poll-max-ns`, 32_768n),
      uintParam(`iothread.${id}.poll-grow`, 0),
      uintParam(`iothread.${id}.poll-shrink`, 0),
    ]),
  ];
}
