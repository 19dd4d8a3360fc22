import { createHash } from "node:crypto";
import { Duplex, PassThrough, Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, expect, it } from "vitest";
import { type Hole, RpcError } from "../../src/index.ts";
import { deferred } from "../../src/util/deferred.ts";
import { concat } from "../helpers/bytes.ts";
import { Files, join, pattern } from "../helpers/stream-program.ts";
import { nextTurn, until } from "../helpers/turns.ts";

describe("an upload", () => {
  it("arrives whole, in order, and is confirmed after the handler has taken it", async () => {
    const got: Uint8Array[] = [];
    let isDone = false;
    await using joined = join({
      async upload(_, { stream }) {
        for await (const chunk of stream) got.push(chunk);
        await nextTurn();
        isDone = true;
      },
    });
    const { stream } = await joined.client.program(Files).upload({ name: "a" });
    const data = pattern(700_001);
    await stream.write(data.subarray(0, 10));
    await stream.write(new Uint8Array(0));
    await stream.write(data.subarray(10));
    await stream.finish();
    expect(isDone).toBe(true);
    expect(Buffer.compare(concat(...got), data)).toBe(0);
    expect(await stream.closed).toBeUndefined();
    expect(joined.streams()).toBe(0);
  });

  it("of a few kilobytes and a large one of another stream leave in one turn", async () => {
    const sizes = new Map<string, number>();
    await using joined = join({
      async upload({ name }, { stream }) {
        for await (const { length } of stream) sizes.set(name, (sizes.get(name) ?? 0) + length);
      },
    });
    const files = joined.client.program(Files);
    const [{ stream: small }, { stream: large }] = [
      await files.upload({ name: "small" }),
      await files.upload({ name: "large" }),
    ];
    for (let size = 2800; size < 3200; size += 100) {
      await Promise.all([small.write(pattern(size)), large.write(pattern(65_536))]);
    }
    await Promise.all([small.finish(), large.finish()]);
    expect([...sizes].toSorted(([a], [b]) => (a < b ? -1 : 1))).toEqual([
      ["large", 4 * 65_536],
      ["small", 2800 + 2900 + 3000 + 3100],
    ]);
  });

  it("goes through Node's pipeline into a file-like sink, and from a Node source through a Web writable", async () => {
    const sink = new PassThrough({ highWaterMark: 1 << 24 });
    await using joined = join({
      upload: (_, { stream, signal }) => pipeline(stream, sink, { signal }),
    });
    const { stream } = await joined.client.program(Files).upload({ name: "a" });
    const data = pattern(600_000);
    await pipeline(
      Readable.from([data.subarray(0, 300_000), data.subarray(300_000)]),
      Writable.fromWeb(stream.writable),
    );
    expect(Buffer.compare(sink.read() as Buffer, data)).toBe(0);
    expect(joined.streams()).toBe(0);
  });

  it("that the handler refuses rejects the call, and what comes later is dropped", async () => {
    await using joined = join({
      upload({ name }) {
        throw new RpcError(`no file ${name}`, { code: 50 });
      },
    });
    const refused = joined.client.program(Files).upload({ name: "x" });
    await expect(refused).rejects.toMatchObject({ name: "RpcError", message: "no file x", code: 50 });
    expect(joined.streams()).toBe(0);
  });

  it("whose handler fails half-way ends with the error that says why", async () => {
    await using joined = join({
      async upload(_, { stream }) {
        for await (const chunk of stream) throw new RpcError(`full after ${chunk.length}`, { code: 38, int1: 28 });
      },
    });
    const { stream } = await joined.client.program(Files).upload({ name: "a" });
    await stream.write(pattern(100));
    await expect(stream.finish()).rejects.toMatchObject({ message: "full after 100", code: 38, int1: 28 });
    await expect(stream.write(pattern(1))).rejects.toThrow("full after 100");
    expect(joined.streams()).toBe(0);
    expect(joined.failures).toEqual([]);
  });

  it("whose handler has a fault tells the peer no more than that, and the log everything", async () => {
    await using joined = join({
      async upload(_, { stream }) {
        for await (const chunk of stream) if (chunk.length > 0) throw new Error("secret");
      },
    });
    const { stream } = await joined.client.program(Files).upload({ name: "a" });
    await stream.write(pattern(1));
    expect(await stream.closed).toMatchObject({ message: "internal error: FILES_PROC_UPLOAD failed" });
    expect(joined.failures.map(({ error }) => String(error))).toEqual(["Error: secret"]);
  });

  it("whose handler fails with an error that can't be sent ends all the same", async () => {
    await using joined = join({
      async upload(_, { stream }) {
        for await (const chunk of stream) if (chunk.length > 0) throw new RpcError("nul \0 inside");
      },
    });
    const { stream } = await joined.client.program(Files).upload({ name: "a" });
    await stream.write(pattern(1));
    expect(await stream.closed).toMatchObject({ message: "the server failed, with an error that can't be sent" });
    await until(() => joined.streams() === 0);
  });

  it("whose source fails is aborted, and the handler hears of it", async () => {
    const ended = deferred<unknown>();
    await using joined = join({
      async upload(_, { stream, signal }) {
        signal.addEventListener("abort", () => ended.resolve(signal.reason));
        await readAll(stream);
      },
    });
    const { stream } = await joined.client.program(Files).upload({ name: "a" });
    await expect(pipeline(Readable.from(brokenDisk()), Writable.fromWeb(stream.writable))).rejects.toThrow(
      "the disk is broken",
    );
    expect(await ended.promise).toMatchObject({ name: "RpcError", message: "the client aborted the stream" });
    await until(() => joined.streams() === 0);
    expect(joined.failures).toEqual([]);
  });
});

