/* oxlint-disable eslint/no-unused-private-class-members -- it overlooks what the class within uses */
import { Framer, type FrameSink, type PieceSink } from "../protocol/framer.ts";
import { isKeepAlive, isPing, pingHeader, pongHeader } from "../protocol/keepalive-program.ts";
import { MAX_DESCRIPTORS, type ProtocolLimits } from "../protocol/limits.ts";
import { type MarkKind, markHeader, markKind } from "../protocol/mark.ts";
import { decodeHeader, HEADER_BYTES, type MessageHeader, MessageStatus, MessageType } from "../protocol/message.ts";
import type { SecurityLayer } from "../sasl/security-layer.ts";
import type { DescriptorChannel, Transport, TransportEvents } from "../transport/transport.ts";
import { ConnectionError } from "../util/connection-error.ts";
import { nothing } from "../util/nothing.ts";
import { type XdrType, XdrVoid } from "../xdr/type.ts";
import { readUint32 } from "../xdr/words.ts";
import { Descriptors } from "./descriptors.ts";
import type { Keepalive, Watched } from "./keepalive.ts";
import { FIRST_ENCRYPTED_PART, SendQueue } from "./send-queue.ts";
import type { SlabPool } from "./slab-pool.ts";
import { wrappedOutlet } from "./wrapped-outlet.ts";

/** What a connection calls. Plain calls on the hot path. */
export interface ConnectionEvents {
  /**
   * One message whose payload is `bytes[start..end)`, lent until this returns. A {@link ConnectionError} thrown from
   * here closes the connection with it.
   */
  message(header: MessageHeader, bytes: Uint8Array, start: number, end: number): void;
  /** The same for a message with descriptors, whose count has been taken off; those not taken are for the callee to close. */
  described?(header: MessageHeader, bytes: Uint8Array, start: number, end: number, descriptors: Descriptors): void;
  /** A large data packet of a stream comes: who takes its payload piece by piece? Nobody, and it becomes a `message`. */
  partial?(header: MessageHeader): PieceSink | undefined;
  /** A mark in the flow of a stream's data, see `protocol/mark.ts`. */
  mark?(kind: MarkKind, serial: number): void;
  /** The peer knows the keepalive program: it has sent a message of it. */
  keepalive?(): void;
  /** The peer sends no more; it may still read. */
  ended(): void;
  /** Once, and last. */
  closed(error: ConnectionError): void;
}

export interface ConnectionParts {
  readonly transport: Transport;
  readonly slabs: SlabPool;
  readonly limits: ProtocolLimits;
  readonly events: ConnectionEvents;
}

/** With this much waiting to leave, signs of life are left out: what leaves is one, and a flood of PINGs costs nothing. */
const PONG_BACKLOG = 65_536;
const MARK_BACKLOG = 4_194_304;
const END_MS = 5_000;

const COUNT_BYTES = 4;
const HOW_TO_PASS =
  "descriptors can only be passed over a UNIX socket that was opened with `unix` of @virnet/native/unix";

/** Messages over a transport, with no notion of what they mean; only keepalive ends here. */
export class Connection implements Watched {
  readonly #transport: Transport;
  /** Passes descriptors; absent where that is not possible. */
  #channel: DescriptorChannel | undefined;
  readonly #events: ConnectionEvents;
  readonly #ears: TransportEvents & FrameSink;
  readonly #framer: Framer;
  readonly #queue: SendQueue;
  #layer: SecurityLayer | undefined;
  /** How many parties want reading to pause. */
  #holds = 0;
  #transportPaused = false;
  #closed = false;
  /** Something came since keepalive asked last. */
  #heard = false;
  /** What had left, and whether something was left to send, when keepalive asked last. */
  #departed = 0;
  #backlogged = false;
  #unwatch = nothing;
  #ending: ReturnType<typeof setTimeout> | undefined;

  /** What transport and framer call: methods that all connections share, where closures would weigh on each that is silent. */
  static readonly #Ears = class implements TransportEvents, FrameSink {
    readonly #connection: Connection;

    constructor(connection: Connection) {
      this.#connection = connection;
    }

    receive(chunk: Uint8Array): void {
      this.#connection.#receive(chunk);
    }

