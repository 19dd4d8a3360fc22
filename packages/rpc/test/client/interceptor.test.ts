import { describe, expect, it } from "vitest";
import { type ClientCall, type ClientInterceptor, connect, deadline, RpcError, retry } from "../../src/index.ts";
import { Server } from "../../src/server/index.ts";
import { memoryPair } from "../../src/testing/index.ts";
import { Echo } from "../helpers/echo.ts";

describe("interceptors of a client", () => {
  it("stand around each call, the first outermost", async () => {
    const order: string[] = [];
    const named =
      (name: string): ClientInterceptor =>
      (next) =>
      async (call) => {
        order.push(`${name} in: ${call.procedure.name}`);
        const ret = await next(call);
        order.push(`${name} out`);
        return ret;
      };
    const { say } = await echoThrough([named("outer"), named("inner")]);
    expect(await say({ text: "hi", repeat: 1 })).toEqual({ lines: ["hi"] });
    expect(order).toEqual(["outer in: ECHO_PROC_SAY", "inner in: ECHO_PROC_SAY", "inner out", "outer out"]);
  });

  it("may change the arguments and the result", async () => {
    const shouting: ClientInterceptor = (next) => async (call) => {
      const ret = await next({ ...call, args: { text: "louder", repeat: 2 } });
      return { ...(ret as object), heard: true };
    };
    const { say } = await echoThrough([shouting]);
    expect(await say({ text: "quiet", repeat: 1 })).toEqual({ lines: ["louder", "louder"], heard: true });
  });

  it("may answer themselves", async () => {
    const { say, served } = await echoThrough([() => () => Promise.resolve({ lines: ["cached"] })]);
    expect(await say({ text: "hi", repeat: 1 })).toEqual({ lines: ["cached"] });
    expect(served).toEqual([]);
  });
});

describe("deadline", () => {
  it("rejects what takes longer", async () => {
    const { wait } = await echoThrough([deadline(5)]);
    await expect(wait({ text: "", repeat: 1 })).rejects.toMatchObject({ name: "TimeoutError" });
  });

  it("leaves the caller's own signal in force", async () => {
    const { wait } = await echoThrough([deadline(60_000)]);
    await expect(wait({ text: "", repeat: 1 }, { signal: AbortSignal.timeout(5) })).rejects.toMatchObject({
      name: "TimeoutError",
    });
    const abort = new AbortController();
    const call = wait({ text: "", repeat: 1 }, { signal: abort.signal });
    abort.abort(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
  });
});

describe("retry", () => {
  const busy = (error: unknown): boolean => error instanceof RpcError && error.code === 38;

  it("sends again what may run twice, until it works", async () => {
    const { say, served } = await echoThrough([retry({ when: busy, delay: 1 })], ["busy", "busy", "fine"]);
    expect(await say({ text: "hi", repeat: 1 })).toEqual({ lines: ["hi"] });
    expect(served).toHaveLength(3);
  });

  it("gives the last failure when the attempts are used up", async () => {
    const { say, served } = await echoThrough([retry({ when: busy, delay: 1, attempts: 2 })], ["busy", "busy", "fine"]);
    await expect(say({ text: "hi", repeat: 1 })).rejects.toMatchObject({ code: 38 });
    expect(served).toHaveLength(2);
  });

  it("asks about each failure, with the call that failed", async () => {
    const asked: ClientCall[] = [];
    const never = (_: unknown, call: ClientCall): boolean => {
      asked.push(call);
      return false;
    };
    const { say, served } = await echoThrough([retry({ when: never })], ["busy"]);
    await expect(say({ text: "hi", repeat: 1 })).rejects.toMatchObject({ code: 38 });
    expect(served).toHaveLength(1);
    expect(asked.map(({ procedure }) => procedure.name)).toEqual(["ECHO_PROC_SAY"]);
  });

  it("stops waiting when the caller does", async () => {
    const { say, served } = await echoThrough([retry({ when: busy, delay: 60_000 })], ["busy", "fine"]);
    const abort = new AbortController();
    const call = say({ text: "hi", repeat: 1 }, { signal: abort.signal });
    const asleep = new Promise((resolve) => setTimeout(resolve, 20));
    void asleep.then(() => abort.abort(new Error("enough")));
    await expect(call).rejects.toThrow("enough");
    expect(served).toHaveLength(1);
  });
});

/** A client with interceptors; the server's `say` fails as often as `plan` has "busy", its `wait` never answers. */
async function echoThrough(interceptors: readonly ClientInterceptor[], plan: string[] = []) {
  const served: string[] = [];
  const server = new Server({ name: "echo" }).add(Echo, {
    say({ text, repeat }) {
      served.push(text);
      if (plan.shift() === "busy") throw new RpcError("busy", { code: 38 });
      return { lines: Array<string>(repeat).fill(text) };
    },
    wait: () => new Promise(() => {}),
  });
  const [near, far] = memoryPair();
  server.accept(far);
  const { say, wait } = (await connect({ transport: near }, { interceptors })).program(Echo);
  return { say, wait, served };
}