describe("a download", () => {
  it("is iterated to its end, and finished by that", async () => {
    const data = pattern(900_000);
    await using joined = join({
      async download(_, { stream }) {
        await stream.write(data);
      },
    });
    const { stream } = await joined.client.program(Files).download({ name: "a" });
    const hash = createHash("sha256");
    for await (const chunk of stream) hash.update(chunk);
    expect(hash.digest("hex")).toBe(createHash("sha256").update(data).digest("hex"));
    expect(await stream.closed).toBeUndefined();
    expect(joined.streams()).toBe(0);
  });

  it("that is left early is aborted on both sides", async () => {
    const outcome = deferred<unknown>();
    await using joined = join({
      async download(_, { stream }) {
        try {
          for (;;) await stream.write(pattern(300_000));
        } catch (error) {
          outcome.resolve(error);
          throw error;
        }
      },
    });
    const { stream } = await joined.client.program(Files).download({ name: "a" });
    for await (const chunk of stream) if (chunk.length > 0) break;
    expect(await stream.closed).toMatchObject({ message: "the reader left the stream" });
    expect(await outcome.promise).toMatchObject({ message: "the client aborted the stream" });
    await until(() => joined.streams() === 0);
    expect(joined.failures).toEqual([]);
  });

  it("lends its bytes in place to drain, and in pooled buffers to consume", async () => {
    const data = pattern(800_000);
    await using joined = join({ download: (_, { stream }) => stream.write(data) });
    const files = joined.client.program(Files);
    const drained: Uint8Array[] = [];
    const first = await files.download({ name: "a" });
    await first.stream.drain((bytes) => drained.push(bytes.slice()));
    const consumed: Uint8Array[] = [];
    const second = await files.download({ name: "a" });
    await second.stream.consume(async (bytes) => {
      await nextTurn();
      consumed.push(bytes.slice());
    });
    expect(Buffer.compare(concat(...drained), data)).toBe(0);
    expect(Buffer.compare(concat(...consumed), data)).toBe(0);
    expect(joined.streams()).toBe(0);
  });

  it("whose sink fails is aborted with the sink's error", async () => {
    await using joined = join({
      async download(_, { stream }) {
        for (;;) await stream.write(pattern(10));
      },
    });
    const files = joined.client.program(Files);
    await expect((await files.download({ name: "a" })).stream.drain(brokenSink)).rejects.toThrow("sink broke");
    await expect((await files.download({ name: "a" })).stream.consume(brokenSink)).rejects.toThrow("sink broke");
    const { stream } = await files.download({ name: "a" });
    await expect(stream.consume(brokenSink, { blocks: 100_000 })).rejects.toThrow("sink broke");
    const last = (await files.download({ name: "a" })).stream;
    await expect(last.consume(brokenSink, { blocks: 100_000_000 })).rejects.toThrow("sink broke");
    const sink = new Writable({ write: (_chunk, _encoding, done) => done(new Error("disk full")) });
    const third = await files.download({ name: "a" });
    await expect(pipeline(Readable.fromWeb(third.stream.readable as never), sink)).rejects.toThrow("disk full");
    await until(() => joined.streams() === 0);
    expect(joined.failures).toEqual([]);
  });

  it("gives its result with the stream", async () => {
    await using joined = join({
      async picture(_, { accept }) {
        const stream = accept({ name: "image/png" });
        await stream.write(pattern(5));
      },
    });
    const { stream, ret } = await joined.client.program(Files).picture();
    expect(ret).toEqual({ name: "image/png" });
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(concat(...chunks)).toEqual(pattern(5));
  });

  it("may be empty: the handler returns its result and touches nothing", async () => {
    await using joined = join({ picture: () => ({ name: "nothing" }) });
    const { stream, ret } = await joined.client.program(Files).picture();
    expect(ret.name).toBe("nothing");
    for await (const chunk of stream) expect(chunk).toBeUndefined();
    expect(joined.streams()).toBe(0);
  });

  it("says so when a handler uses the stream before its result", async () => {
    await using joined = join({
      async picture(_, { stream }) {
        await stream.write(pattern(5));
      },
    });
    await expect(joined.client.program(Files).picture()).rejects.toThrow("FILES_PROC_PICTURE failed");
    expect(joined.streams()).toBe(0);
    expect(joined.failures).toHaveLength(1);
  });
});

