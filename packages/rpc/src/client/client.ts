import { Connection } from "../connection/connection.ts";
import type { Descriptors } from "../connection/descriptors.ts";
import { type KeepaliveOptions, keepaliveWith } from "../connection/keepalive.ts";
import { layerSecurity } from "../connection/layer-security.ts";
import { SlabPool } from "../connection/slab-pool.ts";
import type { EventType, Procedure, Program, StreamDirection } from "../program/program.ts";
import { ErrorCode, ErrorDomain, ErrorLevel } from "../protocol/error-code.ts";
import { VirNetMessageError } from "../protocol/gen/net.ts";
import { MAX_DESCRIPTORS } from "../protocol/limits.ts";
import { type MessageHeader, MessageStatus, MessageType } from "../protocol/message.ts";
import { errorFromWire, errorToWire, RpcError } from "../protocol/rpc-error.ts";
import type { ChannelBindingType } from "../sasl/mechanism.ts";
import type { SecurityLayer } from "../sasl/security-layer.ts";
import { ClientWire } from "../stream/client-wire.ts";
import { RpcStream } from "../stream/rpc-stream.ts";
import { StreamTable } from "../stream/stream-table.ts";
import type { Security } from "../tls/security.ts";
import type { Endpoint } from "../transport/address.ts";
import type { Transport } from "../transport/transport.ts";
import { AbortHub } from "../util/abort-hub.ts";
import { ConnectionError, streamLost, undelivered } from "../util/connection-error.ts";
import { deferred } from "../util/deferred.ts";
import { channel, operationChannel } from "../util/diagnostics.ts";
import { nothing } from "../util/nothing.ts";
import { decodeXdr } from "../xdr/type.ts";
import { readUint32 } from "../xdr/words.ts";
import { CallGate } from "./call-gate.ts";
import { EventHub, type EventListener, type EventOptions, type EventStream, type Lagged } from "./event-hub.ts";
import type { ClientCall, ClientInterceptor, SendCall } from "./interceptor.ts";
import { type ClientLimits, clientLimits } from "./limits.ts";
import { type PendingCall, PendingCalls } from "./pending-calls.ts";
import {
  type CallResult,
  type OptionsOf,
  type ProgramClient,
  programClient,
  type StreamOptions,
} from "./program-client.ts";

export interface ClientOptions {
  readonly limits?: Partial<ClientLimits>;
  /**
   * How the server is asked for signs of life; `connect` has it asked every five seconds of silence unless told otherwise,
   * a `Client` made by hand only when told to. With `false` it only gets answers.
   */
  readonly keepalive?: KeepaliveOptions | false;
  /** Stand around every call, the first outermost. */
  readonly interceptors?: readonly ClientInterceptor[];
}

/** `tracing:virnet:client:call:*`, with {@link ClientCall} as the context. */
const callChannel = operationChannel("virnet:client:call");
/** `virnet:client:closed`: `{ client, error }`. */
const closedChannel = channel("virnet:client:closed");

/**
 * The calling side of one connection. Any number of calls may be in flight, of any number of programs; replies come in
 * whatever order the server likes.
 */
export class Client {
  /** Resolves, never rejects, when the connection has ended; the error says why, also when we closed it ourselves. */
  readonly closed: Promise<ConnectionError>;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #transport: Transport;
  #security: Security | null;
  readonly #connection: Connection;
  readonly #limits: ClientLimits;
  readonly #streams: StreamTable<ClientWire>;
  readonly #calls = new PendingCalls(0, (serial) => this.#streams.has(serial));
  readonly #aborts = new AbortHub();
  readonly #gate = new CallGate(() => this.#isFull(), this.#aborts);
  readonly #send: SendCall;
  readonly #events = new EventHub((change) => this.weigh(change));
  /** Held by who uses them: those of libvirt take 50 KiB, which a connection that falls silent need not keep. */
  readonly #programs = new Map<Program<object>, WeakRef<object>>();
  readonly #onClosed: (error: ConnectionError) => void;
  #end: ConnectionError | undefined;

