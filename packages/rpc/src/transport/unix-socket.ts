import { closeSync, readFileSync } from "node:fs";
import net from "node:net";
import { ConnectionError } from "../util/connection-error.ts";
import type { Endpoint } from "./address.ts";
import { Intake, readBuffer } from "./intake.ts";
import type { Admit, ListenOptions } from "./listen.ts";
import { acceptSocket, adoptHandle, type Endpoints, endpointsOf, NodeSocket, socketError } from "./node-socket.ts";
import type { Dial } from "./open.ts";
import type { DescriptorChannel, Transport, TransportEvents } from "./transport.ts";
import type { UnixIdentity, UnixNative } from "./unix-native.ts";

/** Bytes taken before it is known what may come: no message is shorter. */
const FIRST_BYTES = 4;
/** Descriptors that a peer has announced must come in this time. */
const RECEIVE_MS = 10_000;
const FIRST_WAIT_MS = 1;
const LONGEST_WAIT_MS = 64;

/** Admits clients of UNIX sockets with their identity and their descriptors, and those of TCP as they come. */
export function admitUnix(
  native: UnixNative,
  accept: (transport: Transport) => void,
): Required<Pick<ListenOptions, "admit" | "adopt">> {
  const buffer = readBuffer();
  const admit: Admit = (socket, endpoints) => {
    const { _handle: handle } = socket as HandleOwner;
    if (endpoints !== undefined || !isUnixHandle(handle)) accept(acceptSocket(socket, buffer, endpoints));
    else {
      (socket as HandleOwner)._handle = null;
      socket.destroy();
      accept(adoptUnix(handle, buffer, native));
    }
  };
  const adopt = (handle: object): void =>
    accept(isUnixHandle(handle) ? adoptUnix(handle, buffer, native) : adoptHandle(handle, buffer));
  return { admit, adopt };
}

/** For `dialAddress`: connects to a UNIX socket. */
export function dialUnix(native: UnixNative): Dial<net.Socket, Transport> {
  return (target, intake) => {
    const exact = new ExactIntake(intake);
    const socket = net.connect({ ...target, allowHalfOpen: true, onread: exact.onread });
    return { socket, adopt: ({ name }) => openUnix(socket, exact, endpointsOf(socket, name), native) };
  };
}

interface UnixHandle {
  readonly fd: number;
}

interface HandleOwner {
  _handle?: object | null;
}

/** Only TCP's can be asked for a peer's address. Other runtimes than Node read on past what they are asked for. */
function isUnixHandle(handle: object | null | undefined): handle is UnixHandle {
  if (handle === undefined || handle === null || "getpeername" in handle) return false;
  return (
    "fd" in handle && typeof handle.fd === "number" && handle.fd >= 0 && !("Bun" in globalThis || "Deno" in globalThis)
  );
}

function adoptUnix(handle: UnixHandle, buffer: Uint8Array, native: UnixNative): Transport {
  const exact = new ExactIntake(new Intake(buffer));
  const options = { handle, allowHalfOpen: true, onread: exact.onread };
  const socket = new net.Socket(options);
  return openUnix(socket, exact, endpointsOf(socket), native);
}

function openUnix(socket: net.Socket, exact: ExactIntake, endpoints: Endpoints, native: UnixNative): Transport {
  const plain = new NodeSocket(socket, exact.intake, endpoints);
  const { _handle: handle } = socket as HandleOwner;
  return isUnixHandle(handle) ? new UnixSocket(plain, socket, exact, native) : plain;
}

/** Takes no more from the system at once than its reader wants, so that nothing is read past a message. */
class ExactIntake {
  readonly intake: Intake;
  readonly onread: net.OnReadOpts;
  /** Asked before each read. */
  wanted: (() => number) | undefined;
  /** What came must not be read on from. */
  stopped = false;

  constructor(intake: Intake) {
    const { buffer } = intake;
    this.intake = intake;
    this.onread = {
      buffer: () => buffer.subarray(0, this.#next(buffer.length)),
      callback: (size) => intake.take(size) && !this.stopped,
    };
  }

  #next(most: number): number {
    if (this.wanted === undefined) return this.intake.hasEarly ? 1 : FIRST_BYTES;
    return Math.max(1, Math.min(most, this.wanted()));
  }
}

/** A UNIX socket that knows who is at the other end, and passes descriptors (libvirt-rpc §1.5). */
class UnixSocket implements Transport, DescriptorChannel {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly identity: UnixIdentity | null;
  readonly descriptors: DescriptorChannel = this;
  readonly #plain: NodeSocket;
  readonly #socket: net.Socket;
  readonly #exact: ExactIntake;
  readonly #native: UnixNative;
  /** Descriptors that nobody else closes. */
  readonly #owned = new Set<number>();
  /** Those of the message that has just been written, in their order. */
  #leaving: number[] | undefined;
  /** What comes after them. */
  #behind: (() => void)[] = [];
  #retry: ReturnType<typeof setTimeout> | undefined;
  #awaited: Awaited | undefined;
  #paused = false;
  #closed = false;

