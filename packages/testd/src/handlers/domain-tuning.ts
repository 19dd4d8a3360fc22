import type { RemoteTypedParam } from "@virnet/libvirt/remote";
import { type DomainDefinition, findDisk, findInterface } from "../domain/definition.ts";
import { type Domain, Impact } from "../domain/domain.ts";
import {
  BLKIO_TYPES,
  blkioParams,
  INTERFACE_TYPES,
  IO_TUNE_TYPES,
  interfaceParams,
  ioTuneParams,
  MEMORY_TYPES,
  memoryParams,
  NUMA_TYPES,
  numaChange,
  numaParams,
  PERF_TYPES,
  perfParams,
  setBlkioParams,
  setInterfaceParams,
  setIoTune,
  setMemoryParams,
  setNuma,
  setPerfParams,
} from "../domain/tuning.ts";
import { badArgument, exclusiveImpact, From, invalidArgument, onlyFlags, operationInvalid } from "../failure.ts";
import { checkParams, paramsReply, uintParam } from "../typed-params.ts";
import type { XmlElement } from "../xml/element.ts";
import type { SessionHandlers } from "./session-handlers.ts";
import { domainOf } from "./wire.ts";

const IMPACT = Impact.LIVE | Impact.CONFIG;
/** virTypedParameterFlags: the caller can take texts. */
const STRING_OKAY = 4;
const SCHEDULER = { type: "fair", weight: 50 };
const SCHEDULER_TYPES = { weight: "uint" } as const;

/** Limits and weights of a domain, as lists of named values. */
export const domainTuningHandlers: SessionHandlers = {
  domainGetSchedulerType: ({ dom }, session) => {
    domainOf(session, dom);
    return { type: SCHEDULER.type, nparams: 1 };
  },
  domainGetSchedulerParameters: ({ dom, nparams }, session) => {
    domainOf(session, dom);
    return schedulerParams(nparams, "virDomainGetSchedulerParameters");
  },
  domainGetSchedulerParametersFlags: ({ dom, nparams }, session) => {
    domainOf(session, dom);
    return schedulerParams(nparams, "virDomainGetSchedulerParametersFlags");
  },
  domainSetSchedulerParameters: ({ dom, params }, session) => {
    checkParams(params, SCHEDULER_TYPES, "virDomainSetSchedulerParameters");
    domainOf(session, dom);
  },
  domainSetSchedulerParametersFlags: ({ dom, params }, session) => {
    checkParams(params, SCHEDULER_TYPES, "virDomainSetSchedulerParametersFlags");
    domainOf(session, dom);
  },
  domainGetMemoryParameters: ({ dom, nparams, flags }, session) => {
    const definition = asked(domainOf(session, dom), flags, "virDomainGetMemoryParameters");
    return paramsReply(memoryParams(definition), nparams);
  },
  domainSetMemoryParameters: ({ dom, params, flags }, session) => {
    checkParams(params, MEMORY_TYPES, "virDomainSetMemoryParameters");
    exclusiveImpact(flags, "virDomainObjGetOneDefState", From.DOMAIN);
    change(domainOf(session, dom), flags, "testDomainSetMemoryParameters", (each) => setMemoryParams(each, params));
  },
  domainGetBlkioParameters: ({ dom, nparams, flags }, session) => {
    const definition = asked(domainOf(session, dom), flags, "virDomainGetBlkioParameters");
    return reply(blkioParams(definition), nparams, flags);
  },
  domainSetBlkioParameters: ({ dom, params, flags }, session) => {
    checkParams(params, BLKIO_TYPES, "virDomainSetBlkioParameters");
    change(domainOf(session, dom), flags, "testDomainSetBlkioParameters", (each) => setBlkioParams(each, params));
  },
  domainGetNumaParameters: ({ dom, nparams, flags }, session) => {
    const definition = asked(domainOf(session, dom), flags, "virDomainGetNumaParameters");
    return reply(numaParams(definition), nparams, flags);
  },
  domainSetNumaParameters: ({ dom, params, flags }, session) => {
    checkParams(params, NUMA_TYPES, "virDomainSetNumaParameters");
    const wanted = numaChange(params);
    const domain = domainOf(session, dom);
    if (wanted.mode !== undefined && domain.active && (flags & Impact.CONFIG) === 0) {
      throw operationInvalid("can't change numatune mode for running domain");
    }
    change(domain, flags, "testDomainSetNumaParameters", (each) => setNuma(each, wanted));
  },
  domainGetBlockIoTune: ({ dom, disk, nparams, flags }, session) => {
    const api = "virDomainGetBlockIoTune";
    // The number of parameters is the same for every disk, so that question may leave the disk out.
    if (nparams === 0) return { params: [], nparams: Object.keys(IO_TUNE_TYPES).length };
    if (disk === null) throw badArgument(`disk in ${api} must not be NULL`, api, "disk");
    const found = findDisk(asked(domainOf(session, dom), flags, api), disk);
    if (found === null) throw invalidArgument(`disk '${disk}' was not found in the domain config`);
    return reply(ioTuneParams(found), nparams, flags);
  },
  domainSetBlockIoTune: ({ dom, disk, params, flags }, session) => {
    checkParams(params, IO_TUNE_TYPES, "virDomainSetBlockIoTune");
    change(domainOf(session, dom), flags, "testDomainSetBlockIoTune", (each) => setIoTune(diskIn(each, disk), params));
  },
  domainGetInterfaceParameters: ({ dom, device, nparams, flags }, session) => {
    const definition = asked(domainOf(session, dom), flags, "virDomainGetInterfaceParameters");
    if (nparams === 0) return { params: [], nparams: Object.keys(INTERFACE_TYPES).length };
    return paramsReply(interfaceParams(interfaceIn(definition, device)), nparams);
  },
  domainSetInterfaceParameters: ({ dom, device, params, flags }, session) => {
    checkParams(params, INTERFACE_TYPES, "virDomainSetInterfaceParameters");
    const apply = (each: DomainDefinition): void => setInterfaceParams(interfaceIn(each, device), params);
    change(domainOf(session, dom), flags, "testDomainSetInterfaceParameters", apply);
  },
  domainGetPerfEvents: ({ dom, flags }, session) => {
    return { params: perfParams(asked(domainOf(session, dom), flags, "virDomainGetPerfEvents")) };
  },
  domainSetPerfEvents: ({ dom, params, flags }, session) => {
    checkParams(params, PERF_TYPES, "virDomainSetPerfEvents");
    change(domainOf(session, dom), flags, "testDomainSetPerfEvents", (each) => setPerfParams(each, params));
  },
};