  /** Takes over a connected transport. */
  constructor(transport: Transport, options: ClientOptions = {}) {
    const { promise, resolve } = deferred<ConnectionError>();
    this.closed = promise;
    this.#onClosed = resolve;
    this.local = transport.local;
    this.remote = transport.remote;
    this.#transport = transport;
    this.#security = transport.security ?? null;
    this.#limits = clientLimits(options.limits);
    this.#send = intercepted(options.interceptors ?? [], (call) => this.#traced(call));
    this.#connection = new Connection({
      transport,
      slabs: new SlabPool(),
      limits: this.#limits,
      events: {
        message: (header, bytes, start, end) => this.#receive(header, bytes, start, end),
        ...(transport.descriptors && {
          described: (header, bytes, start, end, descriptors) =>
            this.#receiveWith(descriptors, header, bytes, start, end),
        }),
        partial: (header) => this.#streams.partial(header),
        mark: (kind, serial) => this.#streams.mark(kind, serial),
        ended: () => this.#connection.fail(new ConnectionError("the server closed the connection", "eof")),
        closed: (error) => this.#finish(error),
      },
    });
    this.#streams = new StreamTable({
      port: this.#connection,
      bytes: this.#limits.streamBytes,
      callsWait: () => this.#calls.size > 0,
    });
    this.#connection.start();
    this.#watch(options.keepalive ?? false, true);
  }

  /** How the connection is protected, and the server's certificate; `null` where it isn't. */
  get security(): Security | null {
    return this.#security;
  }

  get encrypted(): boolean {
    return this.security?.encrypted ?? false;
  }

  /** Can calls be made? Nothing brings a client back whose connection has ended. */
  get isOpen(): boolean {
    return this.#end === undefined && this.#connection.isOpen;
  }

  /** Calls that wait for their reply. */
  get pending(): number {
    return this.#calls.size;
  }

  /** Calls that wait to be sent, as enough are on their way. */
  get waiting(): number {
    return this.#gate.size;
  }

  /** Streams, those included whose end the server has yet to confirm. */
  get streams(): number {
    return this.#streams.size;
  }

  /** Bytes of memory that streams' data takes while it waits to be read, and events whose readers block. */
  get streamBytes(): number {
    return this.#streams.intake.queued;
  }

  /** Replies that came after their caller had gone, and were dropped. */
  get lateReplies(): number {
    return this.#calls.late;
  }

  /** Events that came and nobody listened for: of kinds that are not known here, or ended just now. They were dropped. */
  get unheardEvents(): number {
    return this.#events.unheard;
  }

  /** The procedures of a program as methods; the same object each time. */
  program<P extends object>(program: Program<P>): ProgramClient<P> {
    const known = this.#programs.get(program)?.deref();
    // A program maps to nothing but its own client, which the cast recalls.
    if (known !== undefined) return known as ProgramClient<P>;
    const made = programClient(program, (owner, procedure, args, options) =>
      this.call(owner, procedure, args, options),
    );
    this.#programs.set(program, new WeakRef(made));
    return made;
  }

  /**
   * One call. Waits while too many are on their way. Rejects with {@link RpcError} when the server says no,
   * {@link ConnectionError} when the connection ends first (its `delivery` says whether the call may have run), `XdrError` when the reply is broken, `TypeError` or
   * `RangeError` for arguments that can't be sent, and the signal's reason. A procedure that opens a stream gives that
   * too; the stream takes in what comes from the moment the call is sent.
   */
  call<Args, Ret, Stream extends StreamDirection | null>(
    program: Program<object>,
    procedure: Procedure<Args, Ret, Stream>,
    args: Args,
    options?: OptionsOf<Stream>,
  ): Promise<CallResult<Ret, Stream>> {
    // What can be said about calls that open streams includes all that can be said about others.
    const { signal, sparse = false, descriptors, onDescriptors }: StreamOptions = options ?? {};
    const call = { program, procedure, args, signal, sparse, descriptors, onDescriptors };
    // The reply is decoded by this procedure's own codec, so what comes is a Ret, and a stream where one is opened.
    return this.#send(call) as Promise<CallResult<Ret, Stream>>;
  }

  /** Events of one kind, kept from now on and not from the first `next()`. */
  events<T>(type: EventType<T>, options: EventOptions & { readonly overflow: "dropOldest" }): EventStream<T | Lagged>;
  events<T>(type: EventType<T>, options?: EventOptions): EventStream<T>;
  events<T>(type: EventType<T>, options: EventOptions = {}): EventStream<T> {
    const queue = this.#events.subscribe(type, options);
    if (this.#end !== undefined) queue.end(this.#end);
    return queue;
  }

  /**
   * Has `listener` called for each event of one kind, at the moment it comes: what else came with it waits meanwhile. For
   * those who queue events in a way of their own; others want `events`. Returns what ends it.
   */
  listen<T>(type: EventType<T>, listener: EventListener<T>): () => void {
    const off = this.#events.listen(type, listener);
    if (this.#end !== undefined) listener.ended(quietly(this.#end));
    return off;
  }

  /**
   * So many bytes more (less, when negative) of what was listened to wait for a reader who must not miss any: with too many
   * the connection is read no further, as with data of streams.
   */
  weigh(change: number): void {
    if (change !== 0) this.#streams.intake.changed(change);
  }

  /**
   * From now on the server is asked for signs of life, and without them the connection ends with reason `keepalive`. For
   * who has to ask first whether it will answer, and gave `keepalive: false` before. Throws `RangeError` as `connect` does.
   */
  startKeepalive(options: KeepaliveOptions = {}): void {
    this.#watch(options, false);
  }

  /** For `connect`: the same, and the server learns at once that we know keepalive. */
  announceKeepalive(options: KeepaliveOptions | false): void {
    this.#watch(options, true);
  }

  /** For who logs in: a value that ties the login to this connection. */
  channelBinding(type: ChannelBindingType): Uint8Array | null {
    return this.#transport.channelBinding?.(type) ?? null;
  }

  /** For who logs in: one message of that, past interceptors and diagnostics. Behind a good reply nothing is read until `proceed`. */
  logIn<Args, Ret>(
    program: Program<object>,
    procedure: Procedure<Args, Ret>,
    args: Args,
    signal: AbortSignal,
  ): Promise<Ret> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) throw undelivered(this.#end, "not-sent");
      signal.throwIfAborted();
      const good = (ret: unknown): void => {
        this.#connection.hold();
        // Decoded by this very procedure.
        resolve(ret as Ret);
      };
      this.#begin({ program, procedure, args, signal, sparse: false }, good, reject);
    });
  }

  /** For who logs in: reads on. With a layer all that follows is wrapped, in both directions. */
  proceed(layer: SecurityLayer | null, mechanism: string): void {
    if (layer !== null) {
      this.#security = layerSecurity(layer.ssf, mechanism);
      this.#connection.secure(layer);
    }
    this.#connection.release();
  }

  /** Sends what is queued and closes; calls in flight reject. Resolves when the connection has ended. */
  async close(): Promise<void> {
    if (this.#end === undefined) {
      this.#end = new ConnectionError("the client was closed", "closed");
      // What is queued will be sent, so all of it is in doubt.
      this.#rejectAll(this.#end, Number.POSITIVE_INFINITY);
      this.#connection.end();
    }
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #watch(options: KeepaliveOptions | false, announce: boolean): void {
    const keepalive = keepaliveWith(options);
    if (keepalive !== undefined) this.#connection.watch(keepalive, announce);
  }

  #traced(call: ClientCall): Promise<unknown> {
    return callChannel.hasSubscribers ? callChannel.tracePromise(() => this.#start(call), call) : this.#start(call);
  }

  #start(call: ClientCall): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) throw undelivered(this.#end, "not-sent");
      call.signal?.throwIfAborted();
      if (call.procedure.stream !== null && this.#streams.size >= this.#limits.streams)
        throw tooManyStreams(this.#limits);
      if (this.#gate.isOpen) this.#begin(call, resolve, reject);
      else this.#wait(call, resolve, reject);
    });
  }

  /** Throws what the call rejects with when it can't be sent. */
  #begin(call: ClientCall, resolve: (ret: unknown) => void, reject: (reason: unknown) => void): void {
    const { program, procedure, args, signal, descriptors, onDescriptors } = call;
    if (procedure.stream !== null) this.#streams.sayHello();
    const serial = this.#calls.reserve();
    const header = callHeader(program, procedure.number, serial);
    if (descriptors === undefined || descriptors.length === 0)
      this.#connection.send(header, procedure.args, args, procedure.name);
    else this.#sendWith(descriptors, header, call);
    const { position } = this.#connection;
    const off = signal === undefined ? nothing : this.#aborts.on(signal, (reason) => this.#abandon(serial, reason));
    // In the table before the call leaves: data may come before the reply.
    const wire = procedure.stream === null ? undefined : this.#openStream(header, call);
    this.#calls.open({ serial, program, procedure, wire, position, onDescriptors, resolve, reject, off });
    if (this.#streams.intake.isHolding) this.#streams.intake.update();
  }

  #sendWith(descriptors: readonly number[], header: MessageHeader, { procedure, args }: ClientCall): void {
    if (descriptors.length > MAX_DESCRIPTORS)
      throw new RangeError(`${descriptors.length} descriptors, expected at most ${MAX_DESCRIPTORS}`);
    const copies: number[] = [];
    try {
      for (const descriptor of descriptors) copies.push(this.#connection.copy(descriptor));
      const withDescriptors = { ...header, type: MessageType.CALL_WITH_FDS };
      this.#connection.sendWith(copies, withDescriptors, procedure.args, args, procedure.name);
    } catch (error) {
      for (const copy of copies) this.#connection.closeCopy(copy);
      throw error;
    }
  }

  #openStream(header: MessageHeader, { signal, sparse = false }: ClientCall): ClientWire {
    const { program, version, procedure, serial } = header;
    const core = this.#streams.core({ program, version, procedure, serial }, () => off());
    const forget = (): void => this.#streams.remove(wire);
    const wire = new ClientWire({ core, port: this.#connection, isSparse: sparse, forget });
    const off = signal === undefined ? nothing : this.#aborts.on(signal, (reason) => void wire.abort(reason));
    this.#streams.add(wire);
    return wire;
  }

  #wait(call: ClientCall, resolve: (ret: unknown) => void, reject: (reason: unknown) => void): void {
    const start = (): void => {
      try {
        this.#begin(call, resolve, reject);
      } catch (error) {
        reject(error);
      }
    };
    if (this.#gate.size === 0) this.#connection.whenDrained(() => this.#admit());
    this.#gate.wait(start, reject, call.signal);
  }

  /** There may be room for calls that wait: after a reply, and when the server has taken what was sent. */
  #admit(): void {
    if (this.#gate.size === 0 || this.#end !== undefined) return;
    this.#gate.admit();
    if (this.#gate.size > 0 && this.#isCongested()) this.#connection.whenDrained(() => this.#admit());
  }

  #isFull(): boolean {
    return this.#calls.size >= this.#limits.calls || this.#isCongested();
  }

  #isCongested(): boolean {
    return this.#connection.queuedBytes >= this.#limits.queuedBytes;
  }

  #receive(header: MessageHeader, bytes: Uint8Array, start: number, end: number): void {
    // We have closed, and only send what is left: replies of calls that were rejected are no fault of the server.
    if (this.#end !== undefined) return;
    switch (header.type) {
      case MessageType.REPLY:
        return this.#settle(header, bytes, start, end);
      case MessageType.MESSAGE:
        return this.#events.take(header, bytes, start, end);
      case MessageType.STREAM:
      case MessageType.STREAM_HOLE:
        return this.#streams.take(header, bytes, start, end);
      case MessageType.REPLY_WITH_FDS:
        return this.#settle(header, bytes, withoutCount(header, bytes, start, end), end);
      default:
        throw protocolError(`a message of type ${header.type}, which a server does not send`, header);
    }
  }

  #receiveWith(descriptors: Descriptors, header: MessageHeader, bytes: Uint8Array, start: number, end: number): void {
    try {
      if (this.#end !== undefined) return;
      if (header.type !== MessageType.REPLY_WITH_FDS)
        throw protocolError(`a message of type ${header.type}, which a server does not send`, header);
      this.#settle(header, bytes, start, end, descriptors);
    } finally {
      descriptors.close();
    }
  }

  /** Matches by program, version and serial; then the procedure must be the call's (F020, libvirt-rpc §1.4). */
  #settle(header: MessageHeader, bytes: Uint8Array, start: number, end: number, descriptors?: Descriptors): void {
    const call = this.#calls.get(header.serial);
    if (call === undefined || call.program.number !== header.program || call.program.version !== header.version) {
      if (call === undefined && this.#takeUnawaited(header, bytes, start, end)) return;
      throw protocolError("a reply that nobody waits for", header);
    }
    if (call.procedure.number !== header.procedure) {
      throw protocolError(`a reply of another procedure than ${call.procedure.name}`, header);
    }
    this.#calls.settle(header.serial);
    call.off();
    try {
      const ret = outcome(call, header, bytes, start, end);
      if (descriptors !== undefined) call.onDescriptors?.(descriptors);
      call.resolve(ret);
    } catch (error) {
      call.reject(error);
      if (error instanceof ConnectionError) throw error;
    }
    this.#admit();
  }

  /** A reply to a call that was given up, or the one by which libvirtd ends a stream after a bad hole (libvirt-rpc §1.6). */
  #takeUnawaited(header: MessageHeader, bytes: Uint8Array, start: number, end: number): boolean {
    const wire = this.#streams.get(header);
    const isLate = this.#calls.takeLate(header.serial);
    const isError = header.status !== MessageStatus.OK;
    if (isLate && isError) wire?.refused(undefined);
    else if (isLate) wire?.opened();
    else if (wire !== undefined && isError) wire.takeError(bytes, start, end);
    else return false;
    return true;
  }

  #abandon(serial: number, reason: unknown): void {
    const call = this.#calls.get(serial);
    if (call === undefined) return;
    call.reject(reason);
    const bearable = this.#calls.abandon(serial);
    this.#admit();
    if (bearable) return;
    this.#connection.fail(new ConnectionError("the server owes too many replies to abandoned calls", "protocol"));
  }

  #finish(error: ConnectionError): void {
    this.#end ??= error;
    this.#rejectAll(this.#end, this.#connection.given);
    this.#events.endAll(quietly(this.#end));
    this.#onClosed(this.#end);
    if (closedChannel.hasSubscribers) closedChannel.publish({ client: this, error: this.#end });
  }

  /** Calls that end beyond the position `given` were not sent. */
  #rejectAll(reason: ConnectionError, given: number): void {
    const { waiting, pending, streams } = this;
    if (waiting + pending + streams === 0) return;
    const notSent = undelivered(reason, "not-sent");
    const inDoubt = undelivered(reason, "in-doubt");
    this.#gate.refuseAll(notSent);
    this.#calls.rejectAll(({ position }) => (position > given ? notSent : inDoubt));
    this.#streams.loseAll(streamLost(reason));
  }
}

