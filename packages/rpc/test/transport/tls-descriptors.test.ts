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
import { until } from "../helpers/turns.ts";

const CALL_WITH_FDS = 4;

/** A call that announces so many descriptors; none come, as TLS has no way for them. */
function callWith(descriptors: number): Uint8Array {
  const header = { program: Echo.number, version: 1, procedure: 1, type: CALL_WITH_FDS, serial: 7, status: OK };
  const count = Uint8Array.of(0, 0, 0, descriptors);
  return frame(header, concat(count, encodeXdr(Echo.procedures.say.args, { text: "hello", repeat: 1 })));
}

/** Sends a frame over TLS: what the sender hears, and the server's end of it. */
async function send(bytes: Uint8Array): Promise<{ heard: Heard; client: ServerClient }> {
  const ca = authority();
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
