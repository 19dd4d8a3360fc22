import { dirname } from "node:path";
import { activatedSockets, systemdNotifier } from "virnet/systemd";
import { echoServer } from "./echo-server.ts";

// node dist/server.js PATH: serves on a UNIX socket until Ctrl-C, and keeps uploads beside it.
// As a service of systemd (see systemd/) it takes the sockets that it is given, and keeps uploads in STATE_DIRECTORY.
const sockets = activatedSockets();
const path = process.argv[2];
if (path === undefined && sockets.length === 0) throw new Error("usage: server.js PATH");
const server = echoServer(process.env["STATE_DIRECTORY"] ?? dirname(path ?? "."));
for (const { fd } of sockets) console.log(`listening on ${String(await server.listen({ fd }))}`);
if (path !== undefined) console.log(`listening on ${String(await server.listen({ path, mode: 0o660 }))}`);
const systemd = systemdNotifier();
void systemd?.ready();
for (const signal of ["SIGINT", "SIGTERM"])
  process.once(signal, () => void Promise.all([systemd?.stopping(), server.close()]));
