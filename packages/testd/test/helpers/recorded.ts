import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";

/** One message of a recorded session. */
export interface RecordedMessage {
  readonly dir: "c2s" | "s2c";
  readonly hex: string;
}

const folder = new URL("../../../../interop/testbed/captures/", import.meta.url);

/** The messages of a session that was recorded between libvirt's own programs, in order. */
export function recordedSession(name: string): RecordedMessage[] {
  const lines = readFileSync(new URL(`${name}.jsonl`, folder), "utf8")
    .trim()
    .split("\n");
  // The lines were written by our own recorder; those that are no messages have no length.
  const parsed = lines.map((line) => JSON.parse(line) as RecordedMessage & { readonly len?: number });
  return parsed.flatMap(({ dir, hex, len }) => (len === undefined ? [] : [{ dir, hex }]));
}

/** A socket that sends recorded bytes, and cuts what comes into messages. */
export class RawClient implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #frames: string[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => {};

  constructor(path: string) {
    this.#socket = connect(path);
    this.#socket.on("data", (chunk) => this.#take(chunk)).on("end", () => this.#end());
  }

  send(hex: string): void {
    this.#socket.write(Buffer.from(hex, "hex"));
  }

  /** The next message, or `null` once the server has closed. */
  async next(): Promise<string | null> {
    while (this.#frames.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#frames.shift() ?? null;
  }

  /** The next messages in no order: an event may come before or after the reply that it goes with. */
  async take(count: number): Promise<string[]> {
    const taken: string[] = [];
    while (taken.length < count) taken.push((await this.next()) ?? "end");
    return sorted(taken);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.destroyed) return;
    const closed = once(this.#socket, "close");
    this.#socket.destroy();
    await closed;
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 4 && this.#rest.length >= this.#rest.readUInt32BE(0)) {
      const length = this.#rest.readUInt32BE(0);
      this.#frames.push(this.#rest.toString("hex", 0, length));
      this.#rest = this.#rest.subarray(length);
    }
    this.#wake();
  }

  #end(): void {
    this.#ended = true;
    this.#wake();
  }
}

/** Messages in an order that says nothing. */
export function sorted(messages: readonly string[]): string[] {
  return messages.toSorted((one, other) => (one < other ? -1 : 1));
}
