import type { CallOptions, ProgramClient } from "virnet";
import { VirDomainState } from "./gen/enums.ts";
import type { RemoteNonnullDomain, RemoteProcedures } from "./gen/remote.ts";
import { formatUuid } from "./uuid.ts";

/** A domain's state by name: virDomainState without its prefix, in lower case. */
export type DomainState = Lowercase<keyof typeof VirDomainState>;

/** What a domain is doing. */
export interface DomainStatus {
  /** `unknown` for a number that this version of libvirt's list lacks. */
  readonly state: DomainState | "unknown";
  readonly number: number;
  /** Why, as the number of the state's own list of reasons. */
  readonly reason: number;
}

export interface DomainInfo {
  readonly state: DomainState | "unknown";
  /** KiB. */
  readonly maxMemory: bigint;
  /** KiB. */
  readonly memory: bigint;
  readonly vcpus: number;
  /** Nanoseconds of processor time used so far. */
  readonly cpuTime: bigint;
}

export interface XmlOptions extends CallOptions {
  /** With passwords and other secrets; needs a connection that may write. */
  readonly secure?: boolean;
  /** What the domain will be at its next start, not what it is now. */
  readonly inactive?: boolean;
}

export interface StartOptions extends CallOptions {
  readonly paused?: boolean;
  /** Destroys the domain when this connection ends. */
  readonly autodestroy?: boolean;
}

/** Flags of virDomainXMLFlags and virDomainCreateFlags that have options here. */
const XML_SECURE = 1;
const XML_INACTIVE = 2;
const START_PAUSED = 1;
const START_AUTODESTROY = 2;

/**
 * A domain (a virtual machine) of one connection. It holds names, not state: every method asks the server.
 * All methods reject as calls do: `RpcError` when the server says no, `ConnectionError`, the signal's reason.
 */
export class Domain {
  readonly name: string;
  /** Text form. */
  readonly uuid: string;
  /** The number that a running domain had when this object was made; `null` for one that was not running. */
  readonly id: number | null;
  /** What calls of `remote` take as their `dom`. */
  readonly reference: RemoteNonnullDomain;
  readonly #remote: ProgramClient<RemoteProcedures>;

  constructor(remote: ProgramClient<RemoteProcedures>, dom: RemoteNonnullDomain) {
    this.#remote = remote;
    this.reference = dom;
    this.name = dom.name;
    this.uuid = formatUuid(dom.uuid);
    this.id = dom.id < 0 ? null : dom.id;
  }

  async state(options?: CallOptions): Promise<DomainStatus> {
    const { state, reason } = await this.#remote.domainGetState({ dom: this.reference, flags: 0 }, options);
    return { state: domainStateName(state), number: state, reason };
  }

  async info(options?: CallOptions): Promise<DomainInfo> {
    const info = await this.#remote.domainGetInfo({ dom: this.reference }, options);
    return {
      state: domainStateName(info.state),
      maxMemory: info.maxMem,
      memory: info.memory,
      vcpus: info.nrVirtCpu,
      cpuTime: info.cpuTime,
    };
  }

  async xml(options: XmlOptions = {}): Promise<string> {
    const flags = (options.secure === true ? XML_SECURE : 0) | (options.inactive === true ? XML_INACTIVE : 0);
    return (await this.#remote.domainGetXmlDesc({ dom: this.reference, flags }, options)).xml;
  }

  async isActive(options?: CallOptions): Promise<boolean> {
    return (await this.#remote.domainIsActive({ dom: this.reference }, options)).active !== 0;
  }

  async isPersistent(options?: CallOptions): Promise<boolean> {
    return (await this.#remote.domainIsPersistent({ dom: this.reference }, options)).persistent !== 0;
  }

  async autostart(options?: CallOptions): Promise<boolean> {
    return (await this.#remote.domainGetAutostart({ dom: this.reference }, options)).autostart !== 0;
  }

  async setAutostart(autostart: boolean, options?: CallOptions): Promise<void> {
    await this.#remote.domainSetAutostart({ dom: this.reference, autostart: autostart ? 1 : 0 }, options);
  }

  /** Starts a defined domain. Gives the domain as it is then, with its id. */
  async create(options: StartOptions = {}): Promise<Domain> {
    const flags = startFlags(options);
    const { dom } = await this.#remote.domainCreateWithFlags({ dom: this.reference, flags }, options);
    return new Domain(this.#remote, dom);
  }

  /** Stops its processors; memory stays. */
  async suspend(options?: CallOptions): Promise<void> {
    await this.#remote.domainSuspend({ dom: this.reference }, options);
  }

  async resume(options?: CallOptions): Promise<void> {
    await this.#remote.domainResume({ dom: this.reference }, options);
  }

  /** Asks the guest to shut down; resolves when it has been asked, not when it is off. */
  async shutdown(options?: CallOptions): Promise<void> {
    await this.#remote.domainShutdown({ dom: this.reference }, options);
  }

  /** Asks the guest to reboot. */
  async reboot(options?: CallOptions): Promise<void> {
    await this.#remote.domainReboot({ dom: this.reference, flags: 0 }, options);
  }

  /** Cuts its power. */
  async destroy(options?: CallOptions): Promise<void> {
    await this.#remote.domainDestroy({ dom: this.reference }, options);
  }

  /** Forgets its definition; a running one becomes transient. */
  async undefine(options?: CallOptions): Promise<void> {
    await this.#remote.domainUndefine({ dom: this.reference }, options);
  }
}

export function startFlags({ paused, autodestroy }: StartOptions): number {
  return (paused === true ? START_PAUSED : 0) | (autodestroy === true ? START_AUTODESTROY : 0);
}

export function domainStateName(state: number): DomainState | "unknown" {
  for (const [name, number] of Object.entries(VirDomainState)) {
    // The keys of an object literal are known; Object.entries forgets them.
    if (number === state) return name.toLowerCase() as DomainState;
  }
  return "unknown";
}
