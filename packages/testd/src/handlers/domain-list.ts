import { currentMemory, currentVcpus, maxMemory } from "../domain/definition.ts";
import type { Domain } from "../domain/domain.ts";
import { DOMAIN_FILTERS, matchesDomain } from "../domain/filter.ts";
import { Code, From, failure, onlyFlags } from "../failure.ts";
import type { Session } from "../session.ts";
import { uuidFromBytes } from "../uuid.ts";
import type { SessionHandlers } from "./session-handlers.ts";
import { bit, domainOf, domainRef, listed, upTo } from "./wire.ts";

const IDS = { argument: "maxids", name: "REMOTE_DOMAIN_LIST_MAX", most: 16_384 };
const NAMES = { ...IDS, argument: "maxnames" };

/** Which domains there are, and the few facts about one that lists show. */
export const domainListHandlers: SessionHandlers = {
  connectNumOfDomains: (_, session) => ({ num: domains(session, true).length }),
  connectNumOfDefinedDomains: (_, session) => ({ num: domains(session, false).length }),
  connectListDomains: ({ maxids }, session) => ({
    ids: upTo(
      domains(session, true).map(({ id }) => id),
      maxids,
      IDS,
    ),
  }),
  connectListDefinedDomains: ({ maxnames }, session) => {
    return {
      names: upTo(
        domains(session, false).map(({ name }) => name),
        maxnames,
        NAMES,
      ),
    };
  },
  connectListAllDomains: ({ needResults, flags }, { hypervisor }) => {
    onlyFlags(flags, DOMAIN_FILTERS, "testConnectListAllDomains");
    const found = hypervisor.domains.all().filter((domain) => matchesDomain(domain, flags));
    const { results, ret } = listed(
      found.map(({ handle }) => domainRef(handle)),
      needResults,
    );
    return { domains: results, ret };
  },
  domainLookupById: ({ id }, { hypervisor }) => ({ dom: refTo(hypervisor.domains.byId(id)) }),
  domainLookupByName: ({ name }, { hypervisor }) => ({ dom: refTo(hypervisor.domains.byName(name)) }),
  domainLookupByUuid: ({ uuid }, { hypervisor }) => ({ dom: refTo(hypervisor.domains.byUuid(uuidFromBytes(uuid))) }),
  domainIsActive: ({ dom }, session) => ({ active: bit(domainOf(session, dom).active) }),
  domainIsPersistent: ({ dom }, session) => ({ persistent: bit(domainOf(session, dom).persistent) }),
  domainIsUpdated: ({ dom }, session) => {
    domainOf(session, dom);
    return { updated: 0 };
  },
  domainGetInfo: ({ dom }, session) => {
    const { state, current } = domainOf(session, dom);
    return {
      state,
      maxMem: maxMemory(current),
      memory: currentMemory(current),
      nrVirtCpu: currentVcpus(current),
      cpuTime: BigInt(Date.now()) * 1_000_000n,
    };
  },
  domainGetState: ({ dom, flags }, session) => {
    onlyFlags(flags, 0, "testDomainGetState");
    const { state, reason } = domainOf(session, dom);
    return { state, reason };
  },
  domainGetOsType: ({ dom }, session) => {
    domainOf(session, dom);
    return { type: "linux" };
  },
};

function domains({ hypervisor }: Session, active: boolean): Domain[] {
  return hypervisor.domains.all().filter((domain) => domain.active === active);
}

function refTo(domain: Domain | null) {
  if (domain === null) throw failure(Code.NO_DOMAIN, From.TEST);
  return domainRef(domain.handle);
}
