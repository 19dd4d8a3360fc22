import { closeSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import type { ConnectionError } from "virnet";
import { Server } from "virnet/server";
import { encodeXdr } from "virnet/xdr";
import { beforeAll, expect, it, onTestFinished } from "vitest";
import { concat } from "../../../rpc/test/helpers/bytes.ts";
import { Echo } from "../../../rpc/test/helpers/echo.ts";
import { cutFrames, frame, OK } from "../../../rpc/test/helpers/frames.ts";
import { until } from "../../../rpc/test/helpers/turns.ts";
import { loadUnix } from "../../src/unix/unix.ts";
import { drained, openDescriptors, openFile, temporaryFolder } from "../helpers/descriptors.ts";

const CALL = 0;
const CALL_WITH_FDS = 4;
const REPLY_WITH_FDS = 5;

let unix: Awaited<ReturnType<typeof loadUnix>>;

beforeAll(async () => {
  unix = await loadUnix();
});

/** A `say` that announces so many descriptors. */
function call(count: number, type = CALL_WITH_FDS): Uint8Array {
  const header = { program: Echo.number, version: 1, procedure: 1, type, serial: 7, status: OK };
  const args = encodeXdr(Echo.procedures.say.args, { text: "hello", repeat: 1 });
  return frame(header, type === CALL ? args : concat(Uint8Array.of(0, 0, 0, count), args));
}

interface Site {
  /** A client by hand. */
  readonly socket: net.Socket;
  /** Its descriptor. */
  readonly fd: number;
  readonly write: (bytes: Uint8Array) => Promise<void>;
  readonly replies: () => number;
  /** What the descriptors held that the handler got. */
  readonly got: string[];
  readonly closed: Promise<ConnectionError>;
  /** The descriptors of this process before anything was sent. */
  readonly before: number[];
}

async function site(): Promise<Site> {
  const path = join(temporaryFolder(), "s");
  const got: string[] = [];
  const server = new Server({ name: "hostile", onHandlerError: () => {} }).add(Echo, {
    say: (_, { descriptors }) => {
      got.push(...descriptors.takeAll().map(drained));
      return { lines: [] };
    },
  });
  onTestFinished(() => server.close());
  await server.listen({ path }, { unix });
  const socket = net.connect({ path, allowHalfOpen: true });
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  let bytes = new Uint8Array(0);
  socket.on("data", (chunk: Buffer) => (bytes = new Uint8Array(concat(bytes, chunk))));
  await until(() => [...server.clients].length === 1);
  const [client] = [...server.clients];
  if (client === undefined) throw new Error("no client");
  const { _handle: handle } = socket as unknown as { _handle: { fd: number } };
  return {
    socket,
    fd: handle.fd,
    write: (piece) =>
      new Promise((fulfil) => {
        socket.write(piece, () => fulfil());
      }),
    replies: () => cutFrames(bytes).frames.length,
    got,
    closed: client.closed,
    before: openDescriptors(),
  };
}

it("a descriptor that comes late is waited for, and what follows is in order", async () => {
  const { write, fd, replies, got } = await site();
  await write(call(2));
  unix.send(fd, openFile("one"));
  await new Promise((fulfil) => {
    setTimeout(fulfil, 30);
  });
  expect(replies()).toBe(0);
  unix.send(fd, openFile("two"));
  await write(concat(call(0), call(0, CALL), call(1)));
  unix.send(fd, openFile("three"));
  await until(() => replies() === 4);
  expect(got).toEqual(["one", "two", "three"]);
});

it("bursts of calls with descriptors, whatever pieces they come in, are served in order", async () => {
  const { write, fd, replies, got } = await site();
  for (let n = 0; n < 30; n++) {
    const bytes = call(1);
    const cut = n % (bytes.length - 1);
    await write(bytes.subarray(0, cut));
    await write(bytes.subarray(cut));
    unix.send(fd, openFile(String(n)));
    await write(call(0, CALL));
  }
  await until(() => replies() === 60);
  expect(got).toEqual(Array.from({ length: 30 }, (_, n) => String(n)));
});

it("a descriptor that was announced and is not sent ends the connection with the next byte", async () => {
  const { write, fd, closed, before } = await site();
  await write(call(2));
  unix.send(fd, 0);
  await write(call(0, CALL));
  expect(await closed).toMatchObject({
    reason: "protocol",
    message: "the peer broke its word: only 1 of 2 descriptors came",
  });
  await until(() => openDescriptors().length < before.length);
  expect(openDescriptors().length).toBe(before.length - 1);
});

it("a peer that goes instead of sending what it announced leaves nothing behind", async () => {
  const { write, fd, closed, socket, before } = await site();
  await write(call(3));
  unix.send(fd, 0);
  unix.send(fd, 1);
  socket.end();
  expect(await closed).toMatchObject({
    reason: "eof",
    message: expect.stringContaining("after 2 of 3 descriptors came"),
  });
  await until(() => openDescriptors().length < before.length);
});

it("a peer that goes in the middle of a message leaves nothing behind", async () => {
  const { write, closed, socket, got } = await site();
  await write(call(1).subarray(0, 40));
  socket.end();
  expect(await closed).toMatchObject({ reason: "eof" });
  expect(got).toEqual([]);
});

it("a descriptor that nobody announced goes by itself, and its byte is taken for the next message's", async () => {
  const { write, fd, replies, closed, before } = await site();
  await write(call(0, CALL));
  await until(() => replies() === 1);
  unix.send(fd, 0);
  await write(call(0, CALL));
  // The byte shifts the length word.
  expect(await closed).toMatchObject({ reason: "protocol", message: expect.stringContaining("length word is 0") });
  await until(() => openDescriptors().length < before.length);
});

it("a descriptor that rides on a byte of a message is closed, and the message served", async () => {
  const { write, fd, replies, got, before } = await site();
  unix.send(fd, 0);
  await write(call(0, CALL).subarray(1));
  await until(() => replies() === 1);
  expect(got).toEqual([]);
  expect(openDescriptors()).toEqual(before);
});

it("33 descriptors end the connection at once", async () => {
  const { write, fd, closed, before } = await site();
  const announced = write(call(33));
  for (let n = 0; n < 33; n++) unix.send(fd, 0);
  await announced;
  expect(await closed).toMatchObject({
    reason: "protocol",
    message: "the client sent a call with 33 descriptors, expected at most 32",
  });
  await until(() => openDescriptors().length < before.length);
});

it("a message too short for its count ends the connection", async () => {
  const { write, closed } = await site();
  const header = { program: Echo.number, version: 1, procedure: 1, type: CALL_WITH_FDS, serial: 7, status: OK };
  await write(frame(header, Uint8Array.of(0, 0)));
  expect(await closed).toMatchObject({ message: "the client sent a call with no count of descriptors" });
});

it.each([
  ["another program", { program: 0x1234 }],
  ["another procedure", { procedure: 99 }],
  ["a type that only servers send", { type: REPLY_WITH_FDS }],
  ["a status that no call has", { status: 1 }],
])("descriptors of a call with %s are closed, and the connection goes on", async (_, odd) => {
  const { write, fd, replies, got, before } = await site();
  const header = { program: Echo.number, version: 1, procedure: 1, type: CALL_WITH_FDS, serial: 7, status: OK, ...odd };
  await write(frame(header, concat(Uint8Array.of(0, 0, 0, 2), Uint8Array.of(0, 0, 0, 0))));
  unix.send(fd, 0);
  unix.send(fd, 1);
  const refused = replies();
  await write(call(1));
  unix.send(fd, openFile("good"));
  await until(() => replies() > refused && got.length === 1);
  expect(got).toEqual(["good"]);
  await until(() => openDescriptors().length <= before.length + 1);
});

it("arguments that can't be read have their descriptors closed", async () => {
  const { write, fd, replies, before } = await site();
  const header = { program: Echo.number, version: 1, procedure: 1, type: CALL_WITH_FDS, serial: 7, status: OK };
  await write(frame(header, Uint8Array.of(0, 0, 0, 1)));
  unix.send(fd, 0);
  await until(() => replies() === 1);
  expect(openDescriptors()).toEqual(before);
});

it("a peer that reads nothing is passed descriptors as it makes room, in order", async () => {
  const path = join(temporaryFolder(), "s");
  const text = "x".repeat(60_000);
  const server = new Server({ name: "full" }).add(Echo, {
    say: (_, { descriptors }) => {
      descriptors.attach(0);
      return { lines: [text, text] };
    },
  });
  onTestFinished(() => server.close());
  await server.listen({ path }, { unix });
  const before = openDescriptors().length;
  const socket = net.connect(path).pause();
  onTestFinished(() => void socket.destroy());
  for (let n = 0; n < 20; n++) socket.write(call(0, CALL));
  await until(() => openDescriptors().length > before + 3);
  let size = 0;
  socket.on("data", (chunk: Buffer) => (size += chunk.length)).resume();
  // 28 of header, 4 of the count, 4 of the lines' number, two lines, and the byte of the descriptor.
  await until(() => size === 20 * (28 + 4 + 4 + 2 * (4 + text.length) + 1));
  await until(() => openDescriptors().length === before + 2);
});

it("a copy that is passed on is another descriptor, which may be closed by itself", () => {
  const file = openFile("content");
  const copy = unix.copy(file);
  expect(copy).not.toBe(file);
  expect(drained(copy)).toBe("content");
  expect(() => closeSync(copy)).toThrow("EBADF");
});
