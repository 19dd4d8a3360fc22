import { describe, expect, it } from "vitest";
import { Client, RpcError } from "../../src/index.ts";
import { VirNetMessageError, VirNetStreamHole } from "../../src/protocol/gen/net.ts";
import { errorToWire } from "../../src/protocol/rpc-error.ts";
import { type Handlers, Server } from "../../src/server/index.ts";
import { memoryPair } from "../../src/testing/index.ts";
import { decodeXdr, encodeXdr } from "../../src/xdr/type.ts";
import { concat } from "../helpers/bytes.ts";
import { CALL, ERROR, type Frame, frame, keepAlive, OK, REPLY, STREAM } from "../helpers/frames.ts";
import { ScriptedPeer, scripted } from "../helpers/scripted-peer.ts";
import { Files, type FilesProcedures, pattern } from "../helpers/stream-program.ts";
import { nextTurn, until } from "../helpers/turns.ts";

const CONTINUE = 2;
const HOLE = 6;
const UPLOAD = 1;
const DOWNLOAD = 2;

const head = (procedure: number, type: number, status: number, serial = 0) => ({
  program: Files.number,
  version: Files.version,
  procedure,
  type,
  serial,
  status,
});
const data = (procedure: number, bytes: Uint8Array, serial = 0): Uint8Array =>
  frame(head(procedure, STREAM, CONTINUE, serial), bytes);
const hole = (procedure: number, length: bigint, flags = 0): Uint8Array =>
  frame(head(procedure, HOLE, CONTINUE), encodeXdr(VirNetStreamHole, { length, flags }));
const name = Uint8Array.of(0, 0, 0, 1, 0x61, 0, 0, 0);

describe("our client bears what servers do:", () => {
  it("data, and its end, before the call's own reply", async () => {
    const { client, peer, opening } = await called();
    peer.send(data(DOWNLOAD, pattern(10)), data(DOWNLOAD, new Uint8Array(0)), reply());
    const { stream } = await opening;
    const got: Uint8Array[] = [];
    await Promise.all([stream.drain((bytes) => got.push(bytes.slice())), confirm(peer)]);
    expect(got).toEqual([pattern(10)]);
    expect(client.streams).toBe(0);
  });

  it("packets of a megabyte", async () => {
    const { peer, opening } = await called();
    peer.send(reply(), data(DOWNLOAD, pattern(1_000_000)), data(DOWNLOAD, new Uint8Array(0)));
    const { stream } = await opening;
    const got: Uint8Array[] = [];
    await Promise.all([stream.drain((bytes) => got.push(bytes.slice())), confirm(peer)]);
    expect(Buffer.compare(concat(...got), pattern(1_000_000))).toBe(0);
  });

  it("an error that comes as a reply, after a bad hole", async () => {
    const { client, peer, opening } = await called();
    peer.send(reply());
    const { stream } = await opening;
    const wire = encodeXdr(VirNetMessageError, errorToWire(new RpcError("bad hole")));
    peer.send(frame(head(DOWNLOAD, REPLY, ERROR), wire));
    expect(await stream.closed).toMatchObject({ message: "bad hole" });
    expect(client.streams).toBe(0);
  });

  it("late packets of a stream that is no more, and an end that nobody asked for", async () => {
    const { client, peer, opening } = await called();
    peer.send(reply(), frame(head(DOWNLOAD, STREAM, OK)), data(DOWNLOAD, pattern(5)), data(DOWNLOAD, pattern(50_000)));
    const { stream } = await opening;
    expect(await stream.closed).toBeUndefined();
    expect(client.streams).toBe(0);
    peer.send(data(DOWNLOAD, pattern(100_000), 77));
    await nextTurn();
    expect(client.pending).toBe(0);
  });

  it("odd statuses and errors that can't be read, each the end of that stream only", async () => {
    const odd = await called();
    odd.peer.send(reply(), frame(head(DOWNLOAD, STREAM, 9)));
    const { stream } = await odd.opening;
    expect(await stream.closed).toMatchObject({ message: "stream packet of status 9, expected 0 to 2" });
    const broken = await called();
    broken.peer.send(reply(), frame(head(DOWNLOAD, STREAM, ERROR), pattern(3)));
    expect(await (await broken.opening).stream.closed).toMatchObject({ name: "RpcError" });
    expect(broken.client.streams).toBe(0);
  });

  async function called() {
    const { peer, transport } = scripted();
    const client = new Client(transport);
    const opening = client.program(Files).download({ name: "a" });
    opening.catch(() => {});
    await nextCall(peer);
    return { client, peer, opening };
  }

  const reply = (): Uint8Array => frame(head(DOWNLOAD, REPLY, OK));

  async function confirm(peer: ScriptedPeer): Promise<void> {
    expect((await nextCall(peer)).header).toMatchObject({ type: STREAM, status: OK });
    peer.send(frame(head(DOWNLOAD, STREAM, OK)));
  }
});