  constructor(plain: NodeSocket, socket: net.Socket, exact: ExactIntake, native: UnixNative) {
    this.local = plain.local;
    this.remote = plain.remote;
    this.#plain = plain;
    this.#socket = socket;
    this.#exact = exact;
    this.#native = native;
    this.identity = identify(native, this.#number());
  }

  get given(): number {
    return this.#plain.given;
  }

  start(events: TransportEvents): void {
    this.#exact.wanted = () => events.wanted?.() ?? Number.POSITIVE_INFINITY;
    this.#plain.start({
      receive: (chunk) => events.receive(chunk),
      ended: () => events.ended(),
      closed: (error) => {
        this.#release();
        events.closed(error);
      },
    });
  }

  write(bytes: Uint8Array, done: () => void): void {
    if (this.#leaving === undefined) this.#plain.write(bytes, done);
    else this.#behind.push(() => this.write(bytes, done));
  }

  writePair(head: Uint8Array, body: Uint8Array, done: () => void): void {
    if (this.#leaving === undefined) this.#plain.writePair(head, body, done);
    else this.#behind.push(() => this.writePair(head, body, done));
  }

  pause(): void {
    this.#paused = true;
    this.#plain.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#awaited === undefined) this.#plain.resume();
  }

  end(): void {
    if (this.#leaving === undefined) this.#plain.end();
    else this.#behind.push(() => this.end());
  }

  destroy(error: ConnectionError): void {
    this.#release();
    this.#plain.destroy(error);
  }

  copy(descriptor: number): number {
    return this.#native.copy(descriptor);
  }

  close(descriptor: number): void {
    closeSync(descriptor);
  }

  /** Takes the copies over. */
  writeWith(bytes: Uint8Array, copies: readonly number[], done: () => void): void {
    for (const copy of copies) this.#owned.add(copy);
    if (this.#closed) this.#release();
    this.#writeWith(bytes, copies, done);
  }

  receive(count: number, done: (descriptors: number[]) => void): void {
    const awaited: Awaited = { count, done, got: [], until: performance.now() + RECEIVE_MS, wait: FIRST_WAIT_MS };
    this.#awaited = awaited;
    this.#collect(awaited);
    if (this.#awaited !== awaited) return;
    this.#exact.stopped = true;
    this.#plain.pause();
  }

  #writeWith(bytes: Uint8Array, copies: readonly number[], done: () => void): void {
    if (this.#leaving !== undefined) {
      this.#behind.push(() => this.#writeWith(bytes, copies, done));
      return;
    }
    this.#leaving = [...copies];
    this.#plain.write(bytes, () => {
      done();
      this.#pass(FIRST_WAIT_MS);
    });
  }

  /** Sends each by itself (libvirt-rpc §1.5), and then what waits behind them. */
  #pass(wait: number): void {
    const leaving = this.#leaving ?? [];
    try {
      for (let next = leaving[0]; next !== undefined && !this.#closed; next = leaving[0]) {
        if (!this.#native.send(this.#number(), next)) {
          this.#retry = setTimeout(() => this.#pass(Math.min(2 * wait, LONGEST_WAIT_MS)), wait);
          return;
        }
        leaving.shift();
        this.#drop(next);
      }
    } catch (error) {
      this.destroy(socketError(error, "passing a descriptor"));
    }
    this.#leaving = undefined;
    for (let next = this.#nextBehind(); next !== undefined; next = this.#nextBehind()) next();
  }

  #nextBehind(): (() => void) | undefined {
    return this.#leaving === undefined ? this.#behind.shift() : undefined;
  }

  #collect(awaited: Awaited): void {
    try {
      while (awaited.got.length < awaited.count) {
        const got = this.#native.receive(this.#number());
        if (typeof got !== "number") {
          this.#await(awaited, got);
          return;
        }
        this.#owned.add(got);
        awaited.got.push(got);
      }
    } catch (error) {
      this.destroy(socketError(error, "taking a descriptor"));
      return;
    }
    this.#awaited = undefined;
    for (const descriptor of awaited.got) this.#owned.delete(descriptor);
    awaited.done(awaited.got);
  }

  #collectLate(awaited: Awaited): void {
    this.#collect(awaited);
    if (this.#awaited !== undefined || this.#closed) return;
    this.#exact.stopped = false;
    if (!this.#paused) this.#plain.resume();
  }

  #await(awaited: Awaited, why: "later" | "nothing" | "ended"): void {
    if (why === "later" && performance.now() < awaited.until) {
      this.#retry = setTimeout(() => this.#collectLate(awaited), awaited.wait);
      awaited.wait = Math.min(2 * awaited.wait, LONGEST_WAIT_MS);
      return;
    }
    const { got, count } = awaited;
    const said = `${got.length} of ${count} descriptors came`;
    this.destroy(
      why === "ended"
        ? new ConnectionError(`the peer closed the connection after ${said}`, "eof")
        : new ConnectionError(`the peer broke its word: only ${said}`, "protocol"),
    );
  }

  #number(): number {
    const { _handle: handle } = this.#socket as HandleOwner;
    if (this.#closed || !isUnixHandle(handle)) throw new ConnectionError("the connection was closed", "closed");
    return handle.fd;
  }

  #drop(descriptor: number): void {
    if (this.#owned.delete(descriptor)) closeSync(descriptor);
  }

  #release(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#awaited = undefined;
    for (const descriptor of this.#owned) this.#drop(descriptor);
    if (this.#leaving !== undefined) queueMicrotask(() => this.#pass(FIRST_WAIT_MS));
  }
}

interface Awaited {
  readonly count: number;
  readonly done: (descriptors: number[]) => void;
  readonly got: number[];
  readonly until: number;
  wait: number;
}

/** Names are looked up when somebody asks. */
function identify(native: UnixNative, socket: number): UnixIdentity | null {
  const peer = native.peerOf(socket);
  if (peer === null) return null;
  return {
    ...peer,
    processStart: startOf(peer.pid),
    get userName() {
      return native.userName(peer.uid);
    },
    get groupName() {
      return native.groupName(peer.gid);
    },
  };
}

/** Field 22 of its `stat`; the second field, the program's name in parentheses, may hold anything. */
function startOf(pid: number): bigint | null {
  if (pid === 0) return null;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
    return /^\d+$/.test(start) ? BigInt(start) : null;
  } catch {
    return null;
  }
}
