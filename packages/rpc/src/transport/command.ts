import { type ChildProcessByStdio, spawn } from "node:child_process";
import net from "node:net";
import type { Readable, Writable } from "node:stream";
import { isatty } from "node:tty";
import { ConnectionError } from "../util/connection-error.ts";
import { nothing } from "../util/nothing.ts";
import { onAbort } from "../util/signals.ts";
import { type CommandAddress, describeAddress, type Endpoint } from "./address.ts";
import { Intake, readBuffer } from "./intake.ts";
import { socketError, systemCode } from "./node-socket.ts";
import { StderrTail } from "./stderr-tail.ts";
import type { Transport, TransportEvents } from "./transport.ts";

/** How a program whose output is the wire came to its end. */
export interface CommandEnd {
  /** `null` when a signal ended it, or when it has not ended. */
  readonly status: number | null;
  readonly signal: string | null;
  /** The last of its standard error: text without control characters, trimmed. */
  readonly stderr: string;
}

export interface CommandHooks {
  /** What a person calls the far end; the program and its arguments unless given. */
  readonly name?: string;
  /** Says what an end means and what to do, better than status and standard error do by themselves. */
  readonly explain?: (end: CommandEnd) => string;
  /** Both ends of the connection; the program unless given. */
  readonly endpoint?: Endpoint;
  /** Looks at the first bytes that come: what is wrong with them, or `null`. */
  readonly refuse?: (first: Uint8Array) => string | null;
}

/**
 * A program that has been started, its standard input and output as the wire. Rejects with {@link ConnectionError} when
 * there is no such program, and with the signal's reason; then nothing of it is left.
 */
export function openCommand(
  address: CommandAddress,
  signal: AbortSignal | undefined,
  hooks: CommandHooks = {},
): Promise<Transport> {
  return new Promise((fulfil, reject) => {
    signal?.throwIfAborted();
    // Asked once: a terminal may go while the program runs.
    const detached = ownSession();
    const child = start(address, detached);
    const transport = new CommandTransport(child, detached, address, hooks);
    const settle = (): void => {
      off();
      child.off("spawn", spawned);
      child.off("error", failed);
    };
    const spawned = (): void => {
      settle();
      child.on("error", nothing); // a signal that could not be sent; the child is gone then
      fulfil(transport);
    };
    const failed = (error: Error): void => {
      settle();
      child.on("error", nothing);
      transport.abandon();
      reject(spawnError(error, address.command));
    };
    child.once("spawn", spawned);
    child.once("error", failed);
    const off = onAbort(signal, (reason) => {
      settle();
      child.on("error", nothing);
      transport.destroy(new ConnectionError("the connection was given up", "closed"));
      reject(reason);
    });
  });
}

/**
 * Without a terminal at hand the program gets a session of its own: then nothing in it can ask there for a password,
 * which nobody would answer, and ending it ends all that it has started.
 */