describe("our server bears what clients do:", () => {
  it("data before the reply, empty packets, a finish twice, packets of nobody's stream", async () => {
    const got: number[] = [];
    const { peer, client } = served({
      async upload(_, { stream }) {
        await nextTurn();
        for await (const chunk of stream) got.push(chunk.length);
      },
    });
    const finish = frame(head(UPLOAD, STREAM, OK));
    peer.send(frame(head(UPLOAD, CALL, OK), name), data(UPLOAD, pattern(7)), data(UPLOAD, new Uint8Array(0)));
    peer.send(data(UPLOAD, pattern(9), 5), data(DOWNLOAD, pattern(9)), finish, finish);
    expect((await peer.next()).header).toMatchObject({ type: REPLY, status: OK });
    expect((await peer.next()).header).toMatchObject({ type: STREAM, status: OK });
    peer.send(finish, data(UPLOAD, pattern(9)));
    await peer.silence();
    expect(got).toEqual([7]);
    expect(client.streams).toBe(0);
  });

  it("a status that means nothing, and holes that can't be: errors of the stream", async () => {
    for (const wrong of [frame(head(UPLOAD, STREAM, 7)), hole(UPLOAD, -1n), hole(UPLOAD, 5n, 1)]) {
      const { peer, client } = served({
        upload: async (_, { accept }) => readAll(accept(undefined, { sparse: true })),
      });
      peer.send(frame(head(UPLOAD, CALL, OK), name));
      await peer.next();
      peer.send(wrong);
      const { header, payload } = await peer.next();
      expect(header).toMatchObject({ type: STREAM, status: ERROR, serial: 0 });
      expect(decodeXdr(VirNetMessageError, payload).domain).toBe(38);
      expect(client.streams).toBe(0);
      await peer.silence();
    }
  });

  it("a second stream under a serial that is taken, and streams beyond the limit", async () => {
    const { peer, client } = served({ upload: (_, { stream }) => readAll(stream) }, 2);
    peer.send(frame(head(UPLOAD, CALL, OK), name));
    await until(() => client.streams === 1);
    peer.send(frame(head(UPLOAD, CALL, OK), name));
    peer.send(frame(head(UPLOAD, CALL, OK, 1), name), frame(head(UPLOAD, CALL, OK, 2), name));
    const replies = await peer.take(4);
    expect(replies.map(({ header: { serial, status } }) => [serial, status])).toEqual([
      [0, OK],
      [0, ERROR],
      [1, OK],
      [2, ERROR],
    ]);
    expect(client.streams).toBe(2);
  });

  it("an abort: confirmed with OK, and nothing more is sent", async () => {
    const { peer, client } = served({
      async download(_, { stream }) {
        for (;;) await stream.write(pattern(100_000));
      },
    });
    peer.send(frame(head(DOWNLOAD, CALL, OK), name));
    expect((await peer.next()).header).toMatchObject({ type: REPLY });
    peer.send(frame(head(DOWNLOAD, STREAM, ERROR)));
    let last = await peer.next();
    while (last.header.status === CONTINUE) last = await peer.next();
    expect(last.header).toMatchObject({ type: STREAM, status: OK });
    expect(client.streams).toBe(0);
    await peer.silence();
  });

  function served(handlers: Handlers<FilesProcedures>, streams = 100) {
    const server = new Server({ name: "files", limits: { streams } });
    server.add(Files, handlers);
    const [ours, theirs] = memoryPair();
    const client = server.accept(theirs);
    if (client === undefined) throw new Error("not accepted");
    return { peer: new ScriptedPeer(ours), client };
  }
});

/** The next frame that is no mark. */
async function nextCall(peer: ScriptedPeer): Promise<Frame> {
  for (let next = await peer.next(); ; next = await peer.next()) if (next.header.program !== keepAlive) return next;
}

async function readAll(stream: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of stream) expect(chunk.length).toBeGreaterThan(0);
}
