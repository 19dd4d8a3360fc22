import type { AuthBinding } from "../connection/auth-binding.ts";
import { type KeepaliveOptions, keepaliveWith } from "../connection/keepalive.ts";
import { SlabPool } from "../connection/slab-pool.ts";
import type { EventType, Program } from "../program/program.ts";
import type { ListenAddress } from "../transport/listen.ts";
import type { Transport } from "../transport/transport.ts";
import { ConnectionError } from "../util/connection-error.ts";
import { channel } from "../util/diagnostics.ts";
import { nothing } from "../util/nothing.ts";
import { abortable } from "../util/signals.ts";
import type { ServerAuth } from "./auth-demand.ts";
import type { AuthGate } from "./auth-gate.ts";
import { Dispatcher, type HandlerFailure } from "./dispatcher.ts";
import type { Handlers, ServerInterceptor } from "./handlers.ts";
import { type ServerLimits, serverLimits } from "./limits.ts";
import { type ClientHost, ServerClient } from "./server-client.ts";
import { openService, type Service, type ServiceOptions } from "./service.ts";
import { SharedEvent } from "./shared-event.ts";

export interface ServerKeepaliveOptions extends KeepaliveOptions {
  /**
   * When it begins for a client: `sign`, the default, with the first message of the keepalive program that comes from it;
   * `request` only when a handler calls `startKeepalive` of that client, as in libvirt.
   */
  readonly start?: "sign" | "request";
}

export interface ServerOptions {
  /** For people: what logs and administrators call it. */
  readonly name: string;
  readonly limits?: Partial<ServerLimits>;
  /**
   * The procedures that clients log in with: `remoteAuth` of `@virnet/libvirt` for a libvirt daemon. Unless given, services with
   * `auth` serve a small program of their own for it. They are answered by the server, also where a program has handlers for them.
   */
  readonly authBinding?: AuthBinding;
  /** How clients that know the keepalive program are looked after; `false`: not at all, they only get answers. */
  readonly keepalive?: ServerKeepaliveOptions | false;
  /** Stand around every handler, the first outermost. */
  readonly interceptors?: readonly ServerInterceptor[];
  /** A handler failed with something else than an `RpcError`; the peer was told "internal error". `console.error` unless given. */
  readonly onHandlerError?: (failure: HandlerFailure) => void;
  /** A listening socket had an error, and goes on. `console.error` unless given. */
  readonly onServiceError?: (error: ConnectionError) => void;
}

export interface CloseOptions {
  /** Ends the wait for calls being worked on: their clients are disconnected then. 30 s unless given (F141). */
  readonly signal?: AbortSignal;
}

/** As long as libvirtd waits for its workers when it quits (F141). */
const CLOSE_MS = 30_000;

/** `virnet:server:client:opened`: `{ server, client }`. */
const openedChannel = channel("virnet:server:client:opened");
/** `virnet:server:client:closed`: `{ server, client, error }`. */
const closedChannel = channel("virnet:server:client:closed");

/** Programs, the services where clients reach them, and the clients that are there. */
export class Server {
  readonly name: string;
  readonly #dispatcher: Dispatcher;
  readonly #host: ClientHost;
  readonly #services = new Set<Service>();
  readonly #clients = new Map<number, ServerClient>();
  readonly #authBinding: AuthBinding | undefined;
  readonly #onServiceError: (error: ConnectionError) => void;
  #nextId = 1;
  #closing: Promise<void> | undefined;
  #reloading: Promise<void> = Promise.resolve();

