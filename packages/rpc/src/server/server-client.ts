/* oxlint-disable eslint/no-unused-private-class-members -- it overlooks what the class within uses */
import { Connection, type ConnectionEvents } from "../connection/connection.ts";
import type { Descriptors } from "../connection/descriptors.ts";
import type { Keepalive } from "../connection/keepalive.ts";
import { layerSecurity } from "../connection/layer-security.ts";
import { RequestWindow } from "../connection/request-window.ts";
import type { SlabPool } from "../connection/slab-pool.ts";
import type { EventType } from "../program/program.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import type { PieceSink } from "../protocol/framer.ts";
import { VirNetMessageError } from "../protocol/gen/net.ts";
import type { MarkKind } from "../protocol/mark.ts";
import { type MessageHeader, MessageStatus, MessageType } from "../protocol/message.ts";
import { errorToWire, RpcError } from "../protocol/rpc-error.ts";
import type { ChannelBindingType } from "../sasl/mechanism.ts";
import { ServerWire } from "../stream/server-wire.ts";
import { StreamTable } from "../stream/stream-table.ts";
import type { Security } from "../tls/security.ts";
import type { Endpoint } from "../transport/address.ts";
import type { Transport } from "../transport/transport.ts";
import type { UnixIdentity } from "../transport/unix-native.ts";
import { ConnectionError } from "../util/connection-error.ts";
import { type Deferred, deferred } from "../util/deferred.ts";
import { channel } from "../util/diagnostics.ts";
import type { XdrType } from "../xdr/type.ts";
import type { AuthGate } from "./auth-gate.ts";
import type { AuthSession } from "./auth-session.ts";
import { type CallDescriptors, noDescriptors, PassedDescriptors } from "./call-descriptors.ts";
import type { Call } from "./handlers.ts";
import type { ServerLimits } from "./limits.ts";
import { eventHeader, type SharedEvent } from "./shared-event.ts";
import { StreamAnswer, serialInUse } from "./stream-call.ts";

/** With this much waiting for a client, its next calls wait too. */
const CONGESTED_BYTES = 1_048_576;

/** A message of a login at its largest: 65536 characters of four bytes, a mechanism's name, and some room. */
const LOGIN_FRAME_BYTES = 524_288;

/** `virnet:server:event`: `{ client, type, payload }`, for each client that an event is sent to. */
const eventChannel = channel("virnet:server:event");

/** Works on one message of a client; the bytes are lent until it returns. */
export type Dispatch = (
  client: ServerClient,
  header: MessageHeader,
  bytes: Uint8Array,
  start: number,
  end: number,
) => void;

/** Works on one message that came with descriptors. */
export type DispatchWith = (descriptors: Descriptors, ...message: Parameters<Dispatch>) => void;

/** The server of a client: what all its clients share. */
export interface ClientHost {
  readonly slabs: SlabPool;
  readonly limits: ServerLimits;
  readonly dispatch: Dispatch;
  readonly dispatchWith: DispatchWith;
  /** Looks after clients that know the keepalive program; `undefined` when nobody does. */
  readonly keepalive: Keepalive | undefined;
  /** Is a message of that program enough to show that the client knows it? */
  readonly keepaliveBySign: boolean;
  /** Called once for each client, when it has gone. */
  readonly onEnd: (client: ServerClient, error: ConnectionError) => void;
}

/** Who a client has proved to be; what it has not is `null`. */
export interface ClientIdentity {
  /** The name in its certificate, in the text form of allow-lists; `null` for one that only `verify: false` has let pass. */
  readonly x509DistinguishedName: string | null;
  /** The process at the other end of a UNIX socket, where the service was given `unix`. */
  readonly unix: UnixIdentity | null;
  /** The name that it has logged in with by SASL. */
  readonly saslUserName: string | null;
}

/** One connected client, as its handlers see it. */
export class ServerClient {
  /** From 1, never used again (F136). */
  readonly id: number;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #host: ClientHost;
  readonly #transport: Transport;
  readonly #auth: AuthSession | undefined;
  #security: Security | null;
  readonly #connection: Connection;
  /** Those of calls that are being worked on. */
  #descriptors: Set<PassedDescriptors> | undefined;
  readonly #window: RequestWindow;
  /** Made with the first packet or call of a stream: most clients never have one. */
  #streams: StreamTable<ServerWire> | undefined;
  /** Made when somebody asks for the signal: it is the costliest part of a client that says nothing. */
  #abort: AbortController | undefined;
  readonly #connected = Date.now();
  /** Made when somebody waits for it. */
  #closed: Deferred<ConnectionError> | undefined;
  #closing = false;
  /** Why the client has gone, once it has. */
  #end: ConnectionError | undefined;
  #congested = false;
  /** Made when somebody waits for an answer to leave. */
  #afterReply: Map<MessageHeader, (ok: boolean) => void> | undefined;
  #isWatched = false;

