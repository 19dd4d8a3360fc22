import { once } from "node:events";
import http from "node:http";
import { WebSocket, WebSocketServer } from "ws";
import { type Contender, promisingSession } from "../contender.ts";
import { listening } from "../pipe.ts";
import { Waiting } from "../waiting.ts";

/** JSON messages with a number each, as JSON-RPC has them, over WebSocket. */
export const wsJson: Contender = {
  serve(place) {
    const server = http.createServer();
    new WebSocketServer({ server }).on("connection", (socket) => {
      socket.on("message", (data) => socket.send(JSON.stringify(parse(data))));
    });
    return listening(server, place);
  },
  async open(place) {
    const waiting = new Waiting();
    const socket = new WebSocket("path" in place ? `ws+unix:${place.path}:/` : `ws://${place.host}:${place.port}/`);
    socket.on("message", (data) => waiting.settle(parse(data)));
    await once(socket, "open");
    return promisingSession((bytes) => {
      const body = bytes === 8 ? { left: 1, right: 2 } : { data: "x".repeat(bytes) };
      return () => waiting.add((id) => socket.send(JSON.stringify({ id, body })));
    });
  },
};

function parse(data: unknown): unknown {
  return JSON.parse(String(data)); // a Buffer, as long as no other binaryType is set
}
