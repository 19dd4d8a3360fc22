import {
  type CallOptions,
  Client,
  ConnectionError,
  isIncurable,
  type KeepaliveOptions,
  type ProgramClient,
  Session,
  type SshPrompts,
  type UnixNative,
} from "virnet";
import { clientAuth, type LibvirtAuth } from "./auth/client-auth.ts";
import { type Destination, findDestination } from "./destination.ts";
import { type CreateOptions, Domain, startFlags } from "./domain.ts";
import type { EventKind } from "./events/event.ts";
import type { EventGroup, Events, EventsOptions, KindsOf } from "./events/subscription.ts";
import { Subscriptions } from "./events/subscriptions.ts";
import { Lxc, type LxcProcedures } from "./gen/lxc.ts";
import { Qemu, type QemuProcedures } from "./gen/qemu.ts";
import { Remote, type RemoteProcedures } from "./gen/remote.ts";
import { type HostInfo, hostInfo } from "./host-info.ts";
import { reach } from "./reach.ts";
import { isSafe, type LibvirtReconnectOptions } from "./reconnect.ts";
import { StoragePool } from "./storage-pool.ts";
import { ownSurroundings } from "./surroundings.ts";
import { parseUuid } from "./uuid.ts";
import { formatVersion } from "./version.ts";

export interface OpenOptions {
  /** Covers all steps up to the open connection, not its life. */
  readonly signal?: AbortSignal;
  /** Asks for a connection that can change nothing. */
  readonly readonly?: boolean;
  /** How a daemon that agrees to it is asked for signs of life; `false`: it only gets answers. */
  readonly keepalive?: KeepaliveOptions | false;
  /** Lets a UNIX socket pass descriptors: `@virnet/native/unix` gives it. Elsewhere it does nothing. */
  readonly unix?: UnixNative;
  /**
   * Says who we are, where the daemon wants to know: `{ user, password }`, or `{ ask }`. Before `ask` the URI and libvirt's
   * auth.conf are looked at.
   */
  readonly auth?: LibvirtAuth;
  /** Connects again when the connection goes; objects and events live on. Not unless given. */
  readonly reconnect?: LibvirtReconnectOptions | boolean;
  /** What is read into, which all connections of one thread may share: see `connect`. */
  readonly buffer?: Uint8Array;
  /** Answers what ssh in process (`+libssh`, `+libssh2`) asks. */
  readonly ssh?: SshPrompts;
}

export interface DomainFilter extends CallOptions {
  /** Only those that run, or only those that don't; both unless given. */
  readonly active?: boolean;
}

/** virDrvFeature numbers that libvirt's own client asks for when it opens (libvirt-rpc §2.22). */
const FEATURE_KEEPALIVE = 10;
const FEATURE_EVENT_CALLBACK = 14;
const FEATURE_CLOSE_CALLBACK = 15;
/** virConnectFlags. */
const OPEN_READONLY = 1;
/** virConnectListAllDomainsFlags. */
const LIST_ACTIVE = 1;
const LIST_INACTIVE = 2;
/** Milliseconds that closing waits for the server's reply to the goodbye. */
const GOODBYE_MS = 2000;

/**
 * A connection to a hypervisor through a libvirt daemon. What has no method of its own is a procedure of `remote`,
 * `qemu` or `lxc`. All methods reject as calls do: `RpcError` when the server says no, `ConnectionError` when the
 * connection ends first, the signal's reason.
 */
export class Libvirt implements AsyncDisposable {
  /** The remote program: every procedure of libvirt's API. */
  readonly remote: ProgramClient<RemoteProcedures>;
  readonly #caller: Client | Session;
  readonly #subscriptions: Subscriptions;
  #uri: string;
  /** Has there been no open connection yet? */
  #isNew = true;