  constructor(options: ServerOptions) {
    this.name = options.name;
    const { keepalive = {} } = options;
    const dispatcher = new Dispatcher(options.interceptors ?? [], options.onHandlerError ?? logHandlerFailure);
    this.#dispatcher = dispatcher;
    this.#host = {
      slabs: new SlabPool(),
      limits: serverLimits(options.limits),
      dispatch: (client, header, bytes, start, end) => dispatcher.dispatch(client, header, bytes, start, end),
      dispatchWith: (...message) => dispatcher.dispatchWith(...message),
      keepalive: keepaliveWith(keepalive),
      keepaliveBySign: keepalive !== false && keepalive.start !== "request",
      onEnd: (client, error) => this.#forget(client, error),
    };
    this.#authBinding = options.authBinding;
    if (options.authBinding !== undefined) this.#dispatcher.bindAuth(options.authBinding);
    this.#onServiceError = options.onServiceError ?? ((error) => console.error(`${this.name}: ${error.message}`));
  }

  /** The clients connected now. */
  get clients(): Iterable<ServerClient> {
    return this.#clients.values();
  }

  /**
   * Serves a program to all clients, present and future. Throws `TypeError` for one that is served already, and for a
   * handler that belongs to no procedure.
   */
  add<P extends object>(program: Program<P>, handlers: Handlers<P>): this {
    this.#dispatcher.add(program, handlers);
    return this;
  }

  /** Accepts clients at `address` from now on. Rejects with {@link ConnectionError} when it can't. */
  async listen(address: ListenAddress, options: ServiceOptions = {}): Promise<Service> {
    this.#refuseWhenClosing();
    const gate = await this.#gateOf(options);
    const accept = (transport: Transport): void => void this.accept(transport, gate);
    const log = (line: string): void => console.error(`${this.name}: ${line}`);
    const service = await openService(address, { ...options, accept, error: this.#onServiceError, log });
    this.#services.add(service);
    if (this.#closing !== undefined) await service.close();
    this.#refuseWhenClosing();
    return service;
  }

  /**
   * Reads the files of all TLS services again, without a restart. Should any of them not do, it rejects with why, and
   * all services keep what they have; connections that are there go on in any case (F111).
   */
  async reloadTls(): Promise<void> {
    // One after another: of two at once, the one that read first may be ready last.
    const reload = this.#reloading.then(() => this.#reloadTls());
    this.#reloading = reload.catch(nothing);
    await reload;
  }

  async #reloadTls(): Promise<void> {
    const tls = [...this.#services].flatMap(({ prepareReload }) => prepareReload ?? []);
    if (tls.length === 0) throw new TypeError(`${this.name} has no service with TLS`);
    for (const use of await Promise.all(tls.map((prepare) => prepare()))) use();
  }

  /**
   * Serves a connected transport of the caller's own making, as if it had come in through a service. Everybody who comes so is
   * let in, unless there is a `gate` from {@link openGate}.
   */
  accept(transport: Transport, gate?: AuthGate): ServerClient | undefined {
    if (this.#closing !== undefined || this.#clients.size >= this.#host.limits.clients) {
      transport.start(deaf);
      transport.destroy(new ConnectionError("the server takes no further client", "closed"));
      return undefined;
    }
    const client = new ServerClient(this.#host, this.#nextId++, transport, gate);
    this.#clients.set(client.id, client);
    if (openedChannel.hasSubscribers) openedChannel.publish({ server: this, client });
    return client;
  }

  /** Sends an event, encoded once, to every client that `wanted` picks, all unless given. Throws as `ServerClient.emit` does. */
  broadcast<T>(type: EventType<T>, payload: T, wanted: (client: ServerClient) => boolean = everyone): void {
    const event = new SharedEvent(type, payload);
    for (const client of this.#clients.values()) if (wanted(client)) client.emitShared(event);
  }

  /** Accepts nobody any more, lets calls at hand be answered and sent, then closes. The same wait for all who call it. */
  close(options: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options.signal ?? AbortSignal.timeout(CLOSE_MS));
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#services].map((service) => service.close()));
    const gone = [...this.#clients.values()].map((client) => {
      client.close();
      return client.closed;
    });
    await abortable(Promise.all(gone), signal).catch(() => this.#disconnectAll());
  }

  #forget(client: ServerClient, error: ConnectionError): void {
    this.#clients.delete(client.id);
    if (closedChannel.hasSubscribers) closedChannel.publish({ server: this, client, error });
  }

  #disconnectAll(): void {
    for (const client of this.#clients.values()) {
      client.disconnect(new ConnectionError(`${this.name} was closed`, "closed"));
    }
  }

  /** A gate for {@link accept}, for transports that no `listen` has accepted: its clients have to log in. */
  async openGate(auth: ServerAuth): Promise<AuthGate> {
    const [{ AuthGate: Gate }, { ownAuth }] = await Promise.all([
      import("./auth-gate.ts"),
      import("../connection/auth-binding.ts"),
    ]);
    this.#dispatcher.bindAuth(this.#authBinding ?? ownAuth);
    return new Gate(auth);
  }

  /** What a login needs is loaded by services that demand one. */
  async #gateOf({ auth }: ServiceOptions): Promise<AuthGate | undefined> {
    return auth === undefined ? undefined : this.openGate(auth);
  }

  #refuseWhenClosing(): void {
    if (this.#closing !== undefined) throw new ConnectionError(`${this.name} is closed`, "closed");
  }
}

function everyone(): boolean {
  return true;
}

function logHandlerFailure({ error, client, procedure }: HandlerFailure): void {
  console.error(`${procedure} for client ${client.id} failed:`, error);
}

const deaf = { receive() {}, ended() {}, closed() {} };
