import { execFileSync } from "node:child_process";
import { closeSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Remote } from "@virnet/libvirt/remote";
import { type Client, ConnectionError, connect, type TcpAddress, type UnixAddress, type UnixNative } from "virnet";
import { Server, type ServiceOptions } from "virnet/server";
import { pkiFiles } from "virnet/tls";
import { type Possessions, settledPossessions } from "./possessions.ts";

export const grounds = ["unix", "unix with descriptors", "tcp", "tls"] as const;
export type Ground = (typeof grounds)[number];

export interface ChurnOptions {
  readonly cycles: number;
  /** An empty folder for sockets and certificates. */
  readonly folder: string;
  readonly unix: UnixNative;
}

/** Connections at a time. */
const AT_ONCE = 16;
/** Connections until the service is closed and opened anew. */
const PER_SERVICE = 500;

/** Opens and closes connections in every way there is, and gives what the process has open before and after. */
export async function churn(
  ground: Ground,
  options: ChurnOptions,
): Promise<{ readonly before: Possessions; readonly after: Possessions }> {
  // Once, for what is loaded and kept.
  await round(ground, options, AT_ONCE);
  const before = await settledPossessions();
  for (let done = 0; done < options.cycles; done += PER_SERVICE)
    await round(ground, options, Math.min(PER_SERVICE, options.cycles - done));
  return { before, after: await settledPossessions() };
}

async function round(ground: Ground, { folder, unix }: ChurnOptions, connections: number): Promise<void> {
  const server = new Server({ name: "churn", onHandlerError: () => {} }).add(Remote, {
    connectGetHostname: () => ({ hostname: "here" }),
    connectGetUri: () => new Promise(() => {}),
    domainCreateXmlWithFiles: (_, { descriptors }) => {
      if (descriptors.size > 1) closeSync(descriptors.take());
      return { dom: { name: "", uuid: new Uint8Array(16), id: 1 } };
    },
    domainOpenGraphicsFd: (_, { descriptors }) => descriptors.attach(0),
  });
  const { dial, address, service } = await laid(ground, folder, unix);
  const { port = 0 } = await server.listen(address, service);
  let next = 0;
  const worker = async (): Promise<void> => {
    // One life cuts all others that are there, and they end with that.
    while (next < connections) await lives[next++ % lives.length]?.(() => dial(port), server).catch(ignoreGone);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  await server.close({ signal: AbortSignal.timeout(1000) });
}

type Dial = (signal?: AbortSignal) => Promise<Client>;

/** How a connection may live and end. */
const lives: readonly ((dial: Dial, server: Server) => Promise<void>)[] = [
  async function closed(dial) {
    const client = await dial();
    await client.program(Remote).connectGetHostname();
    await client.close();
  },
  async function closedInTheMiddle(dial) {
    const client = await dial();
    const lost = client.program(Remote).connectGetUri().catch(ignoreGone);
    await client.close();
    await lost;
  },
  async function cutByTheServer(dial, server) {
    const client = await dial();
    await client.program(Remote).connectGetHostname();
    for (const one of server.clients) one.disconnect(new ConnectionError("cut", "closed"));
    await client.closed;
  },
  async function silent(dial) {
    await (await dial()).close();
  },
  async function withDescriptors(dial) {
    const client = await dial();
    const remote = client.program(Remote);
    const file = openSync("/dev/null", "r");
    void client.closed.then(() => closeSync(file));
    const descriptors = [file, file, file];
    await remote.domainCreateXmlWithFiles({ xmlDesc: "", flags: 0 }, { descriptors }).catch(ignoreRefused);
    const dom = { name: "", uuid: new Uint8Array(16), id: 1 };
    const ignored = remote.domainOpenGraphicsFd({ dom, idx: 0, flags: 0 }).catch(ignoreRefused);
    await remote.domainOpenGraphicsFd({ dom, idx: 0, flags: 0 }).catch(ignoreRefused);
    await client.close();
    await ignored;
  },
];

interface Laid {
  readonly address: UnixAddress | TcpAddress;
  readonly service: ServiceOptions;
  readonly dial: (port: number) => Promise<Client>;
}

async function laid(ground: Ground, folder: string, unix: UnixNative): Promise<Laid> {
  const path = join(folder, "s");
  const host = "127.0.0.1";
  switch (ground) {
    case "unix":
      return { address: { path }, service: {}, dial: () => reach({ path }) };
    case "unix with descriptors":
      return { address: { path }, service: { unix }, dial: () => reach({ path }, { unix }) };
    case "tcp":
      return { address: { host, port: 0 }, service: {}, dial: (port) => reach({ host, port }) };
    case "tls": {
      makePki(folder);
      const own = await pkiFiles(folder, "server");
      const tls = await pkiFiles(folder, "client");
      return {
        address: { host, port: 0 },
        service: { tls: own },
        dial: (port) => reach({ host: "localhost", port }, { tls }),
      };
    }
  }
}

/** Somebody else may cut it before it is there; then once more. */
async function reach(...to: Parameters<typeof connect>): Promise<Client> {
  for (;;) {
    try {
      return await connect(...to);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
    }
  }
}

function makePki(folder: string): void {
  if (readdirSync(folder).includes("cacert.pem")) return;
  const make = (...args: string[]): unknown => execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  const authority = [
    "-addext",
    "basicConstraints=critical,CA:TRUE",
    "-addext",
    "keyUsage=critical,keyCertSign,cRLSign",
  ];
  const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"];
  make(...request, ...authority, "-subj", "/CN=churn", "-keyout", "cakey.pem", "-out", "cacert.pem");
  const leaf = ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth,clientAuth"];
  const name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const ca = ["-CA", "cacert.pem", "-CAkey", "cakey.pem"];
  for (const role of ["server", "client"])
    make(...request, ...ca, ...leaf, ...name, "-keyout", `${role}key.pem`, "-out", `${role}cert.pem`);
}

function ignoreGone(error: unknown): void {
  if (!(error instanceof ConnectionError)) throw error;
}

/** Descriptors that can't be passed on this ground; and others cut connections. */
function ignoreRefused(error: unknown): void {
  if (!(error instanceof Error)) throw error;
}
