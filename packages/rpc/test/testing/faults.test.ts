import { describe, expect, it } from "vitest";
import { connect } from "../../src/index.ts";
import { Server } from "../../src/server/index.ts";
import { type Faults, faulty, memoryPair } from "../../src/testing/index.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { Echo } from "../helpers/echo.ts";

describe("a faulty transport", () => {
  it("without faults is as good as the one within", async () => {
    expect(await arrivalsOf({}, [1, 2, 3], [4, 5])).toEqual({
      chunks: [
        [1, 2, 3],
        [4, 5],
      ],
      end: "eof",
    });
  });

  it("splits chunks", async () => {
    expect((await arrivalsOf({ split: () => 2 }, [1, 2, 3, 4, 5])).chunks).toEqual([[1, 2], [3, 4], [5]]);
  });

  it("delays chunks and keeps their order", async () => {
    const delays = [6, 0, 3];
    const { chunks } = await arrivalsOf({ delay: () => delays.shift() ?? 0 }, [1], [2], [3]);
    expect(chunks).toEqual([[1], [2], [3]]);
  });

  it("changes bytes by their place in the whole stream", async () => {
    const corrupt = new Map([
      [1, 0xff],
      [3, 0x01],
    ]);
    expect((await arrivalsOf({ corrupt }, [0, 0], [0, 0])).chunks).toEqual([
      [0, 255],
      [0, 1],
    ]);
  });

  it.each([0, 1, 2, 3])("cuts the connection after %i bytes", async (cut) => {
    const { chunks, end } = await arrivalsOf({ cut }, [1, 2, 3, 4]);
    expect(chunks.flat()).toEqual([1, 2, 3].slice(0, cut));
    expect(end).toBe("error");
  });

  it("loses frames", async () => {
    expect((await arrivalsOf({ drop: (n) => n === 1 }, frame(1), frame(2), frame(3))).chunks.map(tag)).toEqual([1, 3]);
  });

  it("makes frames change places", async () => {
    const { chunks } = await arrivalsOf({ reorder: (n) => n === 0 }, frame(1), frame(2), frame(3));
    expect(chunks.map(tag)).toEqual([2, 1, 3]);
  });

  it("finds frames also where chunks don't end with them", async () => {
    const bytes = [...frame(1), ...frame(2)];
    const { chunks } = await arrivalsOf({ drop: (n) => n === 0 }, bytes.slice(0, 30), bytes.slice(30));
    expect(chunks.map(tag)).toEqual([2]);
  });
});

describe("calls through faults", () => {
  it.each<[string, Faults]>([
    ["one byte at a time", { split: () => 1 }],
    ["late", { delay: () => 1 }],
  ])("that come %s are answered", async (_, faults) => {
    const { say } = await echoThrough(faults);
    expect(await say({ text: "hi", repeat: 2 })).toEqual({ lines: ["hi", "hi"] });
  });

  it("out of order settle with their own replies", async () => {
    const { say } = await echoThrough({ reorder: (n) => n % 2 === 0 });
    const replies = await Promise.all(["a", "b", "c", "d"].map((text) => say({ text, repeat: 1 })));
    expect(replies.map(({ lines }) => lines[0])).toEqual(["a", "b", "c", "d"]);
  });

  it("whose reply is lost end with their signal", async () => {
    const { say } = await echoThrough({ drop: () => true });
    const call = say({ text: "hi", repeat: 1 }, { signal: AbortSignal.timeout(5) });
    await expect(call).rejects.toMatchObject({ name: "TimeoutError" });
  });

  it("end with the connection when that is cut", async () => {
    const { say } = await echoThrough({ cut: 20 });
    await expect(say({ text: "hi", repeat: 1 })).rejects.toThrow("the connection was cut");
  });

  it("end with a ConnectionError when the length word is damaged", async () => {
    const { say } = await echoThrough({ corrupt: new Map([[0, 0x40]]) });
    await expect(say({ text: "hi", repeat: 1 })).rejects.toThrow(/length word is \d+, expected 28 to 33554436/);
  });
});

/** What arrives of `writes`, and how the connection ends after them. */
function arrivalsOf(faults: Faults, ...writes: number[][]): Promise<{ chunks: number[][]; end: string }> {
  const [near, far] = memoryPair();
  const receiver = faulty(near, faults);
  const chunks: number[][] = [];
  return new Promise((resolve) => {
    receiver.start({
      receive: (chunk) => chunks.push([...chunk]),
      ended: () => receiver.destroy(new ConnectionError("the peer closed", "eof")),
      closed: ({ reason }) => resolve({ chunks, end: reason }),
    });
    far.start({ receive() {}, ended() {}, closed() {} });
    for (const bytes of writes) far.write(Uint8Array.from(bytes), () => {});
    far.end();
  });
}

function frame(serial: number): number[] {
  const bytes = new Uint8Array(28);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 28);
  view.setUint32(20, serial);
  return [...bytes];
}

function tag(chunk: readonly number[]): number | undefined {
  return chunk[23];
}

async function echoThrough(faults: Faults) {
  const server = new Server({ name: "echo" }).add(Echo, {
    say: ({ text, repeat }) => ({ lines: Array<string>(repeat).fill(text) }),
  });
  const [near, far] = memoryPair();
  server.accept(far);
  return (await connect({ transport: faulty(near, faults) })).program(Echo);
}
