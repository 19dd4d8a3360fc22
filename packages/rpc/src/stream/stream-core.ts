import type { PieceSink } from "../protocol/framer.ts";
import { type MessageHeader, MessageStatus, MessageType } from "../protocol/message.ts";
import { type Deferred, deferred } from "../util/deferred.ts";
import { nothing } from "../util/nothing.ts";
import type { BlockPool } from "./block-pool.ts";
import { Flow, type FlowPort } from "./flow.ts";
import { type Block, InboundQueue } from "./inbound-queue.ts";
import type { Intake } from "./intake.ts";
import type { Outbox, Packet } from "./outbox.ts";
import { CHUNK_BYTES, encodeHole, type Hole } from "./part.ts";

/** Which stream: the serial is that of the call that opened it (libvirt-rpc §1.4). */
export interface StreamId {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  readonly serial: number;
}

/**
 * Takes data in place, without a copy; the bytes are lent until it returns. Where it gives a promise, the next part comes
 * when that has resolved.
 */
export interface DirectSink {
  readonly data: (bytes: Uint8Array) => Promise<unknown> | void;
  readonly hole: (hole: Hole) => Promise<unknown> | void;
}

export interface CoreParts {
  readonly id: StreamId;
  readonly intake: Intake;
  readonly outbox: Outbox;
  readonly blocks: BlockPool;
  readonly flow: FlowPort;
  /** The stream has ended, well or badly, for those on this side. */
  readonly onEnd: (error: unknown) => void;
}

interface DirectReader {
  readonly sink: DirectSink;
  /** It is not done with what it has; what comes meanwhile waits. */
  busy: boolean;
  readonly done: Deferred<void>;
}

/** Something to send, in its turn: bytes in packets, or one packet of another kind. */
interface Job {
  readonly header: MessageHeader;
  readonly bytes: Uint8Array;
  at: number;
  readonly done: Deferred<void>;
}

/** What leaves of a job at a time. */
interface JobPacket extends Packet {
  readonly job: Job;
  readonly isLast: boolean;
}

/**
 * The state of one stream that both roles share: what came and waits for a reader, what waits to be sent, and how it
 * ended. What packets mean to client and server stands in their wires.
 */
export class StreamCore {
  readonly id: StreamId;
  /** Takes pieces of data as they come; the same function for all packets. */
  readonly piece: PieceSink = (bytes, start, end) => this.data(bytes, start, end);
  readonly #intake: Intake;
  readonly #outbox: Outbox;
  readonly #blocks: BlockPool;
  readonly #onEnd: (error: unknown) => void;
  readonly #queue: InboundQueue;
  readonly #flow: Flow;
  readonly #done = deferred<void>();
  #reader: Deferred<Block | Hole | undefined> | undefined;
  #direct: DirectReader | undefined;
  #inboundEnded = false;
  #inboundDropped = false;
  #outboundDropped = false;
  readonly #jobs: Job[] = [];
  /** The packets handed to the outbox that have not left. */
  readonly #packets = new Set<JobPacket>();
  #onTheWay = 0;
  readonly #dataHeader: MessageHeader;
  /** The same functions for all packets. */
  readonly #packetStarted = (packet: JobPacket): void => this.#started(packet);
  readonly #packetSent = (packet: JobPacket): void => this.#sent(packet);
  #closed = false;
  #error: unknown;
  #confirming = false;

