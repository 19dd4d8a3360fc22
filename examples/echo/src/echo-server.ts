import { createWriteStream } from "node:fs";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { ErrorCode, RpcError } from "virnet";
import { type Handlers, Server, type ServerClient } from "virnet/server";
import { Echo, type EchoProcedures, EchoTick } from "./gen/echo.ts";

const TICK_MS = 50;

/** A server of the echo program, which keeps uploads in `folder`; it has yet to listen. */
export function echoServer(folder: string): Server {
  return new Server({ name: "echod" }).add(Echo, handlersFor(folder));
}

const handlersFor = (folder: string): Handlers<EchoProcedures> => ({
  say({ text, repeat }) {
    if (repeat > 16) throw new RpcError(`at most 16 lines, not ${repeat}`, { code: ErrorCode.INVALID_ARG });
    return { lines: Array<string>(repeat).fill(text) };
  },
  async upload({ name }, { stream, signal }) {
    if (basename(name) !== name) throw new RpcError("a name, not a path", { code: ErrorCode.INVALID_ARG });
    await pipeline(stream, createWriteStream(join(folder, name)), { signal });
  },
  watch({ ticks }, { client }) {
    countAloud(client, ticks);
  },
});

function countAloud(client: ServerClient, ticks: number): void {
  let count = 0;
  const timer = setInterval(() => {
    if (count === ticks || client.signal.aborted) clearInterval(timer);
    else client.emit(EchoTick, { count: BigInt(++count) });
  }, TICK_MS);
}
