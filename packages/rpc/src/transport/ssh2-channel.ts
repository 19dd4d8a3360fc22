import type net from "node:net";
import type { Client, ClientChannel } from "ssh2";
import { ConnectionError } from "../util/connection-error.ts";
import { nothing } from "../util/nothing.ts";
import type { Endpoint } from "./address.ts";
import { explainSsh, type SshPlace, textInstead } from "./ssh-failure.ts";
import { StderrTail } from "./stderr-tail.ts";
import type { Transport, TransportEvents } from "./transport.ts";

/** Milliseconds for the far side to end by itself. */
const GRACE_MS = 1_000;

/** What runs on the far side, as the wire. */
export class Ssh2Channel implements Transport {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #client: Client;
  readonly #channel: ClientChannel;
  readonly #socket: net.Socket;
  readonly #place: SshPlace;
  readonly #answerMs: number;
  readonly #stderr: StderrTail;
  /** ssh2 forgets the callbacks of what it could not send. */
  readonly #unsent: (() => void)[] = [];
  #events: TransportEvents | undefined;
  #failure: ConnectionError | undefined;
  #status: number | null = null;
  #signal: string | null = null;
  /** No more is to be written, whoever wants it so. */
  #closing = false;
  /** It was this side that closed. */
  #ours = false;
  #answered = false;
  #told = false;
  #answer: ReturnType<typeof setTimeout> | undefined;
  #grace: ReturnType<typeof setTimeout> | undefined;

  constructor(client: Client, channel: ClientChannel, socket: net.Socket, place: SshPlace, answerMs: number) {
    this.#client = client;
    this.#channel = channel;
    this.#socket = socket;
    this.#place = place;
    this.#answerMs = answerMs;
    this.local = { family: "ssh", name: place.host };
    this.remote = this.local;
    this.#stderr = new StderrTail(channel.stderr);
    channel.on("error", nothing);
    channel.on("exit", (status: number | null, signal?: string) => {
      this.#status = status;
      this.#signal = signal ?? null;
    });
    channel.on("close", () => this.#leave());
    client.on("error", (error: Error) => {
      this.#failure ??= new ConnectionError(`ssh ${place.host}: ${error.message}`, "error", { cause: error });
    });
    client.on("close", () => this.#tell());
    socket.on("close", () => this.#tell());
  }

  start(events: TransportEvents): void {
    this.#events = events;
    this.#channel.on("data", (chunk: Buffer) => {
      const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
      if (this.#answered || this.#welcome(bytes)) events.receive(bytes);
    });
    if (this.#socket.destroyed) this.#tell();
  }

  write(bytes: Uint8Array, done: () => void): void {
    if (!this.#channel.writable || this.#closing) {
      queueMicrotask(done);
      return;
    }
    this.#awaitAnswer();
    this.#unsent.push(done);
    this.#channel.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), () => this.#unsent.shift()?.());
  }

  /** ssh2 keeps a window's worth, and the far side sends no more than that. */
  pause(): void {
    this.#channel.pause();
  }

  resume(): void {
    this.#channel.resume();
  }

  end(): void {
    if (this.#closing) return;
    this.#channel.end(() => this.#leaveWithin(GRACE_MS));
    this.#closing = true;
    this.#ours = true;
    this.#channel.resume();
  }

  destroy(error: ConnectionError): void {
    this.#failure ??= error;
    this.#closing = true;
    this.#drop();
  }

  #welcome(first: Uint8Array): boolean {
    clearTimeout(this.#answer);
    const problem = textInstead(first, this.#place.host);
    if (problem !== null) this.destroy(new ConnectionError(`ssh ${this.#place.host}: ${problem}`, "protocol"));
    this.#answered = problem === null;
    return this.#answered;
  }

  #awaitAnswer(): void {
    if (this.#answered || this.#answer !== undefined) return;
    this.#answer = setTimeout(() => {
      const text = `ssh ${this.#place.host}: no answer in ${this.#answerMs} ms`;
      this.destroy(new ConnectionError(text, "error"));
    }, this.#answerMs);
  }

  /** The far side has ended; so does the login. */
  #leave(): void {
    this.#closing = true;
    this.#client.end();
    this.#leaveWithin(GRACE_MS);
  }

  #leaveWithin(ms: number): void {
    if (this.#told) return;
    this.#grace ??= setTimeout(() => this.#drop(), ms);
  }

  #drop(): void {
    this.#client.destroy();
    this.#socket.destroy();
  }

  #tell(): void {
    if (this.#told || this.#events === undefined || !this.#socket.destroyed) return;
    this.#told = true;
    clearTimeout(this.#answer);
    clearTimeout(this.#grace);
    for (const done of this.#unsent.splice(0)) queueMicrotask(done);
    const { stderr } = this.#stderr;
    this.#stderr.close();
    this.#events.closed(this.#failure ?? this.#goodbye(stderr));
  }

  #goodbye(stderr: string): ConnectionError {
    if (this.#ours) return new ConnectionError("the connection was closed", "closed");
    const [status, signal] = [this.#status, this.#signal];
    if (status === null && signal === null && stderr === "") {
      return new ConnectionError(`ssh ${this.#place.host}: the connection broke off`, "eof");
    }
    const text = explainSsh({ status, signal, stderr }, this.#place);
    return new ConnectionError(`ssh ${this.#place.host}: ${text}`, status === 0 ? "eof" : "error");
  }
}
