import { subscribe } from "node:diagnostics_channel";
import type { ServerClient } from "virnet/server";

/** Tells of each client of this process that comes and goes, and who it has proved to be, as one object each. */
export function logClients(tell: (line: object) => void): void {
  subscribe("virnet:server:client:opened", (message) => tell({ event: "opened", ...described(message) }));
  subscribe("virnet:server:client:closed", (message) => tell({ event: "closed", ...described(message) }));
}

function described(message: unknown): object {
  // What the two channels promise.
  const { client, error } = message as { readonly client: ServerClient; readonly error?: Error };
  const { id, remote, identity } = client;
  return { client: id, remote, identity, ...(error && { reason: error.message }) };
}
