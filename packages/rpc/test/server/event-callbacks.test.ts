import { assert, describe, expect, it } from "vitest";
import type { EventType } from "../../src/program/program.ts";
import { RpcError } from "../../src/protocol/rpc-error.ts";
import { EventCallbacks } from "../../src/server/event-callbacks.ts";
import type { Handlers } from "../../src/server/handlers.ts";
import type { ServerLimits } from "../../src/server/limits.ts";
import { Server } from "../../src/server/server.ts";
import { type Deferred, deferred } from "../../src/util/deferred.ts";
import type { XdrType } from "../../src/xdr/type.ts";
import { Echo, type EchoProcedures } from "../helpers/echo.ts";
import { CALL, type Frame, frame, OK } from "../helpers/frames.ts";
import { type ScriptedPeer, scripted } from "../helpers/scripted-peer.ts";
import { until } from "../helpers/turns.ts";

/** Payloads of events; counts how often one is encoded. */
let encoded = 0;
const Id: XdrType<number> = {
  encode(writer, value) {
    encoded++;
    writer.int(value);
  },
  decode: (reader) => reader.int(),
};
const longId: XdrType<number>["encode"] = (writer, value) => {
  for (let times = 0; times < 100; times++) writer.int(value);
};
const Happened: EventType<number> = { program: Echo, number: 4, name: "HAPPENED", payload: Id };

/** A server whose `watch` registers for topic "a" and answers when the test says so. */
function served(object: string | null = null, limits: Partial<ServerLimits> = {}) {
  const callbacks = new EventCallbacks();
  const ids: number[] = [];
  const answers: Deferred<void>[] = [];
  const handlers: Handlers<EchoProcedures> = {
    watch(_, call) {
      ids.push(callbacks.register(call, "a", object));
      const answer = deferred<void>();
      answers.push(answer);
      return answer.promise;
    },
  };
  const server = new Server({ name: "echod", limits: { clientRequests: 2000, ...limits } }).add(Echo, handlers);
  const join = () => {
    const { peer, transport } = scripted();
    const client = server.accept(transport);
    assert(client !== undefined);
    return { peer, client };
  };
  const publish = (topic = "a", key = "x"): void => callbacks.publish(topic, key, Happened, (id) => id);
  /** Registers, and takes the reply. */
  const watch = async (peer: ScriptedPeer, serial = 1): Promise<void> => {
    const before = answers.length;
    peer.send(register(serial));
    await until(() => answers.length > before);
    answers.at(-1)?.resolve();
    expect((await peer.next()).header.serial).toBe(serial);
  };
  return { callbacks, ids, answers, join, publish, watch };
}

const register = (serial: number): Uint8Array =>
  frame({ program: Echo.number, version: 1, procedure: 3, type: CALL, serial, status: OK });
const idOf = ({ payload }: Frame): number => new DataView(payload.buffer, payload.byteOffset).getInt32(0);

