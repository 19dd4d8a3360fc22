import { expect, it } from "vitest";
import { connect } from "../../src/index.ts";
import { CallContext, Server, type ServerInterceptor } from "../../src/server/index.ts";
import { memoryPair } from "../../src/testing/index.ts";
import { Echo } from "../helpers/echo.ts";

it("tells each handler's own call from anywhere below it, across awaits and between concurrent calls", async () => {
  const context = new CallContext();
  const { say, wait } = await echoThrough([context.interceptor], () => {
    const current = context.current();
    return `${current?.procedure.name} of client ${current?.client.id}`;
  });
  const calls = [wait({ text: "", repeat: 1 }), say({ text: "", repeat: 1 }), wait({ text: "", repeat: 1 })];
  expect(await Promise.all(calls)).toEqual([
    { lines: ["ECHO_PROC_WAIT of client 1"] },
    { lines: ["ECHO_PROC_SAY of client 1"] },
    { lines: ["ECHO_PROC_WAIT of client 1"] },
  ]);
  expect(context.current()).toBeUndefined();
});

it("stands among other interceptors, the first outermost", async () => {
  const context = new CallContext();
  const seen: (string | undefined)[] = [];
  const looking: ServerInterceptor = (next) => (call) => {
    seen.push(context.current()?.procedure.name);
    return next(call);
  };
  const { say } = await echoThrough([looking, context.interceptor, looking], () => "line");
  await say({ text: "", repeat: 1 });
  expect(seen).toEqual([undefined, "ECHO_PROC_SAY"]);
});

async function echoThrough(interceptors: readonly ServerInterceptor[], line: () => string) {
  const server = new Server({ name: "echo", interceptors }).add(Echo, {
    say: () => ({ lines: [line()] }),
    async wait() {
      await new Promise((resolve) => setTimeout(resolve, 2));
      return { lines: [line()] };
    },
  });
  const [near, far] = memoryPair();
  server.accept(far);
  return (await connect({ transport: near })).program(Echo);
}