/** The scheduler has one weight, and keeps it whatever it is told. */
function schedulerParams(nparams: number, api: string): { params: RemoteTypedParam[] } {
  if (nparams === 0) throw badArgument(`params in ${api} must not be NULL`, api, "params");
  return { params: [uintParam("weight", SCHEDULER.weight)] };
}

function asked(domain: Domain, flags: number, api: string): DomainDefinition {
  exclusiveImpact(flags, api, From.DOMAIN);
  return domain.affectedOne(flags);
}

function change(domain: Domain, flags: number, api: string, apply: (definition: DomainDefinition) => void): void {
  onlyFlags(flags, IMPACT, api);
  for (const definition of domain.affected(flags)) apply(definition);
}

/** Callers that can't take texts are told of them in the number only. */
function reply(all: readonly RemoteTypedParam[], nparams: number, flags: number) {
  if (nparams === 0) return paramsReply(all, 0);
  return paramsReply(
    all.filter(({ value }) => value.type !== 7 || (flags & STRING_OKAY) !== 0),
    nparams,
  );
}

function diskIn(definition: DomainDefinition, name: string): XmlElement {
  const found = findDisk(definition, name);
  if (found === null) throw invalidArgument(`missing persistent configuration for disk '${name}'`);
  return found;
}

function interfaceIn(definition: DomainDefinition, device: string): XmlElement {
  const found = findInterface(definition, device);
  if (found === null) throw invalidArgument(`'${device}' is not a known interface`, From.DOMAIN);
  return found;
}
