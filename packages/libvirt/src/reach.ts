import { type Client, type ConnectOptions, connect } from "virnet";
import type { Destination } from "./destination.ts";
import { connectStarting } from "./session-daemon.ts";

/** A client at a destination; a daemon that is to be started is. What TLS needs is loaded by those who use it. */
export async function reach(
  { address, tls, autostart, surroundings }: Destination,
  options: ConnectOptions,
): Promise<Client> {
  const all = tls === null ? options : { ...options, tls: await credentials(tls) };
  if (autostart === null) return connect(address, all);
  return connectStarting(autostart, surroundings, options.signal, () => connect(address, all));
}

async function credentials({
  pkipath,
  sanity,
  verify,
  priority,
}: NonNullable<Destination["tls"]>): Promise<NonNullable<ConnectOptions["tls"]>> {
  const { pkiFiles } = await import("virnet/tls");
  return { ...(await pkiFiles(pkipath, "client", { sanity })), verify, priority: priority ?? undefined };
}
