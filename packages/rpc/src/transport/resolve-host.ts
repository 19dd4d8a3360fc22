import { ADDRCONFIG } from "node:dns";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { abortable } from "../util/signals.ts";
import { socketError } from "./node-socket.ts";

/**
 * The addresses of a host in the system's order, of the families that this machine has (as libvirt's ADDRCONFIG). An
 * address stands for itself.
 */
export async function resolveHost(host: string, signal?: AbortSignal): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  try {
    const found = await abortable(lookup(host, { all: true, verbatim: true, hints: ADDRCONFIG }), signal);
    return found.map(({ address }) => address);
  } catch (error) {
    signal?.throwIfAborted();
    throw socketError(error, host);
  }
}
