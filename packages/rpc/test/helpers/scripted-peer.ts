import { memoryPair } from "../../src/transport/memory.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { concat, toHex } from "./bytes.ts";
import { cutFrames, type Frame, frame, type Header, parseFrame, ping } from "./frames.ts";

/** The other side of a connection, played by the test: it sends what it is told, and hands out what it is sent. */
export class ScriptedPeer {
  /** Whole frames that came and that nobody has taken yet. */
  readonly inbox: Frame[] = [];
  /** Bytes received in all. */
  received = 0;
  ended = false;
  closed: ConnectionError | undefined;
  readonly #transport: Transport;
  #rest: Uint8Array = new Uint8Array(0);
  #wake: (() => void)[] = [];

  constructor(transport: Transport) {
    this.#transport = transport;
    transport.start({
      receive: (chunk) => this.#receive(chunk),
      ended: () => this.#note(() => (this.ended = true)),
      closed: (error) => this.#note(() => (this.closed = error)),
    });
  }

  send(...parts: readonly Uint8Array[]): void {
    this.#transport.write(concat(...parts), () => {});
  }

  /** The next frame; an error when there can be none. */
  async next(): Promise<Frame> {
    while (this.inbox.length === 0) {
      if (this.closed !== undefined || this.ended) throw new Error("the other side has closed, no frame came");
      await this.#change();
    }
    return this.inbox.shift() as Frame;
  }

  async take(count: number): Promise<Frame[]> {
    const frames: Frame[] = [];
    while (frames.length < count) frames.push(await this.next());
    return frames;
  }

  /** Resolves once the other side has closed, or closed its half. */
  async gone(): Promise<void> {
    while (!this.ended && this.closed === undefined) await this.#change();
  }

  /** Throws unless nothing came; a PING and its PONG show that the other side has worked on all that was sent. */
  async silence(): Promise<void> {
    this.send(ping);
    const { header, payload } = await this.next();
    if (header.program === 0x6b656570) return;
    throw new Error(`expected silence, came ${JSON.stringify(header)} ${toHex(payload)}`);
  }

  /** Reads no more until `resume`. */
  pause(): void {
    this.#transport.pause();
  }

  resume(): void {
    this.#transport.resume();
  }

  /** Sends no more. */
  end(): void {
    this.#transport.end();
  }

  /** Gone at once. */
  break(): void {
    this.#transport.destroy(new ConnectionError("broken off", "closed"));
  }

  #receive(chunk: Uint8Array): void {
    this.received += chunk.length;
    const { frames, rest } = cutFrames(concat(this.#rest, chunk));
    this.#rest = rest;
    this.#note(() => this.inbox.push(...frames.map(parseFrame)));
  }

  #note(happened: () => unknown): void {
    happened();
    for (const wake of this.#wake.splice(0)) wake();
  }

  #change(): Promise<void> {
    return new Promise((fulfil) => {
      this.#wake.push(fulfil);
    });
  }
}

/** A peer and the transport of what it plays with. */
export function scripted(): { peer: ScriptedPeer; transport: Transport } {
  const [transport, other] = memoryPair();
  return { peer: new ScriptedPeer(other), transport };
}

/** The answer to a call, `change`d where it is to be wrong. */
export function replyTo(call: Frame, payload?: Uint8Array, change: Partial<Header> = {}): Uint8Array {
  return frame({ ...call.header, type: 1, status: 0, ...change }, payload);
}
