import { once } from "node:events";
import net from "node:net";
import { assert, describe, expect, it } from "vitest";
import { Client, type ClientOptions } from "../../src/client/client.ts";
import { connect } from "../../src/connect.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { Echo } from "../helpers/echo.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";
import { nextTurn, until } from "../helpers/turns.ts";

const broken = new ConnectionError("the cable was cut", "error");

function connected(options?: ClientOptions) {
  const transport = new FakeTransport();
  const client = new Client(transport, options);
  const say = (text: string): Promise<unknown> => fate(client.program(Echo).say({ text, repeat: 1 }));
  return { transport, client, say };
}

/** What the error of a call says of it. */
async function fate(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    return error instanceof ConnectionError ? error.delivery : error;
  }
}

describe("a call that the connection's end cuts short", () => {
  it("is in doubt once the transport has it, where that can't tell what became of it", async () => {
    const { transport, say } = connected();
    const call = say("a");
    await nextTurn();
    transport.events.closed(broken);
    expect(await call).toBe("in-doubt");
  });

  it("was not sent while it waited for its turn to end", async () => {
    const { transport, say } = connected();
    const call = say("a");
    transport.events.closed(broken);
    expect(await call).toBe("not-sent");
  });

  it("was not sent when its last byte was not given to the system", async () => {
    const { transport, say } = connected();
    const calls = ["a", "b", "c"].map(say);
    await nextTurn();
    const third = (transport.writes[0]?.length ?? 0) / 3;
    transport.given = 2 * third - 1;
    transport.events.closed(broken);
    expect(await Promise.all(calls)).toEqual(["in-doubt", "not-sent", "not-sent"]);
  });

  it("was not sent when it waited for room", async () => {
    const { transport, client, say } = connected({ limits: { calls: 1 } });
    const calls = [say("a"), say("b"), say("c")];
    await nextTurn();
    expect(client.waiting).toBe(2);
    transport.events.closed(broken);
    expect(await Promise.all(calls)).toEqual(["in-doubt", "not-sent", "not-sent"]);
  });

  it("was not sent when it came after the end, or between our giving up and the end", async () => {
    const { transport, client, say } = connected();
    transport.events.receive(Uint8Array.of(0, 0, 0, 0)); // no frame is that short
    expect(client.isOpen).toBe(false);
    const between = say("a");
    await nextTurn();
    expect(transport.writes).toEqual([]);
    transport.events.closed(broken);
    expect(await Promise.all([between, say("b")])).toEqual(["not-sent", "not-sent"]);
  });

  it("is in doubt when we close, for what is queued still leaves", async () => {
    const { transport, client, say } = connected();
    const call = say("a");
    const closed = client.close();
    expect(transport.writes).toHaveLength(1);
    transport.events.closed(broken);
    await closed;
    expect(await call).toBe("in-doubt");
  });

  it("says so, with the connection's error as the cause", async () => {
    const { transport, client } = connected();
    const call = client.program(Echo).watch();
    transport.events.closed(broken);
    const error = await call.catch((reason: unknown) => reason);
    assert(error instanceof ConnectionError);
    expect(error).toMatchObject({
      message: "the cable was cut; the call was not sent",
      reason: "error",
      cause: broken,
    });
    expect((await client.closed).delivery).toBeNull();
  });

  it("over a socket whose peer reads nothing: the first writes are in doubt, those behind them were not sent", async () => {
    const server = net.createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const accepted = once(server, "connection");
    const client = await connect({ host: "127.0.0.1", port: (server.address() as net.AddressInfo).port });
    const [socket] = (await accepted) as [net.Socket];
    const echo = client.program(Echo);
    const calls: Promise<unknown>[] = [];
    while (calls.length < 200) {
      for (let n = 0; n < 10; n++) calls.push(fate(echo.say({ text: "x".repeat(65_536), repeat: 1 })));
      await nextTurn();
    }
    socket.resetAndDestroy();
    await client.closed;
    const fates = await Promise.all(calls);
    const border = fates.indexOf("not-sent");
    expect(border).toBeGreaterThan(0);
    expect(new Set(fates.slice(0, border))).toEqual(new Set(["in-doubt"]));
    expect(new Set(fates.slice(border))).toEqual(new Set(["not-sent"]));
    server.close();
    await until(() => !server.listening);
  });
});
