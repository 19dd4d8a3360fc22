import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import net from "node:net";
import { join } from "node:path";

/** HAProxy in TCP mode, with a port of its own for each server behind it. */
export interface HaProxy extends AsyncDisposable {
  /** In the order of the servers. */
  readonly ports: readonly number[];
  /** All that it has said so far: also of servers that its health checks find dead. */
  readonly said: () => string;
}

/** Starts HAProxy with one front per line of server settings (`127.0.0.1:16509 send-proxy`), which follow `server NAME`. */
export async function haproxy(folder: string, servers: readonly string[]): Promise<HaProxy> {
  const fronts = await Promise.all(servers.map(freePort));
  const file = join(folder, "haproxy.cfg");
  await writeFile(file, [...settings, ...servers.flatMap(frontOf), ""].join("\n"));
  const stdio = ["ignore", "pipe", "pipe", ...fronts.map(({ fd }) => fd)] as const;
  const child = spawn("haproxy", ["-db", "-f", file], { stdio: [...stdio] });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => said.push(String(chunk)));
  for (const { server } of fronts) server.close();
  return {
    ports: fronts.map(({ port }) => port),
    said: () => said.join(""),
    [Symbol.asyncDispose]: () => end(child),
  };
}

const settings = ["defaults", "  mode tcp", "  timeout connect 5s", "  timeout client 60s", "  timeout server 60s"];

/** Its own standard streams take the first three descriptors. */
function frontOf(server: string, i: number): string[] {
  return [`listen front${i}`, `  bind fd@${i + 3}`, `  server server${i} ${server}`];
}

/** A socket that HAProxy inherits listening, so that nobody else gets its port in between. */
async function freePort(): Promise<{ server: net.Server; port: number; fd: number }> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo; // it listens on TCP
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle; // Node has no public name for it
  return { server, port, fd };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