  /** What the connection calls: methods that all clients share, where closures would weigh on each that is silent. */
  static readonly #Ears = class implements ConnectionEvents {
    readonly #client: ServerClient;

    constructor(client: ServerClient) {
      this.#client = client;
    }

    message(header: MessageHeader, bytes: Uint8Array, start: number, end: number): void {
      this.#client.#receive(header, bytes, start, end);
    }

    described(header: MessageHeader, bytes: Uint8Array, start: number, end: number, descriptors: Descriptors): void {
      this.#client.#host.dispatchWith(descriptors, this.#client, header, bytes, start, end);
    }

    partial(header: MessageHeader): PieceSink {
      return this.#client.#streamTable().partial(header);
    }

    mark(kind: MarkKind, serial: number): void {
      this.#client.#streamTable().mark(kind, serial);
    }

    keepalive(): void {
      if (this.#client.#host.keepaliveBySign) this.#client.startKeepalive();
    }

    ended(): void {
      this.#client.#peerEnded();
    }

    closed(error: ConnectionError): void {
      this.#client.#finish(error);
    }
  };

  /** `gate`: whom the client has to convince; `undefined` where everybody may in. */
  constructor(host: ClientHost, id: number, transport: Transport, gate: AuthGate | undefined) {
    this.id = id;
    this.local = transport.local;
    this.remote = transport.remote;
    this.#host = host;
    this.#transport = transport;
    this.#security = transport.security ?? null;
    const { slabs, limits } = host;
    this.#connection = new Connection({ transport, slabs, limits, events: new ServerClient.#Ears(this) });
    this.#window = new RequestWindow(limits.clientRequests, this.#connection);
    if (gate !== undefined) {
      // Until its turn comes it is not read from.
      this.#connection.hold();
      this.#connection.boundFrames(Math.min(LOGIN_FRAME_BYTES, limits.frame));
      this.#auth = gate.enter(this);
    }
    this.#connection.start();
  }

  /** How the connection is protected, and the client's certificate; `null` where it isn't. */
  get security(): Security | null {
    return this.#security;
  }

  /** May the client call whatever there is? Before it has logged in it may call what it logs in with, and nothing else. */
  get isAuthenticated(): boolean {
    return this.#auth === undefined || this.#auth.isOpen;
  }

