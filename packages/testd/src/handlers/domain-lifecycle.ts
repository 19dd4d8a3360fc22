import { formatDomain, nameOf } from "../domain/definition.ts";
import { type Domain, State } from "../domain/domain.ts";
import {
  create,
  define,
  destroy,
  Lifecycle,
  Reason,
  reboot,
  rename,
  reset,
  resume,
  shutdown,
  start,
  stop,
  suspend,
  tell,
  undefine,
} from "../domain/lifecycle.ts";
import { parseDomain } from "../domain/parse.ts";
import { badArgument, Code, From, failure, onlyFlags, operationInvalid, xmlError } from "../failure.ts";
import type { Session } from "../session.ts";
import type { SessionHandlers } from "./session-handlers.ts";
import { bit, domainOf, domainRef } from "./wire.ts";

const VALIDATE_DEFINE = 1;
const VALIDATE_START = 16;
const GRACEFUL = 1;
const DUMP_CRASH = 1;
const BYPASS_CACHE = 1;
const SAVE_RUNNING = 2;
const SAVE_PAUSED = 4;
const DUMP_FORMATS = 5;
const XML_SECURE = 1;
/** virDomainUndefineFlagsValues. */
const Undefine = { MANAGED_SAVE: 1, SNAPSHOTS_METADATA: 2, NVRAM: 4, CHECKPOINTS_METADATA: 16 } as const;

/** Everything that makes a domain come, run, stop and go. */
export const domainLifecycleHandlers: SessionHandlers = {
  domainCreateXml: ({ xmlDesc, flags }, { hypervisor }) => {
    onlyFlags(flags, VALIDATE_START, "testDomainCreateXML");
    return { dom: domainRef(create(hypervisor, parseDomain(xmlDesc)).handle) };
  },
  // The test driver has no use for the files, whose descriptors are closed when the call is answered.
  domainCreateXmlWithFiles: ({ xmlDesc, flags }, { hypervisor }) => {
    onlyFlags(flags, VALIDATE_START, "testDomainCreateXML");
    return { dom: domainRef(create(hypervisor, parseDomain(xmlDesc)).handle) };
  },
  domainDefineXml: ({ xml }, { hypervisor }) => ({ dom: domainRef(define(hypervisor, parseDomain(xml)).handle) }),
  domainDefineXmlFlags: ({ xml, flags }, { hypervisor }) => {
    onlyFlags(flags, VALIDATE_DEFINE, "testDomainDefineXMLFlags");
    return { dom: domainRef(define(hypervisor, parseDomain(xml)).handle) };
  },
  domainUndefine: ({ dom }, session) => undefineWith(session, domainOf(session, dom), 0),
  domainUndefineFlags: ({ dom, flags }, session) => {
    const known = Undefine.MANAGED_SAVE | Undefine.SNAPSHOTS_METADATA | Undefine.NVRAM | Undefine.CHECKPOINTS_METADATA;
    onlyFlags(flags, known, "testDomainUndefineFlags");
    undefineWith(session, domainOf(session, dom), flags);
  },
  domainCreate: ({ dom }, session) => start(session.hypervisor, domainOf(session, dom)),
  domainCreateWithFlags: ({ dom, flags }, session) => {
    onlyFlags(flags, 0, "testDomainCreateWithFlags");
    const domain = domainOf(session, dom);
    start(session.hypervisor, domain);
    return { dom: domainRef(domain.handle) };
  },
  domainCreateWithFiles: ({ dom, flags }, session) => {
    onlyFlags(flags, 0, "testDomainCreateWithFlags");
    const domain = domainOf(session, dom);
    start(session.hypervisor, domain);
    return { dom: domainRef(domain.handle) };
  },
  domainDestroy: ({ dom }, session) => destroy(session.hypervisor, domainOf(session, dom)),
  domainDestroyFlags: ({ dom, flags }, session) => {
    onlyFlags(flags, GRACEFUL, "testDomainDestroyFlags");
    destroy(session.hypervisor, domainOf(session, dom));
  },
  domainSuspend: ({ dom }, session) => suspend(session.hypervisor, domainOf(session, dom)),
  domainResume: ({ dom }, session) => resume(session.hypervisor, domainOf(session, dom)),
  domainShutdown: ({ dom }, session) => shutdown(session.hypervisor, domainOf(session, dom)),
  domainShutdownFlags: ({ dom, flags }, session) => {
    onlyFlags(flags, 0, "testDomainShutdownFlags");
    shutdown(session.hypervisor, domainOf(session, dom));
  },
  // How to reboot makes no difference to a guest that isn't there.
  domainReboot: ({ dom }, session) => reboot(session.hypervisor, domainOf(session, dom)),
  domainReset: ({ dom, flags }, session) => {
    onlyFlags(flags, 0, "testDomainReset");
    reset(domainOf(session, dom));
  },
  domainRename: ({ dom, newName, flags }, session) => {
    onlyFlags(flags, 0, "testDomainRename");
    if (newName === null) {
      throw badArgument("new_name in virDomainRename must not be NULL", "virDomainRename", "new_name");
    }
    const domain = domainOf(session, dom);
    if (domain.active) throw operationInvalid("cannot rename active domain");
    if (newName === "" || newName.includes("/")) throw xmlError(`name ${newName} cannot contain '/'`, From.DOMAIN);
    rename(session.hypervisor, domain, newName);
    return { retcode: 0 };
  },
  domainManagedSave: ({ dom, flags }, session) => {
    onlyFlags(flags, BYPASS_CACHE | SAVE_RUNNING | SAVE_PAUSED, "testDomainManagedSave");
    const domain = domainOf(session, dom);
    domain.running();
    if (!domain.persistent) throw operationInvalid("cannot do managed save for transient domain");
    stop(session.hypervisor, domain, Reason.SHUTOFF_SAVED, Lifecycle.STOPPED_SAVED);
    domain.managedSave = true;
  },
  domainHasManagedSaveImage: ({ dom, flags }, session) => {
    onlyFlags(flags, 0, "testDomainHasManagedSaveImage");
    return { result: bit(domainOf(session, dom).managedSave) };
  },
  domainManagedSaveRemove: ({ dom, flags }, session) => {
    onlyFlags(flags, 0, "testDomainManagedSaveRemove");
    domainOf(session, dom).managedSave = false;
  },
  domainSave: ({ dom, to }, session) => save(session, domainOf(session, dom), to),
  domainSaveFlags: ({ dom, to, dxml, flags }, session) => {
    onlyFlags(flags, 0, "testDomainSaveFlags");
    refuseXml(dxml);
    save(session, domainOf(session, dom), to);
  },
  domainRestore: ({ from }, session) => restore(session, from),
  domainRestoreFlags: ({ from, dxml, flags }, session) => {
    onlyFlags(flags, 0, "testDomainRestoreFlags");
    refuseXml(dxml);
    restore(session, from);
  },
  domainSaveImageGetXmlDesc: ({ file, flags }, { images }) => {
    onlyFlags(flags, XML_SECURE, "testDomainSaveImageGetXMLDesc");
    return { xml: formatDomain(images.load(file), { secure: (flags & XML_SECURE) !== 0 }) };
  },
  domainSaveImageDefineXml: ({ file, dxml, flags }, { images }) => {
    onlyFlags(flags, SAVE_RUNNING | SAVE_PAUSED, "testDomainSaveImageDefineXML");
    images.load(file);
    images.save(file, parseDomain(dxml));
  },
  domainCoreDump: ({ dom, flags }, session) => coreDump(session, domainOf(session, dom), flags),
  domainCoreDumpWithFormat: ({ dom, dumpformat, flags }, session) => {
    if (dumpformat < 0 || dumpformat >= DUMP_FORMATS) {
      const api = "virDomainCoreDumpWithFormat";
      throw badArgument(`dumpformat '${dumpformat}' is not supported`, api, "dumpformat");
    }
    if (dumpformat !== 0)
      throw failure(Code.OPERATION_UNSUPPORTED, From.TEST, "kdump-compressed format is not supported");
    coreDump(session, domainOf(session, dom), flags);
  },
};

