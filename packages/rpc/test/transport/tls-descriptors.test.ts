import { once } from "node:events";
import type { AddressInfo } from "node:net";
import tls from "node:tls";
import { expect, it, onTestFinished } from "vitest";
import { Server } from "../../src/server/server.ts";
import type { ServerClient } from "../../src/server/server-client.ts";
import { pkiFiles } from "../../src/tls/credentials.ts";
import { openTls } from "../../src/transport/tls-client.ts";
import { decodeXdr, encodeXdr } from "../../src/xdr/type.ts";
import { concat } from "../helpers/bytes.ts";
import { Echo } from "../helpers/echo.ts";
import { cutFrames, frame, OK, parseFrame, REPLY } from "../helpers/frames.ts";
import { authority, leaf } from "../helpers/pki.ts";
import { pkiFolder } from "../helpers/pki-folder.ts";
import { type Heard, hear } from "../helpers/socket-peer.ts";
import { serve, visit } from "../helpers/tls-ends.ts";
import { until } from "../helpers/turns.ts";

const CALL_WITH_FDS = 4;
const ca = authority();

/** A call that announces so many descriptors; none come, as TLS has no way for them. */
function callWith(descriptors: number): Uint8Array {
  const header = { program: Echo.number, version: 1, procedure: 1, type: CALL_WITH_FDS, serial: 7, status: OK };
  const count = Uint8Array.of(0, 0, 0, descriptors);
  return frame(header, concat(count, encodeXdr(Echo.procedures.say.args, { text: "hello", repeat: 1 })));
}

/** Sends a frame over TLS: what the sender hears, and the server's end of it. */
async function send(bytes: Uint8Array): Promise<{ heard: Heard; client: ServerClient }> {
  const server = new Server({ name: "tls" }).add(Echo, { say: ({ text }) => ({ lines: [text] }) });
  onTestFinished(() => server.close());
  const own = await pkiFiles(await pkiFolder("server", { ca: [ca], chain: [leaf(ca, "server")] }), "server");
  const { port = 0 } = await server.listen({ host: "127.0.0.1", port: 0 }, { tls: own });
  const theirs = await pkiFiles(await pkiFolder("client", { ca: [ca], chain: [leaf(ca, "client")] }), "client");
  const transport = await openTls({ host: "127.0.0.1", port }, theirs);
  onTestFinished(() => transport.end());
  const heard = hear(transport);
  const [client] = [...server.clients];
  if (client === undefined) throw new Error("the server has no client");
  transport.write(bytes, () => {});
  return { heard, client };
}

it("a call with a descriptor is refused over TLS: the server hangs up, and says why", async () => {
  const { heard, client } = await send(callWith(1));
  expect(await client.closed).toMatchObject({
    name: "ConnectionError",
    reason: "protocol",
    message: "the client sent a call with 1 descriptors, which this connection can't pass",
  });
  await until(() => heard.ended || heard.closed !== undefined);
  expect(heard.bytes).toHaveLength(0);
});

it("a call that may pass descriptors and has none is served over TLS", async () => {
  const { heard } = await send(callWith(0));
  await until(() => heard.bytes.length > 0);
  const [answer] = cutFrames(heard.bytes).frames.map(parseFrame);
  expect(answer?.header).toMatchObject({ type: REPLY, serial: 7, status: OK });
  expect(decodeXdr(Echo.procedures.say.ret, answer?.payload ?? new Uint8Array(0)).lines).toEqual(["hello"]);
});

it("a caller who gives a descriptor is told why that can't be, nothing is sent, and the connection goes on", async () => {
  const { port, refusals } = await serve({ ca: [ca], chain: [leaf(ca, "server")] });
  const client = await visit(port, { ca: [ca], chain: [leaf(ca, "client")] });
  const echo = client.program(Echo);
  await expect(echo.say({ text: "hello", repeat: 1 }, { descriptors: [0] })).rejects.toThrow(
    "descriptors can only be passed over a UNIX socket",
  );
  expect((await echo.say({ text: "still here", repeat: 1 })).lines).toEqual(["still here"]);
  expect(refusals).toEqual([]);
});

it("a handler who attaches a descriptor fails with what the client is told, and the connection goes on", async () => {
  const server = new Server({ name: "tls" }).add(Echo, {
    say({ text }, { descriptors }) {
      if (text === "give") descriptors.attach(0);
      return { lines: [text] };
    },
  });
  onTestFinished(() => server.close());
  const own = await pkiFiles(await pkiFolder("server", { ca: [ca], chain: [leaf(ca, "server")] }), "server");
  const { port = 0 } = await server.listen({ host: "127.0.0.1", port: 0 }, { tls: own });
  const client = await visit(port, { ca: [ca], chain: [leaf(ca, "client")] });
  const echo = client.program(Echo);
  await expect(echo.say({ text: "give", repeat: 1 })).rejects.toMatchObject({
    name: "RpcError",
    message: expect.stringContaining("descriptors can't be passed over this connection") as string,
  });
  expect((await echo.say({ text: "still here", repeat: 1 })).lines).toEqual(["still here"]);
});

it("a client hangs up on a server whose reply announces descriptors, and says why", async () => {
  const own = leaf(ca, "server");
  const server = tls.createServer({ ca: ca.pem, cert: own.pem, key: own.keyPem, requestCert: true }, (socket) => {
    socket.on("error", () => {});
    socket.write("\x01");
    socket.once("data", () => socket.write(replyWith(1)));
  });
  onTestFinished(() => void server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // of a TCP server
  const client = await visit(port, { ca: [ca], chain: [leaf(ca, "client")] });
  await expect(client.program(Echo).say({ text: "hello", repeat: 1 })).rejects.toThrow(
    "1 descriptors, which this connection can't pass",
  );
});

const REPLY_WITH_FDS = 5;

function replyWith(descriptors: number): Uint8Array {
  const header = { program: Echo.number, version: 1, procedure: 1, type: REPLY_WITH_FDS, serial: 1, status: OK };
  return frame(header, Uint8Array.of(0, 0, 0, descriptors, 0, 0, 0, 0));
}