  private constructor(caller: Client | Session, uri: string) {
    this.#caller = caller;
    this.#uri = uri;
    this.remote = caller.program(Remote);
    this.#subscriptions = new Subscriptions(this.remote);
    void caller.closed.then((error) => this.#subscriptions.end(error.reason === "closed" ? undefined : error));
  }

  /**
   * Connects to the daemon that `uri` names and opens the hypervisor there, as virsh does. An alias of libvirt.conf will
   * do, and `null` is the user's default. Rejects with `UriError` when the URI leads nowhere, with `ConnectionError` when
   * nobody answers, with `RpcError` when the server can't open it, of code 45 when it does not let us in, and with the
   * signal's reason.
   */
  static async open(uri: string | null, options: OpenOptions = {}): Promise<Libvirt> {
    if (options.reconnect !== undefined && options.reconnect !== false) return Libvirt.#openSession(uri, options);
    const destination = await destinationOf(uri, options);
    const client = await dial(destination, options);
    try {
      const opened = await openHypervisor(client, destination.uri.name, options);
      const libvirt = new Libvirt(client, opened.uri);
      void libvirt.#enter(client, opened);
      return libvirt;
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  /**
   * As `open` with `reconnect`, but does not wait: calls wait for the connection, and `session.opened` tells of it. The
   * signal ends the session.
   */
  static session(uri: string | null, { signal, ...options }: OpenOptions = {}): Libvirt {
    const { fromStart = false, ...reconnect } = typeof options.reconnect === "object" ? options.reconnect : {};
    const isFinal = reconnect.isFinal ?? isIncurable;
    let name = "";
    const session = new Session({
      isSafe,
      ...reconnect,
      ...(signal && { signal }),
      isFinal: (error) => (libvirt.#isNew && !fromStart) || isFinal(error),
      connect: async (attempt) => {
        const destination = await destinationOf(uri, options);
        name = destination.uri.name;
        return dial(destination, { ...options, signal: attempt });
      },
      open: async (client, attempt) =>
        libvirt.#enter(client, await openHypervisor(client, name, { ...options, signal: attempt })),
      opened: () => {
        libvirt.#isNew = false;
        libvirt.#subscriptions.resync();
      },
      leave: (client, attempt) => client.program(Remote).connectClose(undefined, { signal: attempt }),
    });
    const libvirt = new Libvirt(session, uri ?? "");
    return libvirt;
  }

  static async #openSession(uri: string | null, { signal, ...options }: OpenOptions): Promise<Libvirt> {
    const libvirt = Libvirt.session(uri, options);
    try {
      await libvirt.session?.opened(signal && { signal });
      return libvirt;
    } catch (error) {
      await libvirt.close();
      throw error;
    }
  }

  /** What brings the connection back; `null` without `reconnect`. */
  get session(): Session | null {
    return this.#caller instanceof Session ? this.#caller : null;
  }

  /**
   * The connection beneath, for programs and events of its own: with `reconnect` the one at hand, or the last. Throws
   * `ConnectionError` when there was none yet.
   */
  get client(): Client {
    const client = this.#caller instanceof Session ? this.#caller.client : this.#caller;
    if (client === null) throw new ConnectionError("there has been no connection yet", "error");
    return client;
  }

  /** The URI that the server has opened; until then the one that was given. */
  get uri(): string {
    return this.#uri;
  }

  /** Resolves, never rejects, when the connection has ended for good; the error says why. */
  get closed(): Promise<ConnectionError> {
    return this.#caller.closed;
  }

  /** The QEMU program: monitor and agent commands. */
  get qemu(): ProgramClient<QemuProcedures> {
    return this.#caller.program(Qemu);
  }

  /** The LXC program. */
  get lxc(): ProgramClient<LxcProcedures> {
    return this.#caller.program(Lxc);
  }

  async hostname(options?: CallOptions): Promise<string> {
    return (await this.remote.connectGetHostname(undefined, options)).hostname;
  }

  /** The hypervisor driver's name, such as `QEMU`. */
  async driver(options?: CallOptions): Promise<string> {
    return (await this.remote.connectGetType(undefined, options)).type;
  }

  /** The hypervisor's version, such as `7.2.0`. */
  async version(options?: CallOptions): Promise<string> {
    return formatVersion((await this.remote.connectGetVersion(undefined, options)).hvVer);
  }

  /** The daemon's libvirt version, such as `9.0.0`. */
  async libvirtVersion(options?: CallOptions): Promise<string> {
    return formatVersion((await this.remote.connectGetLibVersion(undefined, options)).libVer);
  }

  /** Capabilities of host and guests, as XML. */
  async capabilities(options?: CallOptions): Promise<string> {
    return (await this.remote.connectGetCapabilities(undefined, options)).capabilities;
  }

  async hostInfo(options?: CallOptions): Promise<HostInfo> {
    return hostInfo(await this.remote.nodeGetInfo(undefined, options));
  }

  async domains(filter: DomainFilter = {}): Promise<Domain[]> {
    const flags = filter.active === undefined ? 0 : filter.active ? LIST_ACTIVE : LIST_INACTIVE;
    const { domains } = await this.remote.connectListAllDomains({ needResults: 1, flags }, filter);
    return domains.map((dom) => new Domain(this.remote, dom));
  }

  async domainByName(name: string, options?: CallOptions): Promise<Domain> {
    return new Domain(this.remote, (await this.remote.domainLookupByName({ name }, options)).dom);
  }

  /** Throws `TypeError` for a text that is no UUID. */
  async domainByUuid(text: string, options?: CallOptions): Promise<Domain> {
    const uuid = parseUuid(text);
    if (uuid === undefined) throw new TypeError(`${JSON.stringify(text)} is no UUID`);
    return new Domain(this.remote, (await this.remote.domainLookupByUuid({ uuid }, options)).dom);
  }

  /** A running domain. */
  async domainById(id: number, options?: CallOptions): Promise<Domain> {
    return new Domain(this.remote, (await this.remote.domainLookupById({ id }, options)).dom);
  }

  /** Defines a domain, or changes the one of that name and UUID. It does not start. */
  async defineDomain(xml: string, options?: CallOptions): Promise<Domain> {
    return new Domain(this.remote, (await this.remote.domainDefineXml({ xml }, options)).dom);
  }

  /** Starts a domain that is forgotten when it stops. */
  async createDomain(xml: string, { files, ...options }: CreateOptions = {}): Promise<Domain> {
    const args = { xmlDesc: xml, flags: startFlags(options) };
    const { dom } =
      files === undefined
        ? await this.remote.domainCreateXml(args, options)
        : await this.remote.domainCreateXmlWithFiles(args, { ...options, descriptors: files });
    return new Domain(this.remote, dom);
  }

  async pools(options?: CallOptions): Promise<StoragePool[]> {
    const { pools } = await this.remote.connectListAllStoragePools({ needResults: 1, flags: 0 }, options);
    return pools.map((pool) => new StoragePool(this.remote, pool));
  }

  async pool(name: string, options?: CallOptions): Promise<StoragePool> {
    return new StoragePool(this.remote, (await this.remote.storagePoolLookupByName({ name }, options)).pool);
  }

  /**
   * Events of the kinds asked for, as one stream of items told apart by `kind`; registered at the server at once, and
   * deregistered when the loop is left. Await its `ready` before causing what it should not miss. Throws `TypeError` and
   * `RangeError` for options that make no sense.
   */
  events<const Name extends EventKind | EventGroup = Exclude<EventKind, "qemu-monitor">>(
    options: EventsOptions<Name> = {},
  ): Events<KindsOf<Name>> {
    return this.#subscriptions.subscribe(options);
  }

  /** Says goodbye and closes; calls in flight reject. A connection that has gone is no error. */
  async close(): Promise<void> {
    try {
      if (this.#caller instanceof Client)
        await this.remote.connectClose(undefined, { signal: AbortSignal.timeout(GOODBYE_MS) }).catch(ignoreGone);
    } finally {
      await this.#caller.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The hypervisor is open over this connection. Resolves when events come over it, too. */
  #enter(client: Client, { uri, callbacks }: Opened): Promise<void> {
    this.#uri = uri;
    return this.#subscriptions.attach(client, { callbacks });
  }
}

async function destinationOf(uri: string | null, { readonly = false }: OpenOptions): Promise<Destination> {
  return findDestination(uri, readonly, await ownSurroundings());
}

/** A connection that is logged in, if the server wants that, and on which nothing else has been said. */
function dial(destination: Destination, options: OpenOptions): Promise<Client> {
  const auth = clientAuth(destination.uri, destination.surroundings, options.auth);
  return reach(destination, { ...options, auth, keepalive: false });
}

interface Opened {
  /** What the server has opened. */
  readonly uri: string;
  /** Does it know callback ids? */
  readonly callbacks: boolean;
}

/** libvirt's own order of calls (libvirt-rpc §2.22). */
async function openHypervisor(client: Client, name: string, options: OpenOptions): Promise<Opened> {
  const { keepalive = {}, readonly = false } = options;
  const remote = client.program(Remote);
  const { supported } = await remote.connectSupportsFeature({ feature: FEATURE_KEEPALIVE }, options);
  if (supported !== 0 && keepalive !== false) client.startKeepalive(keepalive);
  await remote.connectOpen({ name, flags: readonly ? OPEN_READONLY : 0 }, options);
  const uri = name === "" ? (await remote.connectGetUri(undefined, options)).uri : name;
  const callbacks = await remote.connectSupportsFeature({ feature: FEATURE_EVENT_CALLBACK }, options);
  await remote.connectSupportsFeature({ feature: FEATURE_CLOSE_CALLBACK }, options);
  return { uri, callbacks: callbacks.supported !== 0 };
}

/** Gone, or so slow with its reply that it is left without. */
function ignoreGone(error: unknown): void {
  const isLate = error instanceof DOMException && error.name === "TimeoutError";
  if (!(error instanceof ConnectionError) && !isLate) throw error;
}
