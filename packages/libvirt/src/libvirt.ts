import {
  type CallOptions,
  type Client,
  ConnectionError,
  type ConnectOptions,
  connect,
  ErrorCode,
  type KeepaliveOptions,
  type ProgramClient,
  RpcError,
} from "virnet";
import { Domain, type StartOptions, startFlags } from "./domain.ts";
import type { EventKind } from "./events/event.ts";
import type { EventGroup, Events, EventsOptions, KindsOf } from "./events/subscription.ts";
import { Subscriptions } from "./events/subscriptions.ts";
import { Lxc, type LxcProcedures } from "./gen/lxc.ts";
import { Qemu, type QemuProcedures } from "./gen/qemu.ts";
import { Remote, RemoteAuthType, type RemoteProcedures } from "./gen/remote.ts";
import { type HostInfo, hostInfo } from "./host-info.ts";
import { StoragePool } from "./storage-pool.ts";
import { parseUri, type Target } from "./uri.ts";
import { parseUuid } from "./uuid.ts";
import { formatVersion } from "./version.ts";

export interface OpenOptions {
  /** Covers all steps up to the open connection, not its life. */
  readonly signal?: AbortSignal;
  /** Asks for a connection that can change nothing. */
  readonly readonly?: boolean;
  /** How a daemon that agrees to it is asked for signs of life; `false`: it only gets answers. */
  readonly keepalive?: KeepaliveOptions | false;
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

/**
 * A connection to a hypervisor through a libvirt daemon. What has no method of its own is a procedure of `remote`,
 * `qemu` or `lxc`. All methods reject as calls do: `RpcError` when the server says no, `ConnectionError` when the
 * connection ends first, the signal's reason.
 */
export class Libvirt implements AsyncDisposable {
  /** The connection beneath, for programs and events of its own. */
  readonly client: Client;
  /** The URI that the server has opened. */
  readonly uri: string;
  /** The remote program: every procedure of libvirt's API. */
  readonly remote: ProgramClient<RemoteProcedures>;

  readonly #subscriptions: Subscriptions;

  private constructor(client: Client, { uri, callbacks }: Opened) {
    this.client = client;
    this.uri = uri;
    this.remote = client.program(Remote);
    this.#subscriptions = new Subscriptions(this.remote);
    void this.#subscriptions.attach(client, { callbacks });
    void client.closed.then((error) => this.#subscriptions.end(error.reason === "closed" ? undefined : error));
  }

  /**
   * Connects to the daemon that `uri` names and opens the hypervisor there, as virsh does. Rejects with
   * `UriError` when the URI leads nowhere, with `ConnectionError` when nobody answers or an authentication is
   * wanted that this client lacks, with `RpcError` when the server can't open it, and with the signal's reason.
   */
  static async open(uri: string, options: OpenOptions = {}): Promise<Libvirt> {
    const readonly = options.readonly ?? false;
    const target = parseUri(uri, readonly, { uid: process.getuid?.(), runtimeDir: process.env["XDG_RUNTIME_DIR"] });
    const client = await connect(target.address, { ...options, ...(await tlsOf(target)), keepalive: false });
    try {
      return new Libvirt(client, await openHypervisor(client, target.name, readonly, options));
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  /** Resolves, never rejects, when the connection has ended; the error says why. */
  get closed(): Promise<ConnectionError> {
    return this.client.closed;
  }

  /** The QEMU program: monitor and agent commands. */
  get qemu(): ProgramClient<QemuProcedures> {
    return this.client.program(Qemu);
  }

  /** The LXC program. */
  get lxc(): ProgramClient<LxcProcedures> {
    return this.client.program(Lxc);
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
  async createDomain(xml: string, options: StartOptions = {}): Promise<Domain> {
    const args = { xmlDesc: xml, flags: startFlags(options) };
    return new Domain(this.remote, (await this.remote.domainCreateXml(args, options)).dom);
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
    await this.remote.connectClose().catch(ignoreGone);
    await this.client.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** The credentials that a URI asks for. What TLS needs is loaded by those who use it. */
async function tlsOf({ tls }: Target): Promise<Pick<ConnectOptions, "tls">> {
  if (tls === undefined) return {};
  const { pkiFiles } = await import("virnet/tls");
  const { pkipath, sanity, verify, priority } = tls;
  return { tls: { ...(await pkiFiles(pkipath, "client", { sanity })), verify, priority } };
}

interface Opened {
  /** What the server has opened. */
  readonly uri: string;
  /** Does it know callback ids? */
  readonly callbacks: boolean;
}

/** libvirt's own order of calls (libvirt-rpc §2.22). */
async function openHypervisor(client: Client, name: string, readonly: boolean, options: OpenOptions): Promise<Opened> {
  const remote = client.program(Remote);
  await refuseAuthentication(client, options);
  const { supported } = await remote.connectSupportsFeature({ feature: FEATURE_KEEPALIVE }, options);
  const { keepalive = {} } = options;
  if (supported !== 0 && keepalive !== false) client.startKeepalive(keepalive);
  await remote.connectOpen({ name, flags: readonly ? OPEN_READONLY : 0 }, options);
  const uri = name === "" ? (await remote.connectGetUri(undefined, options)).uri : name;
  const callbacks = await remote.connectSupportsFeature({ feature: FEATURE_EVENT_CALLBACK }, options);
  await remote.connectSupportsFeature({ feature: FEATURE_CLOSE_CALLBACK }, options);
  return { uri, callbacks: callbacks.supported !== 0 };
}

/** A server that does not know the question, and one that lists nothing, wants no authentication (libvirt-rpc §2.5). */
async function refuseAuthentication(client: Client, options: CallOptions): Promise<void> {
  const offered = await client
    .program(Remote)
    .authList(undefined, options)
    .then(({ types }) => types, noneWhenUnknown);
  const wanted = offered[0] ?? RemoteAuthType.NONE;
  if (wanted === RemoteAuthType.NONE) return;
  const name = Object.entries(RemoteAuthType)
    .find(([, number]) => number === wanted)?.[0]
    .toLowerCase();
  throw new ConnectionError(
    `the server wants ${name ?? `authentication ${wanted}`}, which this client lacks`,
    "closed",
  );
}

function noneWhenUnknown(error: unknown): number[] {
  if (error instanceof RpcError && error.code === ErrorCode.NO_SUPPORT) return [];
  throw error;
}

function ignoreGone(error: unknown): void {
  if (!(error instanceof ConnectionError)) throw error;
}
