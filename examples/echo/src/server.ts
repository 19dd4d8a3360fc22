import { dirname } from "node:path";
import { keyFile, saslServer } from "virnet/sasl";
import { activatedSockets, systemdNotifier } from "virnet/systemd";
import { echoServer } from "./echo-server.ts";

// node dist/server.js PATH [USERS]: serves on a UNIX socket until Ctrl-C, and keeps uploads beside it. With a file of
// users, which `virnet-testd users add NAME FILE` writes, clients have to log in.
// As a service of systemd (see systemd/) it takes the sockets that it is given, and keeps uploads in STATE_DIRECTORY.
const sockets = activatedSockets();
const [path, users] = process.argv.slice(2);
if (path === undefined && sockets.length === 0) throw new Error("usage: server.js PATH [USERS]");
const server = echoServer(process.env["STATE_DIRECTORY"] ?? dirname(path ?? "."));
const login = users === undefined ? {} : { auth: saslServer({ users: await keyFile(users) }) };
for (const { fd } of sockets) console.log(`listening on ${String(await server.listen({ fd }))}`);
if (path !== undefined) console.log(`listening on ${String(await server.listen({ path, mode: 0o660 }, login))}`);
const systemd = systemdNotifier();
void systemd?.ready();
for (const signal of ["SIGINT", "SIGTERM"])
  process.once(signal, () => void Promise.all([systemd?.stopping(), server.close()]));
