/* What the server does with parts of Node that no documentation promises: with them, and on a runtime without them. */
import tls from "node:tls";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { connect } from "../../src/connect.ts";
import { Server } from "../../src/server/server.ts";
import { pkiFiles } from "../../src/tls/credentials.ts";
import type { ConnectionError } from "../../src/util/connection-error.ts";
import { Echo } from "../helpers/echo.ts";
import { authority, leaf } from "../helpers/pki.ts";
import { type FolderContents, pkiFolder } from "../helpers/pki-folder.ts";
import { until } from "../helpers/turns.ts";

const ca = authority();
const good = { ca: [ca], chain: [leaf(ca, "client")] };

/** What comes of a client with these files: the length of an echo, or why the server turned it away. */
async function visit(contents: FolderContents): Promise<number | string> {
  let refusal = "";
  const server = new Server({ name: "tls" }).add(Echo, { say: ({ text }) => ({ lines: [text] }) });
  onTestFinished(() => server.close());
  const own = await pkiFiles(await pkiFolder("server", { ca: [ca], chain: [leaf(ca, "server")] }), "server");
  const onRefused = ({ message }: ConnectionError): void => void (refusal = message.replace(/^\S+: /, ""));
  const { port = 0 } = await server.listen({ host: "127.0.0.1", port: 0 }, { tls: { ...own, onRefused } });
  const theirs = await pkiFiles(await pkiFolder("client", contents), "client", { sanity: false });
  try {
    await using client = await connect({ host: "127.0.0.1", port }, { tls: theirs });
    const [line = ""] = (await client.program(Echo).say({ text: "x".repeat(60_000), repeat: 1 })).lines;
    return line.length;
  } catch {
    await until(() => refusal !== "");
    return refusal;
  }
}

/** Hides a property that Node sets on sockets, from everybody. */
function hide(prototype: object, name: string): void {
  Object.defineProperty(prototype, name, { configurable: true, get: () => null, set: () => {} });
}

describe.each([
  ["with all of them", (): void => {}, (): void => {}],
  [
    "without a link from a TLS socket to the one beneath",
    (): void => hide(tls.TLSSocket.prototype, "_parent"),
    (): void => void Reflect.deleteProperty(tls.TLSSocket.prototype, "_parent"),
  ],
])("%s", (_, before, after) => {
  beforeEach(before);
  afterEach(after);

  it("serves and refuses", async () => {
    expect(await visit(good)).toBe(60_000);
    expect(await visit({ ca: [ca] })).toBe("the client sent no certificate");
  });
});

it("without a buffer to read into, serves from data events", async () => {
  const described = Object.getOwnPropertySymbols;
  Object.getOwnPropertySymbols = () => [];
  onTestFinished(() => void (Object.getOwnPropertySymbols = described));
  expect(await visit(good)).toBe(60_000);
});

it("finds all of them in this version of Node", async () => {
  const found: string[] = [];
  const server = tls.createServer((socket) => {
    const { _parent: parent, _handle: handle } = socket as { _parent?: unknown; _handle?: object };
    const symbols = Object.getOwnPropertySymbols(socket).map(({ description }) => description);
    if (parent !== undefined && parent !== null) found.push("_parent");
    if (handle !== undefined && "useUserBuffer" in handle) found.push("useUserBuffer");
    found.push(...symbols.filter((name) => name === "kBuffer" || name === "kBufferCb").map(String));
  });
  const { pem, keyPem } = leaf(ca, "server");
  server.setSecureContext({ cert: pem, key: keyPem });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  const socket = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
  onTestFinished(() => void socket.destroy());
  await expect.poll(() => found.toSorted()).toEqual(["_parent", "kBuffer", "kBufferCb", "useUserBuffer"]);
});
