import type tls from "node:tls";
import type { ChannelBinding } from "./transport.ts";

const EXPORTER_BYTES = 32;

/**
 * What ties an authentication to this TLS connection, as GnuTLS and OpenSSL tell it too: `tls-exporter` in TLS 1.3
 * (RFC 9266), `tls-unique` in TLS 1.2 (RFC 5929), which is the first Finished message: the client's, but the server's when
 * a session is taken up again.
 */
export function channelBindingOf(socket: tls.TLSSocket, role: "client" | "server"): ChannelBinding {
  return (type) => {
    if (socket.destroyed || socket.getProtocol() !== versions[type]) return null;
    return type === "tls-exporter" ? exporter(socket) : firstFinished(socket, role);
  };
}

const versions = { "tls-exporter": "TLSv1.3", "tls-unique": "TLSv1.2" } as const;

function exporter(socket: tls.TLSSocket): Uint8Array {
  // An empty context and none give other values.
  return new Uint8Array(socket.exportKeyingMaterial(EXPORTER_BYTES, "EXPORTER-Channel-Binding", Buffer.alloc(0)));
}

function firstFinished(socket: tls.TLSSocket, role: "client" | "server"): Uint8Array | null {
  const isOurs = (role === "client") !== socket.isSessionReused();
  const message = isOurs ? socket.getFinished() : socket.getPeerFinished();
  return message === undefined ? null : new Uint8Array(message);
}
