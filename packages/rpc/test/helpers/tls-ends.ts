import { onTestFinished } from "vitest";
import type { Client } from "../../src/client/client.ts";
import { connect } from "../../src/connect.ts";
import { Server } from "../../src/server/server.ts";
import type { ServerClient } from "../../src/server/server-client.ts";
import { pkiFiles } from "../../src/tls/credentials.ts";
import type { TlsClientOptions } from "../../src/transport/tls-client.ts";
import type { TlsServerOptions } from "../../src/transport/tls-server.ts";
import type { ConnectionError } from "../../src/util/connection-error.ts";
import { Echo } from "./echo.ts";
import { type FolderContents, pkiFolder } from "./pki-folder.ts";

export interface Service {
  readonly server: Server;
  readonly folder: string;
  readonly port: number;
  /** Why clients were turned away. */
  readonly refusals: string[];
  readonly callers: ServerClient[];
}

/** A server with these files, which are not checked before, that goes with the test. */
export async function serve(contents: FolderContents, options: Partial<TlsServerOptions> = {}): Promise<Service> {
  const folder = await pkiFolder("server", contents);
  const refusals: string[] = [];
  const callers: ServerClient[] = [];
  const server = new Server({ name: "tls" }).add(Echo, {
    say({ text }, { client }) {
      callers.push(client);
      return { lines: [text] };
    },
  });
  onTestFinished(() => server.close());
  const credentials = await pkiFiles(folder, "server", { sanity: false });
  const onRefused = ({ message }: ConnectionError): void => void refusals.push(message.replace(/^\S+: /, ""));
  const tls = { ...credentials, handshakeMs: 2000, onRefused, ...options };
  const { port = 0 } = await server.listen({ host: "127.0.0.1", port: 0 }, { tls });
  return { server, folder, port, refusals, callers };
}

/** A client with these files, which are not checked before, that goes with the test. */
export async function visit(
  port: number,
  contents: FolderContents,
  options: Partial<TlsClientOptions> = {},
): Promise<Client> {
  const credentials = await pkiFiles(await pkiFolder("client", contents), "client", { sanity: false });
  const client = await connect({ host: "127.0.0.1", port }, { tls: { ...credentials, ...options } });
  onTestFinished(() => client.close());
  return client;
}
