import { expect, it } from "vitest";
import { connect } from "../../src/connect.ts";
import { Server } from "../../src/server/server.ts";
import { pkiFiles } from "../../src/tls/credentials.ts";
import { Echo } from "../helpers/echo.ts";
import { authority, leaf } from "../helpers/pki.ts";
import { pkiFolder } from "../helpers/pki-folder.ts";

it("a server closes while clients of TLS are there", async () => {
  const ca = authority();
  const tls = async (role: "server" | "client") =>
    pkiFiles(await pkiFolder(role, { ca: [ca], chain: [leaf(ca, role)] }), role);
  const server = new Server({ name: "echod" }).add(Echo, { say: ({ text }) => ({ lines: [text] }) });
  const { port = 0 } = await server.listen({ host: "127.0.0.1", port: 0 }, { tls: await tls("server") });
  const client = await connect({ host: "localhost", port }, { tls: await tls("client") });
  await server.close();
  expect(await client.closed).toMatchObject({ reason: "eof" });
});
