import { describeEndpoint, type Endpoint } from "../transport/address.ts";
import { type ListenAddress, listen } from "../transport/listen.ts";
import { readBuffer } from "../transport/node-socket.ts";
import type { Transport } from "../transport/transport.ts";
import type { ConnectionError } from "../util/connection-error.ts";

export interface ServiceOptions {
  /** Connections that may wait to be accepted; 1000 unless given (libvirtd's max_queued_clients). */
  readonly backlog?: number;
}

export interface ServiceParts extends ServiceOptions {
  /** Takes each client's transport. */
  readonly accept: (transport: Transport) => void;
  /** An error of a listening socket after it was opened; it goes on listening. */
  readonly error: (error: ConnectionError) => void;
}

/** The listening sockets of one address, which share what they demand of clients. */
export interface Service {
  /** Where it listens: two endpoints for TCP on all addresses, one per family. */
  readonly endpoints: readonly Endpoint[];
  /** The TCP port, the same in both families (libvirt-rpc §2.8); absent for a UNIX socket. */
  readonly port?: number;
  /** Accepts no further client; those that are there stay. */
  close(): Promise<void>;
  /** The endpoints as people write them. */
  toString(): string;
}

/** Opens the sockets of `address`. Rejects with `ConnectionError` when it can't. */
export async function openService(address: ListenAddress, parts: ServiceParts): Promise<Service> {
  const listeners = await listen(address, { ...parts, readBuffer: readBuffer() });
  const endpoints = listeners.map(({ endpoint }) => endpoint);
  return {
    endpoints,
    ...portOf(endpoints),
    async close() {
      await Promise.all(listeners.map((listener) => listener.close()));
    },
    toString: () => endpoints.map(describeEndpoint).join(", "),
  };
}

function portOf(endpoints: readonly Endpoint[]): { port: number } | undefined {
  const first = endpoints[0];
  return first !== undefined && "port" in first ? { port: first.port } : undefined;
}
