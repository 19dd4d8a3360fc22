import { type DnsMessage, decodeMessage } from "../dns/message.ts";
import { DnsFormatError } from "../dns/name.ts";

/** A packet's content; `undefined` for what is none, or tells of a failure (RFC 6762 §18.11). */
export function readable(packet: Uint8Array): DnsMessage | undefined {
  try {
    const message = decodeMessage(packet);
    return message.code === 0 ? message : undefined;
  } catch (error) {
    if (error instanceof DnsFormatError) return undefined;
    throw error;
  }
}
