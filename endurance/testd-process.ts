/* A process with one or many testd, started ahead: it listens when its parent says so, and ends with it. */
import { once } from "node:events";
import { startTestd } from "@virnet/testd";

const sockets = process.argv.slice(2);
await once(process, "message");
process.once("disconnect", () => process.exit());
// Each with a state of its own, as if each were a process.
for (const socket of sockets) await startTestd({ sockets: [socket] });
process.send?.("listening");