describe("holes", () => {
  const sparse = { sparse: true } as const;

  it("come and go as holes, or as zeros for those who want bytes", async () => {
    const parts: (number | bigint)[] = [];
    await using joined = join({
      async upload(_, { accept }) {
        for await (const part of accept(undefined, sparse).parts())
          parts.push("hole" in part ? part.hole : part.length);
      },
      async download(_, { accept }) {
        const stream = accept(undefined, sparse);
        await stream.write(pattern(3));
        await stream.hole(300_000);
        await stream.write(pattern(2));
        await stream.hole(7n);
      },
    });
    const files = joined.client.program(Files);
    const up = await files.upload({ name: "a" }, sparse);
    await up.stream.hole(5n << 40n);
    await up.stream.hole(1);
    await up.stream.write(pattern(9));
    await up.stream.finish();
    expect(parts.reduce((sum: bigint, part) => sum + BigInt(part), 0n)).toBe((5n << 40n) + 10n);

    const down = await files.download({ name: "a" }, sparse);
    const seen: (number | Hole)[] = [];
    for await (const part of down.stream.parts()) seen.push("hole" in part ? part : part.length);
    expect(seen).toEqual([3, { hole: 300_000n }, 2, { hole: 7n }]);

    const whole: Uint8Array[] = [];
    for await (const chunk of (await files.download({ name: "a" }, sparse)).stream) whole.push(chunk);
    expect(concat(...whole)).toEqual(concat(pattern(3), new Uint8Array(300_000), pattern(2), new Uint8Array(7)));

    const drained: Uint8Array[] = [];
    const holes: Hole[] = [];
    await (await files.download({ name: "a" }, sparse)).stream.drain((bytes) => drained.push(bytes.slice()), {
      hole: (hole) => holes.push(hole),
    });
    expect(concat(...drained)).toEqual(concat(pattern(3), pattern(2)));
    expect(holes).toEqual([{ hole: 300_000n }, { hole: 7n }]);
    expect(joined.streams()).toBe(0);
  });

  it("are refused where the stream was not opened for them", async () => {
    await using joined = join({
      async upload(_, { stream }) {
        await readAll(stream);
      },
      async download(_, { accept }) {
        await accept(undefined, sparse).hole(5);
      },
    });
    const files = joined.client.program(Files);
    const { stream } = await files.upload({ name: "a" });
    await expect(stream.hole(1)).rejects.toThrow(TypeError);
    await stream.finish();
    const down = await files.download({ name: "a" });
    expect(await down.stream.closed).toMatchObject({ message: "a hole in a stream that has none" });
    await until(() => joined.streams() === 0);
    const forbidden = await files.upload({ name: "a" }, sparse);
    await forbidden.stream.hole(1);
    expect(await forbidden.stream.closed).toMatchObject({ name: "ConnectionError" });
    expect(await joined.peer.closed).toMatchObject({ reason: "protocol" });
  });
});

describe("a conversation", () => {
  it("goes both ways at once, through Web streams and Node's Duplex", async () => {
    await using joined = join({
      async chat(_, { stream }) {
        for await (const chunk of stream) await stream.write(chunk.map((byte) => byte ^ 0x20));
      },
    });
    const { stream } = await joined.client.program(Files).chat();
    const duplex = Duplex.fromWeb({ readable: stream.readable as never, writable: stream.writable });
    duplex.write("hello");
    const [answer] = (await duplex.take(1).toArray()) as Buffer[];
    expect(String(answer)).toBe("HELLO");
  });

  it("ends for a client that reads when the handler hangs up", async () => {
    await using joined = join({
      async chat(_, { stream }) {
        await stream.write(pattern(3));
      },
    });
    const { stream } = await joined.client.program(Files).chat();
    const got: Uint8Array[] = [];
    for await (const chunk of stream) got.push(chunk);
    expect(got).toEqual([pattern(3)]);
    expect(joined.streams()).toBe(0);
  });
});