describe("callbacks", () => {
  it("are numbered for each client by itself, and their events begin with the number", async () => {
    const { join, watch, publish } = served();
    const [one, two] = [join(), join()];
    await watch(one.peer);
    await watch(one.peer, 2);
    await watch(two.peer);
    publish();
    expect((await one.peer.take(2)).map(idOf)).toEqual([0, 1]);
    expect((await two.peer.take(1)).map(idOf)).toEqual([0]);
  });

  it("are never numbered alike, though others were deregistered", async () => {
    const { callbacks, join, watch, ids } = served();
    const { peer, client } = join();
    await watch(peer);
    expect(callbacks.deregister(client, "a", 0)).toBe(true);
    expect(callbacks.deregister(client, "a", 0)).toBe(false);
    await watch(peer, 2);
    expect(ids).toEqual([0, 1]);
  });

  it("belong to their client and topic", async () => {
    const { callbacks, join, watch } = served();
    const [one, two] = [join(), join()];
    await watch(one.peer);
    expect(callbacks.deregister(two.client, "a", 0)).toBe(false);
    expect(callbacks.deregister(one.client, "b", 0)).toBe(false);
    expect(callbacks.find(one.client, "a", null)).toBe(0);
    expect(callbacks.find(one.client, "a", "x")).toBeUndefined();
    expect(callbacks.find(two.client, "a", null)).toBeUndefined();
  });

  it("of one object get no others' events", async () => {
    const { join, watch, publish } = served("x");
    const { peer } = join();
    await watch(peer);
    publish("a", "y");
    publish("b", "x");
    await peer.silence();
    publish("a", "x");
    expect((await peer.take(1)).map(idOf)).toEqual([0]);
  });

  it("that were forgotten before their reply send nothing behind it", async () => {
    const { callbacks, answers, join, publish } = served();
    const { peer, client } = join();
    peer.send(register(1));
    await until(() => answers.length === 1);
    publish();
    callbacks.forget(client);
    answers[0]?.resolve();
    expect((await peer.next()).header.serial).toBe(1);
    await peer.silence();
  });

  it("whose held event can't be sent lose their client, whose call is answered once", async () => {
    const { answers, callbacks, join } = served(null, { frame: 100 });
    const { peer, client } = join();
    peer.send(register(1));
    await until(() => answers.length === 1);
    const Long: EventType<number> = { ...Happened, payload: { ...Id, encode: longId } };
    callbacks.publish("a", "x", Long, (id) => id);
    answers[0]?.resolve();
    expect(await client.closed).toMatchObject({
      message: "an event that was held back can't be sent",
      cause: expect.any(RangeError),
    });
    await peer.gone();
    expect(peer.inbox.length).toBeLessThanOrEqual(1);
  });

  it("end with their client", async () => {
    const { callbacks, join, watch } = served();
    const { peer, client } = join();
    await watch(peer);
    expect(callbacks.count(client)).toBe(1);
    peer.break();
    await client.closed;
    await until(() => callbacks.count(client) === 0);
  });
});

describe("an event", () => {
  it("of many clients is encoded once", async () => {
    const { join, watch, publish } = served();
    const peers = Array.from({ length: 50 }, () => join().peer);
    for (const peer of peers) await watch(peer);
    encoded = 0;
    publish();
    for (const peer of peers) expect(idOf(await peer.next())).toBe(0);
    expect(encoded).toBe(1);
  });

  it("that is raised during a registration comes right behind the reply, in order", async () => {
    const { join, publish, answers } = served();
    const { peer } = join();
    peer.send(register(1));
    await until(() => answers.length === 1);
    publish();
    publish();
    await peer.silence();
    answers[0]?.resolve();
    const frames = await peer.take(3);
    expect(frames.map(({ header }) => header.type)).toEqual([1, 2, 2]);
  });

  it("is for nobody whose registration failed", async () => {
    const { callbacks, join, publish, answers } = served();
    const { peer, client } = join();
    peer.send(register(1));
    await until(() => answers.length === 1);
    publish();
    answers[0]?.reject(new RpcError("no"));
    expect((await peer.next()).header.status).toBe(1);
    publish();
    await peer.silence();
    expect(callbacks.count(client)).toBe(0);
  });

  it("does not wait without bound for a registration that gets no answer", async () => {
    const { join, publish, answers } = served();
    const { peer, client } = join();
    peer.send(register(1));
    await until(() => answers.length === 1);
    for (let i = 0; i < 1024; i++) publish();
    await peer.silence();
    publish();
    expect(await client.closed).toMatchObject({ reason: "overflow" });
  });

  it("that can't be encoded is the publisher's error", async () => {
    const { callbacks, join, watch } = served();
    const { peer } = join();
    await watch(peer);
    expect(() => callbacks.publish("a", "x", Happened, () => 2 ** 40)).toThrow(RangeError);
    await peer.silence();
  });
});
