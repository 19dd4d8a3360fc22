/*
 * What the compiler must accept and refuse of a server's handlers. Nothing here runs.
 */
import { RpcError } from "../src/protocol/rpc-error.ts";
import type { Handlers } from "../src/server/handlers.ts";
import type { Server } from "../src/server/server.ts";
import type { ServerClient } from "../src/server/server-client.ts";
import { Echo, type EchoProcedures, EchoTick } from "../test/helpers/echo.ts";

declare const server: Server;
declare const client: ServerClient;

// Some, all or none of the procedures, at once or later.
server.add(Echo, {});
server.add(Echo, { say: ({ text, repeat }) => ({ lines: Array<string>(repeat).fill(text) }) });
server.add(Echo, {
  async say({ text }, { client: from, signal, header }) {
    signal.throwIfAborted();
    await from.closed;
    return { lines: [text, String(header.serial), String(from.id)] };
  },
  wait: ({ text }) => Promise.resolve({ lines: [text] }),
  watch(args, { client: from }) {
    args satisfies void;
    from.emit(EchoTick, { count: 1n });
  },
});
server.add(Echo, {
  say() {
    throw new RpcError("no");
  },
});

class Service implements Handlers<EchoProcedures> {
  say({ text }: { text: string; repeat: number }) {
    return { lines: [text] };
  }
}
server.add(Echo, new Service());

// @ts-expect-error -- no such procedure
server.add(Echo, { sya: () => ({ lines: [] }) });
// @ts-expect-error -- the result is no string
server.add(Echo, { say: () => "hello" });
// @ts-expect-error -- nor a promise of one
server.add(Echo, { say: async () => "hello" });
// @ts-expect-error -- lines are strings
server.add(Echo, { say: () => ({ lines: [1] }) });
// @ts-expect-error -- the result lacks its lines
server.add(Echo, { say: () => ({}) });
// @ts-expect-error -- nothing is no result
server.add(Echo, { say() {} });
// @ts-expect-error -- the arguments have no such field
server.add(Echo, { say: ({ txt }) => ({ lines: [String(txt)] }) });
// @ts-expect-error -- repeat is a number
server.add(Echo, { say: ({ repeat }: { repeat: string }) => ({ lines: [repeat] }) });
// @ts-expect-error -- a call has no stream unless its procedure has
server.add(Echo, { say: (_, { stream }) => ({ lines: [String(stream)] }) });
// @ts-expect-error -- a handler is a function
server.add(Echo, { say: { lines: [] } });
// @ts-expect-error -- a void procedure gives nothing back
server.add(Echo, { watch: () => 5 });

class Wrong implements Handlers<EchoProcedures> {
  // @ts-expect-error -- the result is no number
  say(): number {
    return 5;
  }
}
void Wrong;

client.emit(EchoTick, { count: 1n });
server.broadcast(EchoTick, { count: 1n }, ({ id }) => id > 1);
// @ts-expect-error -- count is a bigint
client.emit(EchoTick, { count: 1 });
// @ts-expect-error -- the payload lacks its count
server.broadcast(EchoTick, {});
// @ts-expect-error -- a procedure is no event
client.emit(Echo.procedures.say, { text: "", repeat: 1 });