describe("an end", () => {
  it("comes by the signal, before the reply and after it", async () => {
    const gate = deferred<void>();
    const ends: unknown[] = [];
    await using joined = join({
      async upload({ name }, { stream, signal }) {
        signal.addEventListener("abort", () => ends.push((signal.reason as Error).message));
        if (name === "late") await gate.promise;
        await readAll(stream);
      },
    });
    const files = joined.client.program(Files);
    const before = new AbortController();
    const call = files.upload({ name: "late" }, { signal: before.signal });
    await until(() => joined.peer.streams === 1);
    before.abort(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
    gate.resolve();
    await until(() => joined.streams() === 0);
    const after = new AbortController();
    const { stream } = await files.upload({ name: "now" }, { signal: after.signal });
    after.abort(new Error("and again"));
    await expect(stream.finish()).rejects.toThrow("and again");
    await until(() => joined.streams() === 0);
    expect(ends).toEqual(["the client aborted the stream", "the client aborted the stream"]);
  });

  it("by abort crosses one by finish, and both sides agree that it is over", async () => {
    await using joined = join({
      async upload(_, { stream }) {
        await readAll(stream);
        for (let i = 0; i < 5; i++) await nextTurn();
      },
    });
    const { stream } = await joined.client.program(Files).upload({ name: "a" });
    const finished = stream.finish();
    finished.catch(() => {});
    await nextTurn();
    await stream.abort(new Error("changed my mind"));
    await expect(finished).rejects.toThrow("changed my mind");
    await until(() => joined.streams() === 0);
  });

  it("comes with the connection's, to both sides", async () => {
    const end = deferred<unknown>();
    await using joined = join({
      async upload(_, { stream, signal }) {
        await stream.write(pattern(1));
        signal.addEventListener("abort", () => end.resolve(signal.reason));
        await readAll(stream);
      },
    });
    const { stream } = await joined.client.program(Files).upload({ name: "a" });
    const finished = stream.finish();
    finished.catch(() => {});
    await joined.client.close();
    await expect(finished).rejects.toMatchObject({ name: "ConnectionError", reason: "closed" });
    expect(await end.promise).toMatchObject({ name: "ConnectionError", reason: "eof" });
    expect(joined.streams()).toBe(0);
    expect(joined.failures).toEqual([]);
  });

  it("comes with the server's closing, which says so", async () => {
    await using joined = join({
      async chat(_, { stream }) {
        await readAll(stream);
      },
    });
    const { stream } = await joined.client.program(Files).chat();
    await stream.write(pattern(1));
    await nextTurn();
    const closing = joined.server.close();
    expect(await stream.closed).toMatchObject({ name: "RpcError", message: "the server is closing" });
    await closing;
  });

  it("is not waited for by a second reader, nor by writers after it", async () => {
    await using joined = join({
      async chat(_, { stream }) {
        await readAll(stream);
      },
    });
    const { stream } = await joined.client.program(Files).chat();
    const reading = stream.drain(() => {});
    await expect(stream.drain(() => {})).rejects.toThrow("being read already");
    await stream.finish();
    await reading;
    await expect(stream.write(pattern(1))).rejects.toThrow("the stream is closed");
    await stream.abort();
    await stream.finish();
  });

  it("of the scope aborts what is unfinished and lets be what is", async () => {
    await using joined = join({
      async upload(_, { stream }) {
        await readAll(stream);
      },
      download: (_, { stream }) => stream.write(pattern(3)),
    });
    const files = joined.client.program(Files);
    const kept: { closed: Promise<unknown> }[] = [];
    {
      await using stream = (await files.upload({ name: "a" })).stream;
      kept.push(stream);
    }
    expect(await kept[0]?.closed).toMatchObject({ message: "the reader left the stream" });
    {
      await using stream = (await files.download({ name: "a" })).stream;
      kept.push(stream);
      await readAll(stream);
    }
    expect(await kept[1]?.closed).toBeUndefined();
  });
});

/** Reads to the end. */
async function readAll(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return concat(...chunks);
}

async function* brokenDisk(): AsyncGenerator<Uint8Array> {
  yield pattern(10);
  throw new Error("the disk is broken");
}

function brokenSink(): never {
  throw new Error("sink broke");
}
