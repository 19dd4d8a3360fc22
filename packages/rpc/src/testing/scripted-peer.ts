import { Framer } from "../protocol/framer.ts";
import { defaultLimits } from "../protocol/limits.ts";
import { beginFrame, decodeHeader, endFrame, HEADER_BYTES, type MessageHeader } from "../protocol/message.ts";
import type { Transport } from "../transport/transport.ts";
import { AsyncQueue } from "../util/async-queue.ts";
import { ConnectionError } from "../util/connection-error.ts";
import { deferred } from "../util/deferred.ts";
import { encodeInto, type XdrType, XdrVoid } from "../xdr/type.ts";
import { XdrWriter } from "../xdr/writer.ts";

/** One message as it came. */
export interface Frame {
  readonly header: MessageHeader;
  readonly payload: Uint8Array;
}

/** Frames kept for a test that does not take them; more than any test should cause. */
const KEPT_FRAMES = 1_000_000;

/**
 * The other end of a connection, played by a test: it sends exactly what it is told, right or wrong, and keeps what
 * comes. It answers nothing by itself.
 */
export class ScriptedPeer implements AsyncDisposable {
  /** Resolves when the connection has ended; the error says why. */
  readonly closed: Promise<ConnectionError>;
  readonly #transport: Transport;
  readonly #frames = new AsyncQueue<Frame>({ limit: KEPT_FRAMES, overflow: "error", onEnd() {} });

  constructor(transport: Transport) {
    const { promise, resolve } = deferred<ConnectionError>();
    const framer = new Framer(defaultLimits.frame, {
      frame: (bytes, start, end) => this.#frames.push(frameOf(bytes, start, end)),
    });
    this.closed = promise;
    this.#transport = transport;
    transport.start({
      receive: (chunk) => framer.push(chunk),
      ended: () => transport.end(),
      closed: (error) => {
        this.#frames.end(error);
        resolve(error);
      },
    });
  }

  /** The next message that came, or is to come. Rejects when the connection ends first. */
  async next(): Promise<Frame> {
    const { value } = await this.#frames.next();
    if (value === undefined) throw await this.closed;
    return value;
  }

  /** Sends bytes as they are. */
  send(bytes: Uint8Array): void {
    this.#transport.write(bytes, () => {});
  }

  /** Sends one message. */
  sendMessage<T>(header: MessageHeader, type: XdrType<T>, value: T): void;
  sendMessage(header: MessageHeader): void;
  sendMessage(header: MessageHeader, type: XdrType<unknown> = XdrVoid, value?: unknown): void {
    this.send(encodeFrame(header, type, value));
  }

  /** Sends no more, and closes once all is sent. */
  end(): void {
    this.#transport.end();
  }

  /** Vanishes: what is not sent yet is lost. */
  vanish(): void {
    this.#transport.destroy(new ConnectionError("the scripted peer vanished", "closed"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.vanish();
    await this.closed;
  }
}

/** The bytes of one message. */
export function encodeFrame<T>(header: MessageHeader, type: XdrType<T>, value: T): Uint8Array {
  const writer = new XdrWriter();
  const start = beginFrame(writer, header);
  encodeInto(writer, type, value, "payload");
  endFrame(writer, start);
  return writer.bytes.slice(0, writer.position);
}

function frameOf(bytes: Uint8Array, start: number, end: number): Frame {
  return { header: decodeHeader(bytes, start), payload: bytes.slice(start + HEADER_BYTES, end) };
}
