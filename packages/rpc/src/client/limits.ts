import { type ProtocolLimits, withDefaults } from "../protocol/limits.ts";

/** What one client lets wait. */
export interface ClientLimits extends ProtocolLimits {
  /** Calls that wait for their reply at a time, 65536 unless given; a further one waits until it may be sent. */
  readonly calls: number;
  /** Bytes of calls that the server has not taken yet, 16 MiB unless given; a further call waits until they are fewer. */
  readonly queuedBytes: number;
}

export function clientLimits(given: Partial<ClientLimits> = {}): ClientLimits {
  const limits = { calls: 65_536, queuedBytes: 16_777_216, ...given };
  for (const name of ["calls", "queuedBytes"] as const) {
    if (!(limits[name] >= 1)) throw new RangeError(`limit ${name} is ${limits[name]}, expected at least 1`);
  }
  return { ...limits, ...withDefaults(given) };
}
