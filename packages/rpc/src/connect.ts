import { Client, type ClientOptions } from "./client/client.ts";
import { clientLimits } from "./client/limits.ts";
import type { FdAddress, TcpAddress, UnixAddress } from "./transport/address.ts";
import { openTransport } from "./transport/open.ts";
import type { Transport } from "./transport/transport.ts";
import { operationChannel } from "./util/diagnostics.ts";

/** A byte stream of the caller's own making, connected. */
export interface TransportAddress {
  readonly transport: Transport;
}

/** Where a server is. */
export type Address = UnixAddress | TcpAddress | FdAddress | TransportAddress;

export interface ConnectOptions extends ClientOptions {
  /** Covers all steps up to the finished client, not the client's life. */
  readonly signal?: AbortSignal;
}

/** `tracing:virnet:client:connect:*`, with `{ address }` as the context. */
const connectChannel = operationChannel("virnet:client:connect");

/**
 * A client connected to `address`. Rejects with `ConnectionError` when it can't be reached, with the signal's reason,
 * and with `RangeError` for an address that can't be one.
 */
export function connect(address: Address, options: ConnectOptions = {}): Promise<Client> {
  if (!connectChannel.hasSubscribers) return open(address, options);
  return connectChannel.tracePromise(() => open(address, options), { address });
}

async function open(address: Address, options: ConnectOptions): Promise<Client> {
  options.signal?.throwIfAborted();
  if ("transport" in address) return new Client(address.transport, options);
  // Refused here, for after the dialling there would be a connection that nobody closes.
  clientLimits(options.limits);
  return new Client(await openTransport(address, options.signal), options);
}
