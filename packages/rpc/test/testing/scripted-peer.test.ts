import { expect, it } from "vitest";
import { ConnectionError, connect } from "../../src/index.ts";
import { MessageStatus, MessageType } from "../../src/protocol/index.ts";
import { encodeFrame, memoryPair, ScriptedPeer } from "../../src/testing/index.ts";
import { XdrVoid } from "../../src/xdr/index.ts";
import { Echo } from "../helpers/echo.ts";

it("plays a server: takes a call, and answers it rightly", async () => {
  const { peer, echo } = await play();
  const call = echo.watch();
  const { header, payload } = await peer.next();
  expect({ ...header, size: payload.length }).toMatchObject({
    procedure: 3,
    type: MessageType.CALL,
    serial: 0,
    size: 0,
  });
  peer.sendMessage({ ...header, type: MessageType.REPLY });
  await expect(call).resolves.toBeUndefined();
});

it("answers wrongly when it is told to", async () => {
  const { peer, echo, client } = await play();
  const call = echo.say({ text: "hi", repeat: 1 });
  const { header } = await peer.next();
  peer.sendMessage({ ...header, type: MessageType.REPLY, procedure: 2 });
  await expect(call).rejects.toThrow("a reply of another procedure than ECHO_PROC_SAY");
  expect((await client.closed).reason).toBe("protocol");
  expect((await peer.closed).reason).toBe("eof");
});

it("sends a value with its codec, and pieces of bytes as they are", async () => {
  const { peer, echo } = await play();
  const call = echo.say({ text: "hi", repeat: 1 });
  const { header } = await peer.next();
  const bytes = encodeFrame({ ...header, type: MessageType.REPLY, status: MessageStatus.OK }, Echo.procedures.say.ret, {
    lines: ["as told"],
  });
  peer.send(bytes.subarray(0, 10));
  peer.send(bytes.subarray(10));
  expect(await call).toEqual({ lines: ["as told"] });
});

it("vanishes in the middle of a call", async () => {
  const { peer, echo } = await play();
  const call = echo.watch();
  await peer.next();
  peer.vanish();
  await expect(call).rejects.toBeInstanceOf(ConnectionError);
  await expect(peer.next()).rejects.toThrow("vanished");
});

it("encodes a message without payload in 28 bytes", () => {
  const header = { program: 1, version: 1, procedure: 1, type: 0, serial: 0, status: 0 };
  expect(encodeFrame(header, XdrVoid, undefined)).toHaveLength(28);
});

async function play() {
  const [near, far] = memoryPair();
  const peer = new ScriptedPeer(far);
  const client = await connect({ transport: near });
  return { peer, client, echo: client.program(Echo) };
}
