import {
  currentVcpus,
  type DomainDefinition,
  devices,
  formatDomain,
  maxMemory,
  maxVcpus,
  setCurrentMemory,
  setMaxMemory,
  setTopText,
  setVcpus,
} from "../domain/definition.ts";
import { putChild } from "../domain/devices.ts";
import { type Domain, Impact } from "../domain/domain.ts";
import { checkNote, readNote, writeNote } from "../domain/metadata.ts";
import {
  badArgument,
  Code,
  exclusiveImpact,
  From,
  failure,
  internalError,
  invalidArgument,
  onlyFlags,
  operationInvalid,
  unsupportedConfig,
} from "../failure.ts";
import { HOST } from "../host/host.ts";
import { element } from "../xml/element.ts";
import type { SessionHandlers } from "./session-handlers.ts";
import { bit, domainOf } from "./wire.ts";

const IMPACT = Impact.LIVE | Impact.CONFIG;
const MAXIMUM = 4;
/** virDomainXMLFlags. */
const Xml = { SECURE: 1, INACTIVE: 2, MIGRATABLE: 8 } as const;
const ALL_XML = Xml.SECURE | Xml.INACTIVE | Xml.MIGRATABLE;

/** A domain's description, and the parts of it that have calls of their own. */
export const domainConfigHandlers: SessionHandlers = {
  domainGetXmlDesc: ({ dom, flags }, session) => {
    onlyFlags(flags, ALL_XML, "testDomainGetXMLDesc");
    if ((flags & Xml.SECURE) !== 0 && session.readOnly) throw secureXmlDenied();
    const domain = domainOf(session, dom);
    const secure = (flags & Xml.SECURE) !== 0;
    const inactive = (flags & Xml.INACTIVE) !== 0 || !domain.active;
    if (inactive) return { xml: formatDomain(domain.config, { secure }) };
    return { xml: formatDomain(domain.current, { secure, id: domain.id }) };
  },
  domainGetAutostart: ({ dom }, session) => ({ autostart: bit(domainOf(session, dom).autostart) }),
  domainSetAutostart: ({ dom, autostart }, session) => {
    domainOf(session, dom).autostart = autostart !== 0;
  },
  domainGetMetadata: ({ dom, type, uri, flags }, session) => {
    exclusiveImpact(flags, "virDomainGetMetadata", From.DOMAIN);
    const api = "virDomainGetMetadata";
    if (type === 2 && uri === null) throw badArgument(`uri in ${api} must not be NULL`, api, "uri");
    return { metadata: readNote(domainOf(session, dom).affectedOne(flags), type, uri) };
  },
  domainSetMetadata: ({ dom, type, metadata, key, uri, flags }, session) => {
    const note = { type, text: metadata, key, uri };
    checkNote(note);
    const domain = domainOf(session, dom);
    writeNote(domain.affected(flags), note);
    session.hypervisor.events.metadataChange(domain.handle, type, uri);
  },
  domainGetMaxMemory: ({ dom }, session) => ({ memory: maxMemory(domainOf(session, dom).current) }),
  domainSetMaxMemory: ({ dom, memory }, session) => {
    requireNumber(memory, "virDomainSetMaxMemory", "memory");
    setMemory(domainOf(session, dom), memory, MAXIMUM);
  },
  domainSetMemory: ({ dom, memory }, session) => {
    requireNumber(memory, "virDomainSetMemory", "memory");
    setMemory(domainOf(session, dom), memory, Impact.LIVE);
  },
  domainSetMemoryFlags: ({ dom, memory, flags }, session) => {
    requireNumber(memory, "virDomainSetMemoryFlags", "memory");
    onlyFlags(flags, IMPACT | MAXIMUM, "testDomainSetMemoryFlags");
    exclusiveImpact(flags, "virDomainObjGetOneDefState", From.DOMAIN);
    setMemory(domainOf(session, dom), memory, flags);
  },
  domainSetMemoryStatsPeriod: ({ dom, period, flags }, session) => {
    onlyFlags(flags, IMPACT, "testDomainSetMemoryStatsPeriod");
    for (const definition of domainOf(session, dom).affected(flags)) setStatsPeriod(definition, period);
  },
  domainGetMaxVcpus: ({ dom }, session) => ({ num: maxVcpus(domainOf(session, dom).current) }),
  domainGetVcpusFlags: ({ dom, flags }, session) => {
    exclusiveImpact(flags, "virDomainGetVcpusFlags", From.DOMAIN);
    onlyFlags(flags, IMPACT | MAXIMUM, "testDomainGetVcpusFlags");
    const definition = domainOf(session, dom).affectedOne(flags);
    return { num: (flags & MAXIMUM) === 0 ? currentVcpus(definition) : maxVcpus(definition) };
  },
  domainSetVcpus: ({ dom, nvcpus }, session) => {
    requireNumber(nvcpus, "virDomainSetVcpus", "nvcpus");
    setVcpuCount(domainOf(session, dom), nvcpus, Impact.LIVE);
  },
  domainSetVcpusFlags: ({ dom, nvcpus, flags }, session) => {
    requireNumber(nvcpus, "virDomainSetVcpusFlags", "nvcpus");
    if ((flags & MAXIMUM) !== 0 && (flags & Impact.CONFIG) === 0) {
      const text = "Flag 'VIR_DOMAIN_AFFECT_CONFIG' is required by flag 'VIR_DOMAIN_VCPU_MAXIMUM'";
      throw badArgument(text, "virDomainSetVcpusFlags", "flags");
    }
    onlyFlags(flags, IMPACT | MAXIMUM, "testDomainSetVcpusFlags");
    setVcpuCount(domainOf(session, dom), nvcpus, flags);
  },
  domainSetLifecycleAction: ({ dom, type, action, flags }, session) => {
    onlyFlags(flags, IMPACT, "testDomainSetLifecycleAction");
    const setting = lifecycleSetting(type, action);
    for (const definition of domainOf(session, dom).affected(flags)) setTopText(definition, ...setting);
  },
};

