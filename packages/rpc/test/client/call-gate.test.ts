import { describe, expect, it } from "vitest";
import { CallGate } from "../../src/client/call-gate.ts";
import { Client } from "../../src/client/client.ts";
import { AbortHub } from "../../src/util/abort-hub.ts";
import { Echo } from "../helpers/echo.ts";
import { replyTo, scripted } from "../helpers/scripted-peer.ts";
import { nextTurn, until } from "../helpers/turns.ts";

describe("a gate", () => {
  it("lets in as many as find room, in the order in which they came", () => {
    let room = 0;
    const started: number[] = [];
    const gate = new CallGate(() => room === 0, new AbortHub());
    for (const n of [1, 2, 3]) {
      gate.wait(
        () => {
          started.push(n);
          room--;
        },
        () => expect.unreachable(),
        undefined,
      );
    }
    room = 2;
    gate.admit();
    expect(started).toEqual([1, 2]);
    expect(gate.size).toBe(1);
    room = 5;
    gate.admit();
    expect(started).toEqual([1, 2, 3]);
    expect(gate.isOpen).toBe(true);
  });

  it("is closed to newcomers while somebody waits, though there be room", () => {
    let full = true;
    const gate = new CallGate(() => full, new AbortHub());
    gate.wait(
      () => {},
      () => {},
      undefined,
    );
    full = false;
    expect(gate.isOpen).toBe(false);
    gate.admit();
    expect(gate.isOpen).toBe(true);
  });

  it("refuses who aborts, and all at the end", () => {
    const gate = new CallGate(() => true, new AbortHub());
    const reasons: unknown[] = [];
    const controller = new AbortController();
    gate.wait(expect.unreachable, (reason) => reasons.push(reason), controller.signal);
    gate.wait(expect.unreachable, (reason) => reasons.push(reason), undefined);
    controller.abort("mine");
    gate.refuseAll("over");
    expect(reasons).toEqual(["mine", "over"]);
    expect(gate.size).toBe(0);
  });
});

const outcome = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

describe("a client with enough on its way", () => {
  it("lets further calls wait for replies", async () => {
    const { peer, transport } = scripted();
    const client = new Client(transport, { limits: { calls: 2 } });
    const { watch } = client.program(Echo);
    const all = Promise.all(Array.from({ length: 5 }, () => watch()));
    expect([client.pending, client.waiting]).toEqual([2, 3]);
    const serials: number[] = [];
    for (let n = 0; n < 5; n++) {
      const call = await peer.next();
      serials.push(call.header.serial);
      expect(client.pending).toBeLessThanOrEqual(2);
      peer.send(replyTo(call));
    }
    await all;
    expect(serials).toEqual([0, 1, 2, 3, 4]);
    expect([client.pending, client.waiting]).toEqual([0, 0]);
  });

  it("lets further calls wait for a server that does not read, and loses none", async () => {
    const { peer, transport } = scripted();
    const client = new Client(transport, { limits: { queuedBytes: 100_000 } });
    const { say } = client.program(Echo);
    peer.pause();
    const all = Promise.all(Array.from({ length: 50 }, (_, n) => say({ text: "x".repeat(10_000), repeat: n })));
    await nextTurn();
    expect(client.waiting).toBeGreaterThan(35);
    peer.resume();
    for (let n = 0; n < 50; n++) {
      const call = await peer.next();
      expect(call.header.serial).toBe(n);
      peer.send(replyTo(call, Uint8Array.of(0, 0, 0, 0)));
    }
    expect((await all).every(({ lines }) => lines.length === 0)).toBe(true);
  });

  it("rejects a waiting call at once when it is aborted; it is never sent", async () => {
    const { peer, transport } = scripted();
    const client = new Client(transport, { limits: { calls: 1 } });
    const { watch } = client.program(Echo);
    const controller = new AbortController();
    const first = watch();
    const second = outcome(watch(undefined, { signal: controller.signal }));
    const third = watch();
    controller.abort(new Error("changed my mind"));
    expect(await second).toMatchObject({ message: "changed my mind" });
    expect(client.waiting).toBe(1);
    peer.send(replyTo(await peer.next()));
    await first;
    const call = await peer.next();
    expect(call.header.serial).toBe(1);
    peer.send(replyTo(call));
    await third;
    await peer.silence();
  });

  it("goes on with the next when the arguments of a waiting call can't be sent", async () => {
    const { peer, transport } = scripted();
    const client = new Client(transport, { limits: { calls: 1 } });
    const { say, watch } = client.program(Echo);
    const calls = [watch(), outcome(say({ text: "", repeat: -1 })), watch()];
    peer.send(replyTo(await peer.next()));
    peer.send(replyTo(await peer.next()));
    expect((await Promise.all(calls))[1]).toBeInstanceOf(RangeError);
  });

  it("rejects what waits when the connection ends or is closed", async () => {
    const { peer, transport } = scripted();
    const client = new Client(transport, { limits: { calls: 1 } });
    const { watch } = client.program(Echo);
    const calls = [outcome(watch()), outcome(watch())];
    await peer.next();
    peer.break();
    for (const call of calls) expect(await call).toMatchObject({ reason: "eof" });
    await until(() => client.waiting === 0);
    const other = scripted();
    const closing = new Client(other.transport, { limits: { calls: 1 } });
    const [, waiting] = [outcome(closing.program(Echo).watch()), outcome(closing.program(Echo).watch())];
    await closing.close();
    expect(await waiting).toMatchObject({ reason: "closed" });
  });

  it.each([{ calls: 0 }, { queuedBytes: 0 }, { calls: Number.NaN }, { frame: 27 }])(
    "refuses limits of %j",
    (limits) => {
      const { transport } = scripted();
      expect(() => new Client(transport, { limits })).toThrow(RangeError);
    },
  );
});