    wanted(): number {
      return this.#connection.#wanted();
    }

    ended(): void {
      this.#connection.#events.ended();
    }

    closed(error: ConnectionError): void {
      this.#connection.#gone(error);
    }

    frame(bytes: Uint8Array, start: number, end: number): void {
      this.#connection.#take(bytes, start, end);
    }

    passage(bytes: Uint8Array, start: number): PieceSink | undefined {
      return this.#connection.#passage(bytes, start);
    }
  };

  constructor({ transport, slabs, limits, events }: ConnectionParts) {
    this.#transport = transport;
    this.#channel = transport.descriptors;
    this.#events = events;
    this.#ears = new Connection.#Ears(this);
    this.#framer = new Framer(limits.frame, this.#ears);
    const firstPart = transport.takesOneMessage === true ? 1 : transport.security ? FIRST_ENCRYPTED_PART : undefined;
    this.#queue = new SendQueue(transport, slabs, limits, firstPart);
  }

  /** Bytes on their way out that the peer's side has not taken yet. */
  get queuedBytes(): number {
    return this.#queue.queuedBytes;
  }

  /** Where in all that was ever queued the last message ends. */
  get position(): number {
    return this.#queue.position;
  }

  /**
   * What ends beyond this position never got to the system as a whole. Known once the connection has closed. A security
   * layer only adds bytes, so with one more seems given than was.
   */
  get given(): number {
    const { flushed } = this.#queue;
    return Math.min(flushed, this.#transport.given ?? flushed);
  }

  get isOpen(): boolean {
    return !this.#closed;
  }

  start(): void {
    this.#transport.start(this.#ears);
  }

  /** Lets keepalive look after this connection; see `Keepalive.watch`. What a former one does ends. */
  watch(keepalive: Keepalive, announce: boolean): void {
    if (this.#closed) return;
    this.#unwatch();
    this.#unwatch = keepalive.watch(this, announce);
  }

  /**
   * For keepalive. A peer that we don't read is alive, and learns that we are; it gets a PONG, for a PING would make it
   * pile up answers. One that takes what we have for it lives as well, though its own words may stand behind that.
   */
  showsLife(): boolean {
    if (this.#transportPaused) this.#sendSign(pongHeader, "PONG");
    const { departed, queuedBytes } = this.#queue;
    const lives = this.#heard || this.#transportPaused || (this.#backlogged && departed !== this.#departed);
    this.#heard = false;
    this.#departed = departed;
    this.#backlogged = queuedBytes > 0;
    return lives;
  }

  /** For keepalive: asks the peer for a sign of life. */
  ping(): void {
    this.#sendSign(pingHeader, "PING");
  }

  /** Queues one message for the write at the end of this turn; throws as `SendQueue.push` does. */
  send<T>(header: MessageHeader, type: XdrType<T>, value: T, name: string): void {
    this.#queue.push(header, type, value, name);
  }

  /** Queues a whole message that may be others' as well: see `SendQueue.pushFrame`. */
  sendFrame(frame: Uint8Array): void {
    this.#queue.pushFrame(frame);
  }

  /** Can descriptors be passed? */
  get passesDescriptors(): boolean {
    return this.#channel !== undefined;
  }

  /**
   * Copies a descriptor, for `sendWith`; until then the copy is the caller's. Throws `TypeError` where none can be passed,
   * and for a number that is no descriptor of this process.
   */
  copy(descriptor: number): number {
    const channel = this.#channel;
    if (channel === undefined) throw new TypeError(HOW_TO_PASS);
    try {
      return channel.copy(descriptor);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new TypeError(`${descriptor} can't be passed as a descriptor: ${why}`, { cause });
    }
  }

  /** Closes a descriptor that `copy` gave or that was received. */
  closeCopy(copy: number): void {
    this.#transport.descriptors?.close(copy);
  }

  /**
   * Sends a message, and behind it these copies, which it takes over. Throws as `send` does, and then the copies stay the
   * caller's. A connection that has closed takes them, too.
   */
  sendWith<T>(copies: readonly number[], header: MessageHeader, type: XdrType<T>, value: T, name: string): void {
    const channel = this.#channel;
    if (channel === undefined) throw new TypeError(HOW_TO_PASS);
    let taken = false;
    this.#queue.pushCounted(header, copies.length, type, value, name, (bytes, done) => {
      taken = true;
      channel.writeWith(bytes, copies, done);
    });
    if (!taken) for (const copy of copies) channel.close(copy);
  }

  /** Queues one message of raw bytes, large ones uncopied: see `SendQueue.pushRaw`. */
  sendRaw(header: MessageHeader, payload: Uint8Array, sent: () => void): void {
    this.#queue.pushRaw(header, payload, sent);
  }

  /** Queues a mark. A peer that lets megabytes of them pile up gets no more: it does not read them anyway. */
  sendMark(kind: MarkKind, serial: number): void {
    if (this.#queue.queuedBytes < MARK_BACKLOG) this.#queue.push(markHeader(kind, serial), XdrVoid, undefined, kind);
  }

  /** Does somebody wait for `whenDrained`? Then what can wait should. */
  get isDraining(): boolean {
    return this.#queue.isDraining;
  }

  /** Calls `then` once everything queued has been handed to the system, or the connection is gone. */
  whenDrained(then: () => void): void {
    this.#queue.whenDrained(then);
  }

  /** Delivers no further message until as many `release` as `hold` have been called. */
  hold(): void {
    if (this.#holds++ === 0) this.#framer.stop();
  }

  release(): void {
    if (--this.#holds > 0 || this.#closed) return;
    this.#guard(() => this.#framer.resume());
    if (this.#holds === 0 && this.#transportPaused) {
      this.#transportPaused = false;
      this.#transport.resume();
    }
  }

  /**
   * What has been queued still leaves in clear; all that follows is wrapped, and all that has not been delivered yet is taken
   * for wrapped (F117). Reading must be on hold, since the very message that the layer begins behind. From here on the
   * layer is the connection's, which closes it.
   */
  secure(layer: SecurityLayer): void {
    if (this.#closed) {
      layer.close();
      return;
    }
    this.#layer = layer;
    // Messages are cut otherwise from here on, and descriptors would stand anywhere.
    this.#channel = undefined;
    const wrapped = wrappedOutlet(layer, this.#transport, (error) =>
      this.fail(new ConnectionError("the security layer failed to wrap a message", "error", { cause: error })),
    );
    this.#queue.switchTo(wrapped);
    const early = this.#framer.takeRest();
    if (early.length > 0) this.#guard(() => this.#framer.push(this.#unwrapped(layer, early)));
  }

  /** The largest frame that is taken in from now on. */
  boundFrames(limit: number): void {
    this.#framer.bound(limit);
  }

  /** Sends what is queued, then closes; a peer that does not take it in five seconds loses it. */
  end(): void {
    if (this.#closed || this.#ending !== undefined) return;
    this.#ending = setTimeout(() => {
      this.fail(new ConnectionError("the peer did not take what was left to send", "overflow"));
    }, END_MS);
    this.#queue.flush();
    this.#transport.end();
  }

  /** Closes now, for the given reason. */
  fail(error: ConnectionError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unwatch();
    this.#framer.stop();
    this.#queue.close();
    this.#transport.destroy(error);
  }

  #receive(chunk: Uint8Array): void {
    if (this.#closed) return;
    this.#heard = true;
    // Reading pauses with the first chunk that can't be delivered: a hold of one turn costs no system call.
    if (this.#holds > 0 && !this.#transportPaused) {
      this.#transportPaused = true;
      this.#transport.pause();
    }
    const layer = this.#layer;
    try {
      this.#framer.push(layer === undefined ? chunk : this.#unwrapped(layer, chunk));
    } catch (error) {
      this.#refuse(error);
    }
  }

  #unwrapped(layer: SecurityLayer, chunk: Uint8Array): Uint8Array {
    try {
      return layer.unwrap(chunk);
    } catch (error) {
      const why = error instanceof Error ? error.message : "unreadable";
      throw new ConnectionError(`what the peer sent does not pass the security layer: ${why}`, "protocol", {
        cause: error,
      });
    }
  }

  #take(bytes: Uint8Array, start: number, end: number): void {
    const header = decodeHeader(bytes, start);
    if (isKeepAlive(header)) this.#keepAlive(header);
    else if (this.#channel !== undefined && hasDescriptors(header)) this.#describe(header, bytes, start, end);
    else this.#events.message(header, bytes, start + HEADER_BYTES, end);
  }

  #wanted(): number {
    return this.#layer === undefined ? this.#framer.missing : Number.POSITIVE_INFINITY;
  }

  /** The descriptors stand behind the message (libvirt-rpc §1.5); it waits for them, and what follows waits for both. */
  #describe(header: MessageHeader, bytes: Uint8Array, start: number, end: number): void {
    const from = start + HEADER_BYTES;
    const count = countOf(header, bytes, from, end);
    if (count === 0) {
      this.#deliver(header, bytes, from + COUNT_BYTES, end, []);
      return;
    }
    let arrived = false;
    let deliver = (descriptors: readonly number[]): void => {
      arrived = true;
      this.#deliver(header, bytes, from + COUNT_BYTES, end, descriptors);
    };
    this.#channel?.receive(count, (descriptors) => deliver(descriptors));
    if (arrived) return;
    const payload = bytes.slice(from + COUNT_BYTES, end);
    deliver = (descriptors) => this.#deliverLate(header, payload, descriptors);
    this.hold();
  }

  #deliverLate(header: MessageHeader, payload: Uint8Array, descriptors: readonly number[]): void {
    this.#guard(() => this.#deliver(header, payload, 0, payload.length, descriptors));
    this.release();
  }

  #deliver(header: MessageHeader, bytes: Uint8Array, start: number, end: number, numbers: readonly number[]): void {
    const channel = this.#channel;
    const descriptors = new Descriptors(numbers, (number) => channel?.close(number));
    if (this.#closed || this.#events.described === undefined) {
      descriptors.close();
      return;
    }
    try {
      this.#events.described(header, bytes, start, end, descriptors);
    } catch (error) {
      descriptors.close();
      throw error;
    }
  }

  #passage(bytes: Uint8Array, start: number): PieceSink | undefined {
    const header = decodeHeader(bytes, start);
    const isData = header.type === MessageType.STREAM && header.status === MessageStatus.CONTINUE;
    return isData && !isKeepAlive(header) ? this.#events.partial?.(header) : undefined;
  }

  /** Answers a PING at any time; all else of that program is swallowed (libvirt-rpc §1.7). */
  #keepAlive(header: MessageHeader): void {
    const mark = markKind(header);
    if (mark !== undefined) this.#events.mark?.(mark, header.serial);
    if (isPing(header)) this.#sendSign(pongHeader, "PONG");
    this.#events.keepalive?.();
  }

  #sendSign(header: MessageHeader, name: string): void {
    if (this.#queue.queuedBytes < PONG_BACKLOG) this.#queue.push(header, XdrVoid, undefined, name);
  }

  /** Peer input ends here: whatever goes wrong with it closes this connection, and nothing else. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#refuse(error);
    }
  }

  #refuse(error: unknown): void {
    this.fail(
      error instanceof ConnectionError
        ? error
        : new ConnectionError("a message could not be handled", "error", { cause: error }),
    );
  }

  #gone(error: ConnectionError): void {
    this.#closed = true;
    this.#unwatch();
    clearTimeout(this.#ending);
    this.#framer.stop();
    this.#queue.close();
    this.#layer?.close();
    this.#layer = undefined;
    this.#events.closed(error);
  }
}

function hasDescriptors({ type }: MessageHeader): boolean {
  return type === MessageType.CALL_WITH_FDS || type === MessageType.REPLY_WITH_FDS;
}

/** How many descriptors a message announces. Throws {@link ConnectionError} for more than a message may have. */
function countOf({ type }: MessageHeader, bytes: Uint8Array, start: number, end: number): number {
  const count = end - start < COUNT_BYTES ? undefined : readUint32(bytes, start);
  if (count !== undefined && count <= MAX_DESCRIPTORS) return count;
  const what =
    count === undefined ? "no count of descriptors" : `${count} descriptors, expected at most ${MAX_DESCRIPTORS}`;
  const who = type === MessageType.CALL_WITH_FDS ? "the client sent a call" : "the server sent a reply";
  throw new ConnectionError(`${who} with ${what}`, "protocol");
}
