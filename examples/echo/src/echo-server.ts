import { ErrorCode, RpcError } from "virnet";
import { type Handlers, Server, type ServerClient } from "virnet/server";
import { Echo, type EchoProcedures, EchoTick } from "./gen/echo.ts";

const TICK_MS = 50;

/** A server of the echo program; it has yet to listen. */
export function echoServer(): Server {
  return new Server({ name: "echod" }).add(Echo, handlers);
}

const handlers: Handlers<EchoProcedures> = {
  say({ text, repeat }) {
    if (repeat > 16) throw new RpcError(`at most 16 lines, not ${repeat}`, { code: ErrorCode.INVALID_ARG });
    return { lines: Array<string>(repeat).fill(text) };
  },
  watch({ ticks }, { client }) {
    countAloud(client, ticks);
  },
};

function countAloud(client: ServerClient, ticks: number): void {
  let count = 0;
  const timer = setInterval(() => {
    if (count === ticks || client.signal.aborted) clearInterval(timer);
    else client.emit(EchoTick, { count: BigInt(++count) });
  }, TICK_MS);
}