/** What listeners are told of the end: nothing, when it was wanted. */
function quietly(end: ConnectionError): ConnectionError | undefined {
  return end.reason === "closed" ? undefined : end;
}

function intercepted(interceptors: readonly ClientInterceptor[], send: SendCall): SendCall {
  return interceptors.reduceRight((next, interceptor) => interceptor(next), send);
}

function callHeader(program: Program<object>, procedure: number, serial: number): MessageHeader {
  const { number, version } = program;
  return { program: number, version, procedure, type: MessageType.CALL, serial, status: MessageStatus.OK };
}

/** What the call resolves to. Throws what it rejects with, and ends its stream. */
function outcome(call: PendingCall, header: MessageHeader, bytes: Uint8Array, start: number, end: number): unknown {
  const { wire } = call;
  if (wire === undefined) return result(call, header, bytes, start, end);
  if (header.status === MessageStatus.OK) wire.opened();
  try {
    const ret = result(call, header, bytes, start, end);
    return { stream: new RpcStream(wire), ret };
  } catch (error) {
    if (header.status === MessageStatus.OK) void wire.abort(error);
    else wire.refused(error);
    throw error;
  }
}

/** The result in a reply. Throws what the call rejects with. */
function result(call: PendingCall, header: MessageHeader, bytes: Uint8Array, start: number, end: number): unknown {
  const { procedure } = call;
  if (header.status === MessageStatus.OK) return decodeXdr(procedure.ret, bytes, procedure.name, start, end);
  if (header.status !== MessageStatus.ERROR) {
    throw protocolError(`a reply of status ${header.status}, expected ok or error`, header);
  }
  throw sayUnsupported(errorFromWire(decodeXdr(VirNetMessageError, bytes, "error", start, end)));
}

