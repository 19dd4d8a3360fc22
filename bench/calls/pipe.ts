import net from "node:net";
import type { Transport } from "virnet";
import type { Place } from "./contender.ts";

/** The least that a raw client or server needs of a connection. */
export interface Pipe {
  /** The bytes may not change any more. */
  write(bytes: Uint8Array, done?: () => void): void;
  /** Set once, before the first byte comes. The chunk is only lent. */
  receive: (chunk: Uint8Array) => void;
}

const READ_BYTES = 262_144;

/** Connected, reading into one buffer: the fastest that `node:net` has. */
export function openPipe(place: Place): Promise<Pipe> {
  return new Promise((resolve, reject) => {
    const pipe = pipeOf((onread) => net.connect({ ...place, onread, noDelay: true }));
    pipe.socket.once("connect", () => resolve(pipe)).once("error", reject);
  });
}

/** Listens, and moves each accepted connection to a socket that reads into one buffer for all. */
export function listenPipes(place: Place, accept: (pipe: Pipe) => void): Promise<Place> {
  const buffer = new Uint8Array(READ_BYTES);
  const server = net.createServer({ pauseOnConnect: true, noDelay: true }, (accepted: net.Socket & Handled) => {
    const handle = accepted._handle;
    accepted._handle = null;
    // The option is undocumented, and so untyped.
    accept(pipeOf((onread) => new net.Socket({ handle, onread } as net.SocketConstructorOpts), buffer));
  });
  return listening(server, place);
}

interface Handled {
  _handle?: unknown;
}

/** Resolves, once `server` listens, to where. */
export function listening(server: net.Server, place: Place): Promise<Place> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ ...place, backlog: 4096 }, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? { host: address.address, port: address.port } : place);
    });
  });
}

/** One end of a pair in memory. */
export function transportPipe(transport: Transport): Pipe {
  const pipe: Pipe = { write: (bytes, done = nothing) => transport.write(bytes, done), receive: nothing };
  transport.start({ receive: (chunk) => pipe.receive(chunk), ended: nothing, closed: nothing });
  return pipe;
}

function pipeOf(make: (onread: net.OnReadOpts) => net.Socket, buffer = new Uint8Array(READ_BYTES)): SocketPipe {
  const socket = make({
    buffer,
    callback(size) {
      pipe.receive(buffer.subarray(0, size));
      return true;
    },
  });
  const pipe: SocketPipe = { socket, write: (bytes, done) => void socket.write(bytes, done), receive: nothing };
  socket.on("error", nothing).resume();
  return pipe;
}

interface SocketPipe extends Pipe {
  readonly socket: net.Socket;
}

function nothing(): void {}