  get connectedAt(): Date {
    return new Date(this.#connected);
  }

  /** Resolves, never rejects, when the client has gone; the error says why. */
  get closed(): Promise<ConnectionError> {
    this.#closed ??= deferred();
    if (this.#end !== undefined) this.#closed.resolve(this.#end);
    return this.#closed.promise;
  }

  /** Aborts when the client has gone; the reason says why. */
  get signal(): AbortSignal {
    this.#abort ??= this.#end === undefined ? new AbortController() : abortedBy(this.#end);
    return this.#abort.signal;
  }

  /** Who the client has proved to be. */
  get identity(): ClientIdentity {
    const { peer = null } = this.#security ?? {};
    return {
      x509DistinguishedName: peer?.trusted === true ? peer.distinguishedName : null,
      unix: this.#transport.identity ?? null,
      saslUserName: this.#auth?.user ?? null,
    };
  }

  /** Can calls of this client, and replies to them, pass descriptors? */
  get passesDescriptors(): boolean {
    return this.#connection.passesDescriptors;
  }

  /** Calls of this client being worked on. */
  get requests(): number {
    return this.#window.inside;
  }

  /** Streams of this client, those included that it has yet to finish. */
  get streams(): number {
    return this.#streams?.size ?? 0;
  }

  /** Bytes of memory that streams' data takes while it waits for the handlers. */
  get streamBytes(): number {
    return this.#streams?.intake.queued ?? 0;
  }

  /**
   * Sends an event. A client that has gone, or has not logged in yet, gets nothing; one that lets more than `queuedBytes` pile up is disconnected.
   * Throws `TypeError` or `RangeError` for a payload that can't be sent.
   */
  emit<T>(type: EventType<T>, payload: T): void {
    if (!this.#takesEvents()) return;
    if (eventChannel.hasSubscribers) eventChannel.publish({ client: this, type, payload });
    this.#send(eventHeader(type), type.payload, payload, type.name);
  }

  /** Sends an event that was encoded for many, as `emit` does. Throws `RangeError` for one beyond the limit. */
  emitShared<T>(event: SharedEvent<T>): void {
    if (!this.#takesEvents()) return;
    const { type, payload, frame } = event;
    if (eventChannel.hasSubscribers) eventChannel.publish({ client: this, type, payload });
    this.#connection.sendFrame(frame);
    this.#watchBacklog();
  }

  /**
   * Calls `then` right after the answer to the call with this header has been queued, before anything else is: with `true`
   * for a good one. It is not called when the client goes first.
   */
  afterReply(call: MessageHeader, then: (ok: boolean) => void): void {
    this.#afterReply ??= new Map();
    this.#afterReply.set(call, then);
  }

  /**
   * From now on the client is asked for signs of life and, without them, disconnected; for those who know that it will
   * answer, as a libvirt daemon does of who asks for feature 10 (F065). Once is enough.
   */
  startKeepalive(): void {
    const { keepalive } = this.#host;
    if (keepalive === undefined || this.#isWatched) return;
    this.#isWatched = true;
    this.#connection.watch(keepalive, false);
  }

  /** Reads no further call, lets those at hand be answered, sends what is queued, then closes (F133). */
  close(): void {
    if (this.#closing || this.#end !== undefined) return;
    this.#closing = true;
    this.#connection.hold();
    this.#streams?.abortAll(new RpcError("the server is closing", { code: ErrorCode.OPERATION_FAILED }));
    this.#endWhenIdle();
  }

  /** Closes at once; `error` tells the handlers' signals why. */
  disconnect(error: ConnectionError): void {
    this.#connection.fail(error);
  }

  #takesEvents(): boolean {
    if (this.#end !== undefined || !this.isAuthenticated) return false;
    const waiting = this.#connection.queuedBytes;
    if (waiting <= this.#host.limits.queuedBytes) return true;
    this.disconnect(new ConnectionError(`the client leaves ${waiting} bytes unread`, "overflow"));
    return false;
  }

  /** For who logs it in: a value that ties the login to this connection. */
  channelBinding(type: ChannelBindingType): Uint8Array | null {
    return this.#transport.channelBinding?.(type) ?? null;
  }

  /** For the gate of logins: its turn has come. */
  admit(): void {
    this.#connection.release();
  }

  /** For the dispatcher: how far it is with its login; `undefined` where there is none. */
  get auth(): AuthSession | undefined {
    return this.#auth;
  }

  /** For the dispatcher: no further message until `release`. */
  hold(): void {
    this.#connection.hold();
  }

  release(): void {
    this.#connection.release();
  }

  /** For the dispatcher: a reply of the login has been queued. If by it the client is in, what follows is wrapped, if so agreed. */
  loggedIn(): void {
    const admission = this.#auth?.complete();
    if (admission === undefined) return;
    this.#connection.boundFrames(this.#host.limits.frame);
    const { layer, mechanism } = admission;
    if (layer === null) return;
    this.#security = layerSecurity(layer.ssf, mechanism ?? "");
    this.#connection.secure(layer);
  }

  /** For the dispatcher: a call is being worked on until `reply`, `refuse` or `drop` is called for it, once. */
  enter(): void {
    this.#window.enter();
  }

  /** For the dispatcher: the descriptors of a call, until it is answered. */
  descriptorsOf(received: Descriptors | undefined): CallDescriptors {
    if (!this.#connection.passesDescriptors) return noDescriptors;
    const descriptors = new PassedDescriptors(received, this.#connection);
    (this.#descriptors ??= new Set()).add(descriptors);
    return descriptors;
  }

  /** For the dispatcher: the good answer to a call. Throws, answering nothing, when `ret` can't be sent. */
  reply<T>(
    call: MessageHeader,
    type: XdrType<T>,
    ret: T,
    name: string,
    descriptors: CallDescriptors = noDescriptors,
  ): void {
    if (this.#end === undefined) {
      if (descriptors === noDescriptors) this.#send(replyTo(call, MessageStatus.OK), type, ret, name);
      else this.#sendWith(descriptors, call, type, ret, name);
    }
    if (this.#afterReply !== undefined) this.#answered(call, true);
    this.#leave(descriptors);
  }

  /** For the dispatcher: the error that answers a call. */
  refuse(call: MessageHeader, error: RpcError, descriptors: CallDescriptors = noDescriptors): void {
    if (this.#end === undefined)
      this.#send(replyTo(call, MessageStatus.ERROR), VirNetMessageError, errorToWire(error), "error");
    if (this.#afterReply !== undefined) this.#answered(call, false);
    this.#leave(descriptors);
  }

  /** For the dispatcher: a stream under the serial of its call, or why there can be none. */
  openStream(call: Call): StreamAnswer | RpcError {
    const { program, version, procedure, serial } = call.header;
    const streams = this.#streamTable();
    if (streams.has(serial)) return serialInUse(call.header);
    if (streams.size >= this.#host.limits.streams)
      return new RpcError(`at most ${this.#host.limits.streams} streams at a time`);
    const abort = new AbortController();
    const core = streams.core({ program, version, procedure, serial }, (error) => {
      if (error !== undefined) abort.abort(error);
    });
    const forget = (): void => streams.remove(wire);
    const wire: ServerWire = new ServerWire({ core, port: this.#connection, accept: () => answer.begin(), forget });
    const answer = new StreamAnswer({ ...call, signal: abort.signal }, wire, {
      reply: (ret) => this.reply(call.header, call.procedure.ret, ret, call.procedure.name, call.descriptors),
      disconnect: (error) => this.#connection.fail(error),
    });
    streams.add(wire);
    return answer;
  }

  #receive(header: MessageHeader, bytes: Uint8Array, start: number, end: number): void {
    if (header.type === MessageType.STREAM || header.type === MessageType.STREAM_HOLE) {
      this.#streamTable().take(header, bytes, start, end);
      return;
    }
    this.#host.dispatch(this, header, bytes, start, end);
  }

  /** A good reply, with those descriptors that the handler has attached (F033). */
  #sendWith<T>(descriptors: CallDescriptors, call: MessageHeader, type: XdrType<T>, ret: T, name: string): void {
    const attached = descriptors instanceof PassedDescriptors ? descriptors.attached : [];
    const header = replyTo(call, MessageStatus.OK);
    if (attached.length === 0) {
      this.#send(header, type, ret, name);
      return;
    }
    this.#connection.sendWith(attached, { ...header, type: MessageType.REPLY_WITH_FDS }, type, ret, name);
    if (descriptors instanceof PassedDescriptors) descriptors.sent();
    this.#watchBacklog();
  }

  #send<T>(header: MessageHeader, type: XdrType<T>, value: T, name: string): void {
    this.#connection.send(header, type, value, name);
    this.#watchBacklog();
  }

  #answered(call: MessageHeader, ok: boolean): void {
    const then = this.#afterReply?.get(call);
    this.#afterReply?.delete(call);
    then?.(ok);
  }

  #watchBacklog(): void {
    if (this.#congested || this.#connection.queuedBytes < CONGESTED_BYTES) return;
    this.#congested = true;
    this.#connection.hold();
    this.#connection.whenDrained(() => {
      this.#congested = false;
      this.#connection.release();
      this.#endWhenIdle();
    });
  }

  /** As libvirtd does: who sends no more has gone. Answers that are ready still leave; no further call is begun. */
  #peerEnded(): void {
    this.#connection.hold();
    this.#connection.end();
  }

  #leave(descriptors: CallDescriptors): void {
    if (descriptors instanceof PassedDescriptors) {
      descriptors.close();
      this.#descriptors?.delete(descriptors);
    }
    this.#window.leave();
    this.#endWhenIdle();
  }

  /** Not at once: the framer may just be handing on several calls, of which one has been answered. */
  #endWhenIdle(): void {
    if (!this.#closing) return;
    queueMicrotask(() => {
      if (!this.#congested && this.#window.inside === 0) this.#connection.end();
    });
  }

  #finish(error: ConnectionError): void {
    this.#end = error;
    for (const descriptors of this.#descriptors ?? []) descriptors.close();
    this.#auth?.end();
    this.#streams?.loseAll(error);
    this.#abort?.abort(error);
    this.#closed?.resolve(error);
    // Later, as a transport may end while its client is still being made.
    queueMicrotask(() => this.#host.onEnd(this, error));
  }

  #streamTable(): StreamTable<ServerWire> {
    const { streamBytes } = this.#host.limits;
    return (this.#streams ??= new StreamTable({ port: this.#connection, bytes: streamBytes, callsWait: never }));
  }
}

function abortedBy(reason: unknown): AbortController {
  const controller = new AbortController();
  controller.abort(reason);
  return controller;
}

/** The header of an answer: the call's own, so that errors about odd headers echo them (F024). */
function replyTo({ program, version, procedure, serial }: MessageHeader, status: number): MessageHeader {
  return { program, version, procedure, type: MessageType.REPLY, serial, status };
}

function never(): boolean {
  return false;
}