function start({ command, args = [], env }: CommandAddress, detached: boolean): Child {
  return spawn(command, args, {
    stdio: ["pipe", "pipe", "pipe"],
    detached,
    windowsHide: true,
    ...(env && { env }),
  });
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

function ownSession(): boolean {
  return process.platform !== "win32" && !isatty(0);
}

function spawnError(error: Error, command: string): ConnectionError {
  if (systemCode(error) !== "ENOENT") return socketError(error, command);
  return new ConnectionError(`${command}: no such program (ENOENT); install it, or name another`, "error", {
    cause: error,
  });
}

/** Milliseconds for each step of the end: to leave by itself, after SIGTERM, after SIGKILL. */
const GRACE_MS = 1_000;
/** Milliseconds for what a program said last. Who it left behind may hold its standard error for ever. */
const LAST_WORDS_MS = 100;

/** The program is reaped before `closed` is called. */
class CommandTransport implements Transport {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #child: Child;
  readonly #detached: boolean;
  readonly #name: string;
  readonly #explain: (end: CommandEnd) => string;
  readonly #refuse: (first: Uint8Array) => string | null;
  readonly #answerMs: number | undefined;
  readonly #intake: Intake | undefined;
  readonly #output: Readable;
  readonly #stderr: StderrTail;
  #events: TransportEvents | undefined;
  #failure: ConnectionError | undefined;
  #closing = false;
  #outputClosed = false;
  #exited = false;
  #answered = false;
  #told = false;
  #answer: ReturnType<typeof setTimeout> | undefined;
  #grace: ReturnType<typeof setTimeout> | undefined;
  #lastWords: ReturnType<typeof setTimeout> | undefined;

  constructor(
    child: Child,
    detached: boolean,
    address: CommandAddress,
    { name, explain, refuse, endpoint }: CommandHooks,
  ) {
    this.#child = child;
    this.#detached = detached;
    this.#name = name ?? describeAddress(address);
    this.#explain = explain ?? plainEnd;
    this.#refuse = refuse ?? acceptAny;
    this.#answerMs = address.answerMs;
    this.local = endpoint ?? { family: "command", command: address.command };
    this.remote = this.local;
    this.#stderr = new StderrTail(child.stderr);
    [this.#output, this.#intake] = fastOutput(child.stdout);
    this.#output.on("error", nothing); // its end follows
    this.#output.once("end", () => this.#leaveWithin(GRACE_MS));
    this.#output.once("close", () => {
      this.#outputClosed = true;
      this.#perhapsTell();
    });
    // What it no longer reads is lost, and its end, or its answer, says more than EPIPE.
    child.stdin.on("error", () => this.#leaveWithin(GRACE_MS));
    child.once("exit", () => {
      this.#exited = true;
      this.#stopHearing();
      this.#perhapsTell();
    });
  }

  start(events: TransportEvents): void {
    this.#events = events;
    const receive = (chunk: Uint8Array): void => {
      if (this.#answered || this.#welcome(chunk)) events.receive(chunk);
    };
    if (this.#intake === undefined) {
      this.#output.on("data", (chunk: Buffer) => receive(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length)));
    } else {
      this.#intake.open({ receive });
      this.#output.resume();
    }
    if (this.#exited) this.#stopHearing();
    this.#perhapsTell();
  }

  write(bytes: Uint8Array, done: () => void): void {
    const { stdin } = this.#child;
    if (!stdin.writable) {
      queueMicrotask(done);
      return;
    }
    this.#awaitAnswer();
    stdin.write(bytes, () => done());
  }

  /** One system call for both. */
  writePair(head: Uint8Array, body: Uint8Array, done: () => void): void {
    const { stdin } = this.#child;
    if (!stdin.writable) {
      queueMicrotask(done);
      return;
    }
    this.#awaitAnswer();
    stdin.cork();
    stdin.write(head);
    stdin.write(body, () => done());
    stdin.uncork();
  }

  pause(): void {
    this.#output.pause();
  }

  resume(): void {
    this.#output.resume();
  }

  /** The program sees the end of its input, and has a second to leave. What it says meanwhile is still heard. */
  end(): void {
    this.#closing = true;
    this.#output.resume();
    this.#child.stdin.end(() => this.#leaveWithin(GRACE_MS));
  }

  destroy(error: ConnectionError): void {
    this.#failure ??= error;
    this.#closing = true;
    this.#child.stdin.destroy();
    this.#output.destroy();
    this.#kill("SIGTERM");
    this.#killWithin(GRACE_MS);
    this.#perhapsTell();
  }

  /** For a program that could not be started. */
  abandon(): void {
    this.#child.stdin.destroy();
    this.#output.destroy();
    this.#stderr.close();
  }

  #welcome(first: Uint8Array): boolean {
    clearTimeout(this.#answer);
    const problem = this.#refuse(first);
    if (problem !== null) this.destroy(new ConnectionError(`${this.#name}: ${problem}`, "protocol"));
    this.#answered = problem === null;
    return this.#answered;
  }

  #awaitAnswer(): void {
    if (this.#answered || this.#answerMs === undefined || this.#answer !== undefined) return;
    this.#answer = setTimeout(() => {
      const { stderr } = this.#stderr;
      const told = stderr === "" ? "" : `: ${this.#explain({ status: null, signal: null, stderr })}`;
      this.destroy(new ConnectionError(`${this.#name}: no answer in ${this.#answerMs} ms${told}`, "error"));
    }, this.#answerMs);
  }

  #leaveWithin(ms: number): void {
    this.#child.stdin.destroy();
    if (this.#exited || this.#grace !== undefined) return;
    this.#grace = setTimeout(() => {
      this.#kill("SIGTERM");
      this.#killWithin(ms);
    }, ms);
  }

  /** Somebody whom the program left behind may hold its output, and can't be written to. What it said itself is heard. */
  #stopHearing(): void {
    clearTimeout(this.#grace);
    if (this.#events === undefined && !this.#closing) return;
    this.#grace = setTimeout(() => {
      if (this.#output.isPaused()) this.#stopHearing();
      else setImmediate(() => this.#output.destroy()); // once what has come meanwhile is read
    }, GRACE_MS);
  }

  #killWithin(ms: number): void {
    clearTimeout(this.#grace);
    if (this.#exited) return;
    this.#grace = setTimeout(() => {
      this.#kill("SIGKILL");
      this.#output.destroy();
      // A process that even so does not end is stuck in the system.
      this.#grace = setTimeout(() => {
        this.#exited = true;
        this.#perhapsTell();
      }, ms);
    }, ms);
  }

  /** Ends all that the program has started too, where it has a session of its own. */
  #kill(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (this.#exited || pid === undefined) return;
    try {
      if (this.#detached) process.kill(-pid, signal);
      else this.#child.kill(signal);
    } catch {
      // It has ended in this very moment.
    }
  }

  /** All that was read has been handed on by now. */
  #perhapsTell(): void {
    if (!this.#exited || !this.#outputClosed || this.#told || this.#events === undefined) return;
    this.#told = true;
    clearTimeout(this.#answer);
    clearTimeout(this.#grace);
    const tell = (): void => {
      clearTimeout(this.#lastWords);
      this.#stderr.close();
      this.#events?.closed(this.#failure ?? this.#goodbye());
    };
    if (this.#stderr.ended) tell();
    else {
      this.#stderr.whenEnded(tell);
      this.#lastWords = setTimeout(tell, LAST_WORDS_MS);
    }
  }

  #goodbye(): ConnectionError {
    if (this.#closing) return new ConnectionError("the connection was closed", "closed");
    const { exitCode, signalCode } = this.#child;
    const text = this.#explain({ status: exitCode, signal: signalCode, stderr: this.#stderr.stderr });
    return new ConnectionError(`${this.#name}: ${text}`, exitCode === 0 ? "eof" : "error");
  }
}

function acceptAny(): null {
  return null;
}

/** How a program ended, in words. */
export function plainEnd({ status, signal, stderr }: CommandEnd): string {
  const how =
    signal !== null ? `was ended by ${signal}` : status === null ? "has not ended" : `ended with status ${status}`;
  return `the program ${how}${stderr === "" ? "" : `: ${stderr}`}`;
}

interface StreamWithHandle {
  _handle?: unknown;
}

/**
 * The output as a socket that reads into a buffer of ours, by moving its handle as `acceptSocket` does; where a runtime
 * has no handle to move, the stream that it gave.
 */
function fastOutput(stdout: Readable): [Readable, Intake | undefined] {
  const owner = stdout as StreamWithHandle;
  const handle = owner._handle;
  if (handle === undefined || handle === null || !(stdout instanceof net.Socket)) return [stdout, undefined];
  owner._handle = null;
  stdout.destroy();
  const intake = new Intake(readBuffer());
  const options = { handle, allowHalfOpen: true, writable: false, onread: intake.onread };
  return [new net.Socket(options), intake];
}
