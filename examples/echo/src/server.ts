import { dirname } from "node:path";
import { echoServer } from "./echo-server.ts";

// node dist/server.js PATH: serves on a UNIX socket until Ctrl-C, and keeps uploads beside it.
const path = process.argv[2];
if (path === undefined) throw new Error("usage: server.js PATH");
const server = echoServer(dirname(path));
await server.listen({ path, mode: 0o660 });
console.log(`listening on ${path}`);
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void server.close());
