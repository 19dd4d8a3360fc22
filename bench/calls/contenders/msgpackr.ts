import net from "node:net";
import { pack, unpack } from "msgpackr";
import { type Contender, promisingSession } from "../contender.ts";
import { listening } from "../pipe.ts";
import { Waiting } from "../waiting.ts";

/** The obvious way: a length word, MessagePack, one write per message, `data` events, a map of promises. */
export const msgpackr: Contender = {
  serve(place) {
    const server = net.createServer({ noDelay: true }, (socket) => {
      readFrames(socket, (message) => sendFrame(socket, message));
    });
    return listening(server, place);
  },
  async open(place) {
    const waiting = new Waiting();
    const socket = net.connect({ ...place, noDelay: true });
    readFrames(socket, (message) => waiting.settle(message));
    return promisingSession((bytes) => {
      const body = bytes === 8 ? { left: 1, right: 2 } : { data: Buffer.alloc(bytes) };
      return () => waiting.add((id) => sendFrame(socket, { id, body }));
    });
  },
};

function sendFrame(socket: net.Socket, message: unknown): void {
  const body = pack(message);
  const frame = Buffer.allocUnsafe(4 + body.length);
  frame.writeUInt32BE(body.length);
  frame.set(body, 4);
  socket.write(frame);
}

function readFrames(socket: net.Socket, take: (message: unknown) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket
    .on("error", () => {})
    .on("data", (chunk: Buffer) => {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let at = 0;
      while (bytes.length - at >= 4) {
        const next = at + 4 + bytes.readUInt32BE(at);
        if (next > bytes.length) break;
        take(unpack(bytes.subarray(at + 4, next)));
        at = next;
      }
      rest = bytes.subarray(at);
    });
}
