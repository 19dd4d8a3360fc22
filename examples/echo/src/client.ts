import { createReadStream } from "node:fs";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { connect } from "virnet";
import { Echo, EchoTick } from "./gen/echo.ts";

// node dist/client.js PATH [USER]: three lines, three ticks, and this file uploaded. A user's password is in ECHO_PASSWORD.
const [path, user] = process.argv.slice(2);
if (path === undefined) throw new Error("usage: client.js PATH [USER]");
const { ECHO_PASSWORD: password = "" } = process.env;
const login = user === undefined ? {} : { auth: { user, password } };
await using client = await connect({ path }, { signal: AbortSignal.timeout(10_000), ...login });
const echo = client.program(Echo);

const { lines } = await echo.say({ text: "hello", repeat: 3 }, { signal: AbortSignal.timeout(500) });
for (const line of lines) console.log(line);

const ticks = client.events(EchoTick); // listens from here on, not from the first next()
await echo.watch({ ticks: 3 });
for await (const { count } of ticks) {
  console.log(`tick ${count}`);
  if (count === 3n) break;
}

const { stream } = await echo.upload({ name: "client.js" }); // { readable, writable } and async iterable
await pipeline(createReadStream(import.meta.filename), Writable.fromWeb(stream.writable)); // until the server confirms
console.log("uploaded");
