import { type ProtocolLimits, withDefaults } from "../protocol/limits.ts";

/** What one client lets wait. */
export interface ClientLimits extends ProtocolLimits {
  /** Calls that wait for their reply at a time, 65536 unless given; a further one waits until it may be sent. */
  readonly calls: number;
  /** Bytes of calls that the server has not taken yet, 16 MiB unless given; a further call waits until they are fewer. */
  readonly queuedBytes: number;
  /**
   * Bytes of streams' data that may wait in memory for slow readers while calls wait for replies that come behind it,
   * 16 MiB unless given. While nothing else waits a sixteenth of it stops the reading.
   */
  readonly streamBytes: number;
  /** Streams at a time, 65536 unless given, those included whose end the server has not confirmed. */
  readonly streams: number;
}

export function clientLimits(given: Partial<ClientLimits> = {}): ClientLimits {
  const limits = { calls: 65_536, queuedBytes: 16_777_216, streamBytes: 16_777_216, streams: 65_536, ...given };
  for (const name of ["calls", "queuedBytes", "streamBytes", "streams"] as const) {
    if (!(limits[name] >= 1)) throw new RangeError(`limit ${name} is ${limits[name]}, expected at least 1`);
  }
  return { ...limits, ...withDefaults(given) };
}
