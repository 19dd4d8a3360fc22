import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** Stands between a client and a server, and changes what passes when told to. */
export interface DamagingProxy extends AsyncDisposable {
  readonly port: number;
  /** Has the next chunk in that direction go through `change`. */
  damage(direction: "up" | "down", change: (chunk: Uint8Array) => void): void;
}

export async function damagingProxy(target: number): Promise<DamagingProxy> {
  const changes = new Map<string, (chunk: Uint8Array) => void>();
  const sockets = new Set<Socket>();
  const pass = (from: Socket, to: Socket, direction: string): void => {
    sockets.add(from.on("error", () => {}).on("close", () => to.destroy()));
    from.on("data", (chunk: Uint8Array) => {
      changes.get(direction)?.(chunk);
      changes.delete(direction);
      to.write(chunk);
    });
  };
  const server = createServer((client) => {
    const upstream = connect(target, "localhost");
    pass(client, upstream, "up");
    pass(upstream, client, "down");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port, // it listens on TCP
    damage: (direction, change) => void changes.set(direction, change),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
