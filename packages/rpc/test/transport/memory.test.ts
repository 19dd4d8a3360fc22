import { describe, expect, it } from "vitest";
import { memoryPair } from "../../src/transport/memory.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { Heard, hear, text, written } from "../helpers/socket-peer.ts";
import { nextTurn, until } from "../helpers/turns.ts";

describe("bytes", () => {
  it("arrive in a later turn, in order and in the same pieces", async () => {
    const [a, b] = memoryPair();
    const chunks: string[] = [];
    a.start({ receive() {}, ended() {}, closed() {} });
    b.start({ receive: (chunk) => chunks.push(new TextDecoder().decode(chunk)), ended() {}, closed() {} });
    a.write(text("one"), () => {});
    a.write(text("two"), () => {});
    expect(chunks).toEqual([]);
    await nextTurn();
    expect(chunks).toEqual(["one", "two"]);
  });

  it("wait for a reader who has not begun, or pauses; done waits with them", async () => {
    const [a, b] = memoryPair();
    hear(a);
    let done = 0;
    a.write(text("early"), () => done++);
    await nextTurn();
    expect(done).toBe(0);
    const heard = new Heard(b);
    await until(() => done === 1);
    b.pause();
    a.write(text(" late"), () => done++);
    await nextTurn();
    expect([heard.text, done]).toEqual(["early", 1]);
    b.resume();
    await until(() => done === 2);
    expect(heard.text).toBe("early late");
  });

  it("go both ways", async () => {
    const [a, b] = memoryPair();
    const [atA, atB] = [new Heard(a), new Heard(b)];
    await Promise.all([written(a, text("to b")), written(b, text("to a"))]);
    expect([atA.text, atB.text]).toEqual(["to a", "to b"]);
  });
});

describe("end", () => {
  it("comes after what was written", async () => {
    const [a, b] = memoryPair();
    const [atA, atB] = [new Heard(a), new Heard(b)];
    a.write(text("bye"), () => {});
    a.end();
    a.end();
    expect(await atA.whenClosed()).toMatchObject({ reason: "closed" });
    await until(() => atB.ended);
    expect(atB.order).toEqual(["bytes", "ended"]);
    b.end();
    expect(await atB.whenClosed()).toMatchObject({ reason: "eof" });
  });

  it("lets nothing be written after it, but calls done", async () => {
    const [a, b] = memoryPair();
    const [, atB] = [new Heard(a), new Heard(b)];
    a.end();
    await written(a, text("too late"));
    await until(() => atB.ended);
    expect(atB.text).toBe("");
  });
});

describe("destroy", () => {
  it("tells its owner the error, the peer the end, and calls every done", async () => {
    const [a, b] = memoryPair();
    const [atA, atB] = [new Heard(a), new Heard(b)];
    a.pause();
    const error = new ConnectionError("enough", "overflow");
    const lost = written(b, text("lost"));
    await nextTurn();
    a.destroy(error);
    a.destroy(new ConnectionError("again", "closed"));
    expect(await atA.whenClosed()).toBe(error);
    await lost;
    await until(() => atB.ended);
    await written(b, text("nobody there"));
    expect(atA.order).toEqual(["closed"]);
    b.end();
    await atB.whenClosed();
  });
});
