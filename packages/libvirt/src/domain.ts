import type { CallOptions, Descriptors, ProgramClient, RpcStream, StreamOptions } from "virnet";
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

export interface CreateOptions extends StartOptions {
  /**
   * Descriptors for the guest's first process (containers), of which copies are passed, in their order. Only over a UNIX socket
   * that was opened with `unix`.
   */
  readonly files?: readonly number[];
}

export interface GraphicsOptions extends CallOptions {
  /** The number of the graphics device; 0 unless given. */
  readonly index?: number;
  /** Lets one in without the device's password. */
  readonly skipAuthentication?: boolean;
}

export interface AssociateOptions extends CallOptions {
  /** The labels of files are to be restored when the guest stops. */
  readonly restore?: boolean;
  /** The files are to be writable for the guest, whatever mode they were opened with. */
  readonly writable?: boolean;
}

export interface ConsoleOptions {
  /** The device's alias, such as `serial0`; the first console unless given. */
  readonly device?: string;
  /** Throws out whoever has the console. */
  readonly force?: boolean;
  /** Refuses a console that can't be had safely by one client only. */
  readonly safe?: boolean;
  /** Aborts the stream, for as long as it lives. */
  readonly signal?: AbortSignal;
}

export interface ChannelOptions {
  /** The channel's name, such as `org.qemu.guest_agent.0`; the first one unless given. */
  readonly name?: string;
  /** Throws out whoever has the channel. */
  readonly force?: boolean;
  /** Aborts the stream, for as long as it lives. */
  readonly signal?: AbortSignal;
}

export interface ScreenshotOptions extends StreamOptions {
  /** The number of the screen; 0 unless given. */
  readonly screen?: number;
}

export interface Screenshot {
  /** The kind of picture, such as `image/png`; `null` when the server does not say. */
  readonly type: string | null;
  readonly image: Uint8Array;
}

/** The largest picture that is taken in, in bytes. */
const MAX_IMAGE_BYTES = 268_435_456;
/** virDomainConsoleFlags; that of channels with the same meaning has the same number. */
const CONSOLE_FORCE = 1;
const CONSOLE_SAFE = 2;
/** Flags of virDomainXMLFlags and virDomainCreateFlags that have options here. */
const XML_SECURE = 1;
const XML_INACTIVE = 2;
const START_PAUSED = 1;
const START_AUTODESTROY = 2;
/** virDomainOpenGraphicsFlags, virDomainFDAssociateFlags. */
const GRAPHICS_SKIPAUTH = 1;
const ASSOCIATE_RESTORE = 1;
const ASSOCIATE_WRITABLE = 2;

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
  async create({ files, ...options }: CreateOptions = {}): Promise<Domain> {
    const args = { dom: this.reference, flags: startFlags(options) };
    const { dom } =
      files === undefined
        ? await this.#remote.domainCreateWithFlags(args, options)
        : await this.#remote.domainCreateWithFiles(args, { ...options, descriptors: files });
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

  /**
   * Its console, in both directions: a stream with `readable` and `writable`. What the guest writes ends when the server
   * hangs up; `finish` and `abort` hang up here.
   */
  async console({ device, force, safe, ...options }: ConsoleOptions = {}): Promise<RpcStream> {
    const flags = (force === true ? CONSOLE_FORCE : 0) | (safe === true ? CONSOLE_SAFE : 0);
    const args = { dom: this.reference, devName: device ?? null, flags };
    return (await this.#remote.domainOpenConsole(args, options)).stream;
  }

  /** A channel to a program in the guest, in both directions, as with {@link console}. */
  async openChannel({ name, force, ...options }: ChannelOptions = {}): Promise<RpcStream> {
    const args = { dom: this.reference, name: name ?? null, flags: force === true ? CONSOLE_FORCE : 0 };
    return (await this.#remote.domainOpenChannel(args, options)).stream;
  }

  /**
   * Joins a connected socket to its screen, as a viewer that has come in there. A copy of `descriptor` is passed, so it may be
   * closed then. Only over a UNIX socket that was opened with `unix`.
   */
  async openGraphics(
    descriptor: number,
    { index, skipAuthentication, ...options }: GraphicsOptions = {},
  ): Promise<void> {
    const args = { dom: this.reference, idx: index ?? 0, flags: skipAuthentication === true ? GRAPHICS_SKIPAUTH : 0 };
    await this.#remote.domainOpenGraphics(args, { ...options, descriptors: [descriptor] });
  }

  /**
   * The descriptor of a socket that is joined to its screen; the caller closes it. Only over a UNIX socket that was opened
   * with `unix`; rejects with `TypeError` where none comes.
   */
  async openGraphicsFd({ index, skipAuthentication, ...options }: GraphicsOptions = {}): Promise<number> {
    const args = { dom: this.reference, idx: index ?? 0, flags: skipAuthentication === true ? GRAPHICS_SKIPAUTH : 0 };
    let descriptor: number | undefined;
    const onDescriptors = (received: Descriptors): void => {
      if (received.size > 0) descriptor = received.take();
    };
    await this.#remote.domainOpenGraphicsFd(args, { ...options, onDescriptors });
    if (descriptor === undefined) throw new TypeError("no descriptor came with the reply");
    return descriptor;
  }

  /**
   * Gives open files a name that disks of the domain can refer to, for as long as this connection lives (since 9.0). Copies
   * are passed. Only over a UNIX socket that was opened with `unix`.
   */
  async associateDescriptors(
    name: string,
    descriptors: readonly number[],
    { restore, writable, ...options }: AssociateOptions = {},
  ): Promise<void> {
    const flags = (restore === true ? ASSOCIATE_RESTORE : 0) | (writable === true ? ASSOCIATE_WRITABLE : 0);
    await this.#remote.domainFdAssociate({ dom: this.reference, name, flags }, { ...options, descriptors });
  }

  /** A picture of its screen. Rejects with `RangeError` for one of more than 256 MiB. */
  async screenshot({ screen = 0, ...options }: ScreenshotOptions = {}): Promise<Screenshot> {
    const args = { dom: this.reference, screen, flags: 0 };
    const { stream, ret } = await this.#remote.domainScreenshot(args, options);
    return { type: ret.mime, image: await collect(stream, MAX_IMAGE_BYTES) };
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

async function collect(stream: RpcStream, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  await stream.drain((bytes) => {
    size += bytes.length;
    if (size > most) throw new RangeError(`the server sends more than ${most} bytes`);
    chunks.push(bytes.slice());
  });
  const all = new Uint8Array(size);
  for (let at = 0; chunks.length > 0; ) {
    const chunk = chunks.shift() ?? new Uint8Array(0);
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