function secureXmlDenied(): Error {
  return failure(Code.OPERATION_DENIED, From.DOMAIN, "virDomainGetXMLDesc with secure flag");
}

function requireNumber(value: bigint | number, api: string, argument: string): void {
  if (BigInt(value) === 0n) throw badArgument(`${argument} in ${api} must not be zero`, api, argument);
}

function setMemory(domain: Domain, kib: bigint, flags: number): void {
  const [definition] = domain.affected(flags);
  if (definition === undefined) return;
  if ((flags & MAXIMUM) !== 0) {
    if (domain.active && (flags & Impact.CONFIG) === 0) {
      throw operationInvalid("cannot resize the maximum memory on an active domain");
    }
    setMaxMemory(definition, kib);
    return;
  }
  if (kib > maxMemory(definition)) throw invalidArgument("cannot set memory higher than max memory");
  setCurrentMemory(definition, kib);
}

function setStatsPeriod(definition: DomainDefinition, period: number): void {
  const [balloon] = devices(definition, "memballoon");
  if (balloon === undefined || balloon.attributes.get("model") !== "virtio") {
    throw internalError("No memory balloon device configured, can not set the collection period");
  }
  putChild(balloon, element("stats", { period }));
}

function setVcpuCount(domain: Domain, count: number, flags: number): void {
  if (count > HOST.maxVcpus) {
    throw invalidArgument(`requested cpu amount exceeds maximum supported amount (${count} > ${HOST.maxVcpus})`);
  }
  const definitions = domain.affected(flags);
  if ((flags & MAXIMUM) !== 0) {
    for (const definition of definitions) setVcpus(definition, { max: count });
    return;
  }
  const most = Math.min(...definitions.map(maxVcpus));
  if (count > most) throw invalidArgument(`requested cpu amount exceeds maximum (${count} > ${most})`);
  for (const definition of definitions) setVcpus(definition, { current: count });
}

const LIFECYCLE_TYPES = ["poweroff", "reboot", "crash"];
const LIFECYCLE_ACTIONS = ["destroy", "restart", "rename-restart", "preserve", "coredump-destroy", "coredump-restart"];
const PLAIN_ACTIONS = 4;

function lifecycleSetting(type: number, action: number): readonly [string, string] {
  const event = LIFECYCLE_TYPES[type];
  const wanted = LIFECYCLE_ACTIONS[action];
  if (event === undefined) throw invalidArgument(`invalid lifecycle type '${type}'`, From.DOMAIN);
  if (wanted === undefined) throw invalidArgument(`invalid lifecycle action '${action}'`, From.DOMAIN);
  if (event !== "crash" && action >= PLAIN_ACTIONS) {
    throw unsupportedConfig(`Lifecycle event '${event}' doesn't support '${wanted}' action`);
  }
  return [`on_${event}`, wanted];
}
