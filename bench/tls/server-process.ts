/* A child: a server of ours and a plain one of node:tls, with the same certificates. Argument: their directory. */
import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import tls from "node:tls";
import { Server } from "virnet/server";
import { pkiFiles } from "virnet/tls";
import { BenchProgram } from "../calls/bench-program.ts";
import { serveBulk } from "../streams/virnet.ts";
import { serveRaw } from "./raw.ts";

const folder = process.argv[2] ?? "";
const server = serveBulk(new Server({ name: "bench" }));
server.add(BenchProgram, { pair: (pair) => pair });
const credentials = await pkiFiles(folder, "server");
const { port } = await server.listen({ host: "127.0.0.1", port: 0 }, { tls: credentials });
const raw = tls.createServer({ ...(await pem(folder)), requestCert: true, rejectUnauthorized: true }, serveRaw);
raw.listen(0, "127.0.0.1", () => process.send?.({ virnet: port, raw: (raw.address() as AddressInfo).port }));
process.on("disconnect", () => process.exit());

async function pem(from: string): Promise<tls.TlsOptions> {
  const read = (name: string): Promise<string> => readFile(join(from, name), "utf8");
  return { ca: await read("cacert.pem"), cert: await read("servercert.pem"), key: await read("serverkey.pem") };
}
