import type { MessageHeader } from "../protocol/message.ts";

/** One packet of a stream on its way out. */
export interface Packet {
  readonly header: MessageHeader;
  readonly bytes: Uint8Array;
  /** Told that it has been handed to the connection, copied if it is small. */
  started(packet: this): void;
  /** Told that it has left: its bytes are no longer needed. */
  sent(packet: this): void;
  /** Set by whoever wants it dropped, if it has not started. */
  cancelled: boolean;
}

/** What the outbox needs of a connection. */
export interface OutboxPort {
  readonly isDraining: boolean;
  sendRaw(header: MessageHeader, payload: Uint8Array, sent: () => void): void;
  whenDrained(then: () => void): void;
}

/** Stream data of one connection that may be on its way to the system, so that replies find a short queue. */
const WINDOW_BYTES = 524_288;
/** What a packet counts besides its payload. */
const PACKET_BYTES = 28;

/**
 * The stream packets of one connection, in turn: each stream hands in one at a time (F046), and all of them together
 * have only so much on the way.
 */
export class Outbox {
  readonly #port: OutboxPort;
  readonly #waiting: Packet[] = [];
  #first = 0;
  #onTheWay = 0;
  #closed = false;
  #waitsForDrain = false;

  constructor(port: OutboxPort) {
    this.#port = port;
  }

  send(packet: Packet): void {
    if (this.#closed) return;
    if (this.#first === this.#waiting.length && this.#hasRoom()) this.#start(packet);
    else this.#waiting.push(packet);
  }

  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
    this.#first = 0;
  }

  #start(packet: Packet): void {
    const size = packet.bytes.length + PACKET_BYTES;
    this.#onTheWay += size;
    this.#port.sendRaw(packet.header, packet.bytes, () => {
      this.#onTheWay -= size;
      packet.sent(packet);
      this.#startMore();
    });
    packet.started(packet);
  }

  #startMore(): void {
    while (this.#first < this.#waiting.length && this.#hasRoom()) {
      const packet = this.#waiting[this.#first++];
      if (packet !== undefined && !packet.cancelled) this.#start(packet);
    }
    if (this.#first === this.#waiting.length || this.#first > 1024) {
      this.#waiting.splice(0, this.#first);
      this.#first = 0;
    }
  }

  /** Who waits for the queue to drain comes first: stream data would keep it full for ever. */
  #hasRoom(): boolean {
    if (this.#closed || this.#onTheWay >= WINDOW_BYTES) return false;
    if (!this.#port.isDraining) return true;
    if (!this.#waitsForDrain) {
      this.#waitsForDrain = true;
      this.#port.whenDrained(() => {
        this.#waitsForDrain = false;
        this.#startMore();
      });
    }
    return false;
  }
}
