import { subscribe } from "node:diagnostics_channel";
import type { ServerClient } from "virnet/server";

/** Tells of each client of this process that comes and goes, and who it has proved to be, as one line of JSON each. */
export function logClients(tell: (line: string) => void): void {
  subscribe("virnet:server:client:opened", (message) => tell(lineOf("opened", message)));
  subscribe("virnet:server:client:closed", (message) => tell(lineOf("closed", message)));
}

function lineOf(event: string, message: unknown): string {
  // What the two channels promise.
  const { client, error } = message as { readonly client: ServerClient; readonly error?: Error };
  const { id, remote, identity } = client;
  const line = { event, client: id, remote, identity, ...(error && { reason: error.message }) };
  return JSON.stringify(line, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
}
