import { expect, it } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { AnyProcedure } from "../../src/program/program.ts";
import { noDescriptors } from "../../src/server/call-descriptors.ts";
import { CallRecord, completing } from "../../src/server/call-record.ts";
import type { Call } from "../../src/server/handlers.ts";
import { Server, type ServerClient, type ServerInterceptor } from "../../src/server/index.ts";
import { memoryPair } from "../../src/testing/index.ts";
import { Echo } from "../helpers/echo.ts";

it("tells its client's signal", () => {
  const { call, client } = recorded();
  expect(call.signal).toBe(client.signal);
});

it("is handed on as it is; a copy without a signal gets one, and keeps what was put into it", () => {
  const { call, client } = recorded();
  const seen: Call[] = [];
  const next = completing((given) => seen.push(given));
  const own = new AbortController().signal;
  next(call);
  next({ ...call, args: "changed", more: 1 } as Call & { more: number });
  next({ ...call, signal: own });
  expect(seen[0]).toBe(call);
  expect(seen[1]).toMatchObject({ client, args: "changed", more: 1, header: call.header });
  expect(seen.map(({ signal }) => signal)).toEqual([client.signal, client.signal, own]);
});

it("reaches the handler whole, though an interceptor copies it", async () => {
  const seen: unknown[] = [];
  const louder: ServerInterceptor = (next) => (call) => next({ ...call, args: { text: "louder", repeat: 1 } });
  const server = new Server({ name: "echo", interceptors: [louder] }).add(Echo, {
    say({ text }, { signal, client }) {
      seen.push(signal === client.signal);
      return { lines: [text] };
    },
  });
  const [near, far] = memoryPair();
  server.accept(far);
  const client = new Client(near);
  expect(await client.program(Echo).say({ text: "quiet", repeat: 1 })).toEqual({ lines: ["louder"] });
  expect(seen).toEqual([true]);
  await client.close();
  await server.close();
});

function recorded(): { readonly client: ServerClient; readonly call: Call } {
  const [, far] = memoryPair();
  const client = new Server({ name: "echo" }).accept(far);
  if (client === undefined) throw new Error("not accepted");
  const header = { program: Echo.number, version: 1, procedure: 1, type: 0, serial: 1, status: 0 };
  const procedure: AnyProcedure = Echo.procedures.say;
  return { client, call: new CallRecord(client, header, procedure, "args", noDescriptors) };
}