  constructor({ id, intake, outbox, blocks, flow, onEnd }: CoreParts) {
    this.id = id;
    this.#dataHeader = headerOf(id, MessageType.STREAM, MessageStatus.CONTINUE);
    this.#intake = intake;
    this.#outbox = outbox;
    this.#blocks = blocks;
    this.#onEnd = onEnd;
    this.#queue = new InboundQueue(blocks);
    this.#flow = new Flow(flow, id.serial);
    this.#done.promise.catch(nothing);
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Why it ended; `undefined` while it is open and after a good end. */
  get error(): unknown {
    return this.#error;
  }

  /** Resolves at a good end, rejects at a bad one. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** Has all data been read, up to its end? */
  get isReadOut(): boolean {
    return this.#inboundEnded && this.#queue.isEmpty;
  }

  // --- what comes

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.#takesNothing() || start === end) return;
    if (this.#direct?.busy === false) this.#handOver(this.#direct, bytes.subarray(start, end));
    else this.#keep(() => this.#queue.push(bytes, start, end));
  }

  hole(length: bigint): void {
    if (this.#takesNothing() || length === 0n) return;
    if (this.#direct?.busy === false) this.#handOver(this.#direct, { hole: length });
    else this.#keep(() => this.#queue.pushHole(length));
  }

  /** The peer wants to know when what came so far has been consumed. */
  mark(): void {
    this.#flow.mark(this.#queue.size);
  }

  /** What was sent up to a mark has been consumed. */
  marked(): void {
    this.#flow.marked();
    this.#startJobs();
  }

  /** The peer sends no more. */
  endInbound(): void {
    if (this.#closed || this.#inboundEnded) return;
    this.#inboundEnded = true;
    this.#settleReaders();
  }

  /** Nobody wants what comes from now on, nor what waits. */
  dropInbound(): void {
    this.#inboundDropped = true;
    this.#clearQueue();
  }

  /** The next part, `undefined` at the end. Rejects with the reason of a bad end. One caller at a time. */
  async read(): Promise<Block | Hole | undefined> {
    this.refuseSecondReader();
    const next = this.#shift();
    if (next !== undefined) return next;
    this.#throwError();
    if (this.#inboundEnded) return undefined;
    this.#reader = deferred();
    this.#intake.reader(1);
    return this.#reader.promise;
  }

  /** A block of `read` is no longer looked at. */
  recycle(block: Block): void {
    if (!this.#closed) this.#blocks.give(block.buffer);
  }

  /** Hands everything to `sink` as it comes. Resolves at the end of the data. */
  async direct(sink: DirectSink): Promise<void> {
    this.refuseSecondReader();
    this.#throwError();
    const direct = { sink, busy: true, done: deferred<void>() };
    this.#direct = direct;
    this.#feed(direct);
    return direct.done.promise;
  }

  // --- what goes

  /** Sends data; resolves once the bytes are no longer needed. */
  write(bytes: Uint8Array): Promise<void> | undefined {
    this.#refuseClosed();
    if (this.#outboundDropped || bytes.length === 0) return undefined;
    return this.#send(this.#dataHeader, bytes);
  }

  async sendHole(length: bigint): Promise<void> {
    this.#refuseClosed();
    const bytes = encodeHole(length);
    if (this.#outboundDropped || length === 0n) return;
    return this.#send(headerOf(this.id, MessageType.STREAM_HOLE, MessageStatus.CONTINUE), bytes);
  }

  /** Sends an empty packet of `status` behind all that was written; resolves once it is on its way. */
  sendMark(status: number): Promise<void> {
    return this.#send(headerOf(this.id, MessageType.STREAM, status), empty);
  }

  /** The peer wants no more: what is still written goes nowhere. */
  dropOutbound(): void {
    this.#outboundDropped = true;
    for (const job of this.#cancelJobs()) job.done.resolve();
  }

  // --- how it ends

  /** From now on somebody waits for the peer's last word, until `close`. */
  awaitConfirmation(): void {
    if (this.#confirming || this.#closed) return;
    this.#confirming = true;
    this.#intake.confirmation(1);
  }

  /** Ends the stream on this side: well, or with an error that all who wait get. Sends nothing. */
  close(error?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#error = error;
    this.#inboundEnded = true;
    if (error !== undefined) this.#clearQueue();
    this.#flow.consumed(0);
    this.#endConfirmation();
    this.#settleReaders();
    for (const job of this.#cancelJobs()) job.done.reject(error ?? closedError());
    if (error === undefined) this.#done.resolve();
    else this.#done.reject(error);
    this.#onEnd(error);
  }

  // --- inside

  /** Hands a sink that is done with what it had all that waits. What comes while this runs joins the queue. */
  #feed(direct: DirectReader): void {
    for (let next = this.#shift(); next !== undefined; next = this.#shift()) {
      const work = "hole" in next ? this.#offer(direct, next) : this.#offer(direct, bytesOf(next));
      if (!("hole" in next)) this.recycle(next);
      if (work !== undefined) return this.#feedAfter(direct, work);
      if (this.#direct !== direct) return;
    }
    direct.busy = false;
    this.#intake.reader(1);
    if (this.#inboundEnded) this.#settleReaders();
  }

  #feedAfter(direct: DirectReader, work: Promise<unknown>): void {
    work.then(
      () => this.#direct === direct && this.#feed(direct),
      (error: unknown) => this.#giveUp(direct, error),
    );
  }

  #takesNothing(): boolean {
    return this.#closed || this.#inboundEnded || this.#inboundDropped;
  }

  #keep(push: () => void): void {
    const before = this.#queue.size;
    push();
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      this.#intake.reader(-1);
      reader.resolve(this.#queue.shift());
    }
    this.#intake.changed(this.#queue.size - before);
  }

  #shift(): Block | Hole | undefined {
    const before = this.#queue.size;
    const next = this.#queue.shift();
    if (next === undefined) return undefined;
    this.#flow.consumed(this.#queue.size);
    this.#intake.changed(this.#queue.size - before);
    return next;
  }

  #clearQueue(): void {
    const before = this.#queue.size;
    this.#queue.clear();
    this.#flow.consumed(0);
    if (before > 0) this.#intake.changed(-before);
  }

  #handOver(direct: DirectReader, part: Uint8Array | Hole): void {
    const work = this.#offer(direct, part);
    if (work === undefined) return;
    direct.busy = true;
    this.#intake.reader(-1);
    this.#feedAfter(direct, work);
  }

  #offer(direct: DirectReader, part: Uint8Array | Hole): Promise<unknown> | undefined {
    try {
      return ("hole" in part ? direct.sink.hole(part) : direct.sink.data(part)) ?? undefined;
    } catch (error) {
      this.#giveUp(direct, error);
      return undefined;
    }
  }

  /** A sink that fails is done with: whoever gave it learns why. */
  #giveUp(direct: DirectReader, error: unknown): void {
    if (this.#direct !== direct) return;
    this.#direct = undefined;
    if (!direct.busy) this.#intake.reader(-1);
    this.dropInbound();
    direct.done.reject(error);
  }

  /** A sink that is busy hears of a good end when it has had all that waits. */
  #settleReaders(): void {
    const { error } = this;
    const direct = error === undefined && this.#direct?.busy === true ? undefined : this.#direct;
    const waiting = [this.#reader, direct?.done];
    if (this.#reader !== undefined) this.#intake.reader(-1);
    if (direct?.busy === false) this.#intake.reader(-1);
    this.#reader = undefined;
    if (direct !== undefined) this.#direct = undefined;
    for (const reader of waiting) {
      if (error === undefined) reader?.resolve(undefined);
      else reader?.reject(error);
    }
  }

  /** Throws `TypeError` while somebody reads. */
  refuseSecondReader(): void {
    if (this.#reader !== undefined || this.#direct !== undefined)
      throw new TypeError("the stream is being read already");
  }

  #refuseClosed(): void {
    this.#throwError();
    if (this.#closed) throw closedError();
  }

  #throwError(): void {
    // Whatever the stream was aborted with, as signals may be aborted with anything.
    // oxlint-disable-next-line typescript/only-throw-error
    if (this.#error !== undefined) throw this.#error;
  }

  #send(header: MessageHeader, bytes: Uint8Array): Promise<void> {
    const job: Job = { header, bytes, at: 0, done: deferred<void>() };
    if (this.#closed) job.done.reject(this.#error ?? closedError());
    else this.#jobs.push(job);
    this.#startJobs();
    return job.done.promise;
  }

  /** At most one packet's worth of a stream is on its way, so that replies and other streams come in between. */
  #startJobs(): void {
    for (let job = this.#jobs[0]; job !== undefined; job = this.#jobs[0]) {
      const size = Math.min(job.bytes.length - job.at, CHUNK_BYTES);
      if (size > 0 && !this.#flow.isOpen) return;
      if (this.#packets.size > 0 && this.#onTheWay + costOf(size) > CHUNK_BYTES) return;
      if (job.at + size === job.bytes.length) this.#jobs.shift();
      this.#startPacket(job, size);
    }
  }

  #startPacket(job: Job, size: number): void {
    const { at, bytes } = job;
    job.at += size;
    const packet: JobPacket = {
      job,
      header: job.header,
      bytes: size === bytes.length ? bytes : bytes.subarray(at, job.at),
      isLast: job.at === bytes.length,
      cancelled: false,
      started: this.#packetStarted,
      sent: this.#packetSent,
    };
    this.#onTheWay += costOf(size);
    this.#packets.add(packet);
    this.#outbox.send(packet);
  }

  /** Small payloads are copied at once, so their writer need not wait until they have left. */
  #started({ bytes, isLast, job }: JobPacket): void {
    this.#flow.sent(bytes.length);
    if (isLast && job.bytes.length < COPIED_BYTES) job.done.resolve();
  }

  #sent(packet: JobPacket): void {
    this.#packets.delete(packet);
    this.#onTheWay -= costOf(packet.bytes.length);
    if (packet.isLast) packet.job.done.resolve();
    this.#startJobs();
  }

  /** Takes back all that has not been handed to the connection; gives the jobs that this cuts short. */
  #cancelJobs(): Set<Job> {
    const cut = new Set(this.#jobs);
    for (const packet of this.#packets) {
      packet.cancelled = true;
      cut.add(packet.job);
    }
    this.#packets.clear();
    this.#jobs.length = 0;
    return cut;
  }

  #endConfirmation(): void {
    if (!this.#confirming) return;
    this.#confirming = false;
    this.#intake.confirmation(-1);
  }
}

const empty = new Uint8Array(0);
/** Payloads below this size are copied when they are handed over. */
const COPIED_BYTES = 16_384;

/** What a packet counts: a small one may have a buffer of its own too, when it is the only one of its turn. */
function costOf(size: number): number {
  return Math.max(size, COPIED_BYTES);
}

function bytesOf({ buffer, start, end }: Block): Uint8Array {
  return buffer.subarray(start, end);
}

function headerOf({ program, version, procedure, serial }: StreamId, type: number, status: number): MessageHeader {
  return { program, version, procedure, type, serial, status };
}

function closedError(): TypeError {
  return new TypeError("the stream is closed");
}
