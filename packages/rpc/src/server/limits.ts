import { type ProtocolLimits, withDefaults } from "../protocol/limits.ts";

/** What one server grants its clients. */
export interface ServerLimits extends ProtocolLimits {
  /** Calls of one client worked on at a time; libvirtd's max_client_requests, 5 (F132). */
  readonly clientRequests: number;
  /** Clients connected at a time; libvirtd's max_clients, 5000. Further ones are turned away. */
  readonly clients: number;
  /**
   * Bytes that may wait for a client who does not read. Replies wait for it, as its calls are not read meanwhile; events
   * don't, so beyond this the client is disconnected.
   */
  readonly queuedBytes: number;
  /** Bytes of one client's streams that may wait in memory for slow handlers; a sixteenth while no other stream waits. */
  readonly streamBytes: number;
  /** Streams of one client at a time; a further one is refused. */
  readonly streams: number;
}

export function serverLimits(given: Partial<ServerLimits> = {}): ServerLimits {
  const limits = { clientRequests: 5, clients: 5000, queuedBytes: 16_777_216, ...streamDefaults, ...given };
  for (const name of ["clientRequests", "clients", "queuedBytes", "streamBytes", "streams"] as const) {
    if (!(limits[name] >= 1)) throw new RangeError(`limit ${name} is ${limits[name]}, expected at least 1`);
  }
  return { ...limits, ...withDefaults(given) };
}

const streamDefaults = { streamBytes: 8_388_608, streams: 4096 };