function undefineWith({ hypervisor }: Session, domain: Domain, flags: number): void {
  if (!domain.persistent) throw operationInvalid("cannot undefine transient domain");
  if (domain.managedSave && (flags & Undefine.MANAGED_SAVE) === 0) {
    throw operationInvalid("Refusing to undefine while domain managed save image exists");
  }
  if (!domain.active) dropMoments(domain, flags);
  domain.managedSave = false;
  undefine(hypervisor, domain);
}

/** Snapshots and checkpoints must not be lost unasked. */
function dropMoments({ snapshots, checkpoints }: Domain, flags: number): void {
  if (snapshots.size > 0 && (flags & Undefine.SNAPSHOTS_METADATA) === 0) {
    throw operationInvalid(`cannot delete inactive domain with ${snapshots.size} snapshots`);
  }
  if (checkpoints.size > 0 && (flags & Undefine.CHECKPOINTS_METADATA) === 0) {
    throw operationInvalid(`cannot delete inactive domain with ${checkpoints.size} checkpoints`);
  }
}

function refuseXml(dxml: string | null): void {
  if (dxml !== null) throw failure(Code.ARGUMENT_UNSUPPORTED, From.TEST, "xml modification unsupported");
}

function save({ hypervisor, images }: Session, domain: Domain, to: string): void {
  images.save(to, domain.running());
  stop(hypervisor, domain, Reason.SHUTOFF_SAVED, Lifecycle.STOPPED_SAVED);
}

function restore({ hypervisor, images }: Session, from: string): void {
  const definition = images.load(from);
  const known = hypervisor.domains.all().some(({ name }) => name === nameOf(definition));
  const domain = hypervisor.domains.create(definition);
  domain.start(hypervisor.domains.nextId(), State.RUNNING, Reason.RUNNING_RESTORED, definition);
  if (!known) domain.unconfigure();
  tell(hypervisor, domain, Lifecycle.STARTED_RESTORED);
}

function coreDump({ hypervisor }: Session, domain: Domain, flags: number): void {
  onlyFlags(flags, DUMP_CRASH, "testDomainCoreDumpWithFormat");
  domain.running();
  if ((flags & DUMP_CRASH) !== 0) stop(hypervisor, domain, Reason.SHUTOFF_CRASHED, Lifecycle.STOPPED_CRASHED);
}
