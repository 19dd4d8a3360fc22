import { once } from "node:events";
import type { AddressInfo } from "node:net";
import tls from "node:tls";
import { authority, leaf } from "./pki.ts";

/** Whether this version of Node keeps from a server the CAs that its clients send (nodejs/node#65579). */
export async function withholdsChains(): Promise<boolean> {
  const root = authority();
  const between = authority({ name: "between", issuer: root });
  const own = leaf(root, "server");
  const shown = leaf(between, "client");
  const server = tls.createServer({
    ca: root.pem,
    cert: own.pem,
    key: own.keyPem,
    requestCert: true,
    rejectUnauthorized: false,
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // of a TCP server
  const accepted = once(server, "secureConnection") as Promise<[tls.TLSSocket]>;
  const client = tls.connect({
    port,
    host: "127.0.0.1",
    rejectUnauthorized: false,
    cert: shown.pem + between.pem,
    key: shown.keyPem,
  });
  const [socket] = await accepted;
  const seen = socket.getPeerX509Certificate();
  client.destroy();
  socket.destroy();
  server.close();
  return seen?.issuerCertificate === undefined;
}