/** Where the result of a reply that may pass descriptors begins, over a connection that can't pass any. */
function withoutCount(header: MessageHeader, bytes: Uint8Array, start: number, end: number): number {
  const count = end - start < COUNT_BYTES ? undefined : readUint32(bytes, start);
  if (count === 0) return start + COUNT_BYTES;
  const what =
    count === undefined ? "no count of descriptors" : `${count} descriptors, which this connection can't pass`;
  throw protocolError(`a reply with ${what}`, header);
}

const COUNT_BYTES = 4;

/** "unknown procedure" of the RPC layer means: this server does not support it (F023). */
function sayUnsupported(error: RpcError): RpcError {
  const byRpc = error.domain === ErrorDomain.RPC || error.domain === ErrorDomain.REMOTE;
  const unknown = error.code === ErrorCode.RPC && error.level === ErrorLevel.ERROR && byRpc;
  if (!unknown || !error.message.startsWith("unknown procedure")) return error;
  return new RpcError(error.message, { ...errorToWire(error), code: ErrorCode.NO_SUPPORT }, { cause: error });
}

function tooManyStreams({ streams }: ClientLimits): RangeError {
  return new RangeError(`${streams} streams are open, which is the limit`);
}

function protocolError(what: string, { program, version, procedure, serial }: MessageHeader): ConnectionError {
  const where = `program 0x${program.toString(16)} version ${version}, procedure ${procedure}, serial ${serial}`;
  return new ConnectionError(`the server sent ${what} (${where})`, "protocol");
}
