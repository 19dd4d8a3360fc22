import { expect, test } from "vitest";
import { Client, type Procedure, type Program, type RpcError, type RpcStream } from "../../src/index.ts";
import { VirNetMessageError, VirNetStreamHole } from "../../src/protocol/gen/net.ts";
import { errorFromWire } from "../../src/protocol/rpc-error.ts";
import { Server, type StreamCall } from "../../src/server/index.ts";
import { memoryPair } from "../../src/testing/index.ts";
import { decodeXdr, type XdrType } from "../../src/xdr/type.ts";
import { toHex } from "../helpers/bytes.ts";
import { capturedSession, sessions } from "../helpers/captures.ts";
import { CALL, ERROR, type Frame, frame, keepAlive, OK, parseFrame, REPLY, STREAM } from "../helpers/frames.ts";
import { ScriptedPeer } from "../helpers/scripted-peer.ts";
import { nextTurn } from "../helpers/turns.ts";

const HOLE = 6;
const CONTINUE = 2;

/** One stream of a recorded session: its call, and all that followed, in order. */
interface Recorded {
  readonly call: Frame;
  readonly steps: readonly (Frame & { readonly dir: "c2s" | "s2c" })[];
}

const Bytes: XdrType<Uint8Array> = {
  encode: (writer, value) => writer.raw(value),
  decode: (reader) => {
    const bytes = reader.bytes.slice(reader.position, reader.end);
    reader.position = reader.end;
    return bytes;
  },
};

interface OneProcedure {
  readonly only: Procedure<Uint8Array, Uint8Array, "read">;
}

function programOf({ header: { program: number, version, procedure } }: Frame): Program<OneProcedure> {
  const only = {
    number: procedure,
    name: "CAPTURED",
    args: Bytes,
    ret: Bytes,
    stream: "read",
    priority: "low",
  } as const;
  return { name: "CAPTURED", number, version, procedures: { only } };
}

/** The stream of a session: the call whose serial STREAM packets carry, or that was refused one. */
function recorded(session: string): Recorded {
  const frames = capturedSession(session).map(({ dir, bytes }) => ({ dir, ...parseFrame(bytes) }));
  const streamed = frames.find(({ header: { type } }) => type === STREAM || type === HOLE);
  const refused = frames.findLast(({ header: { type, status } }) => type === REPLY && status === ERROR);
  const { serial } = (streamed ?? refused ?? frames[0])?.header ?? { serial: -1 };
  const [call, ...steps] = frames.filter(({ header }) => header.serial === serial && header.program !== keepAlive);
  if (call?.header.type !== CALL) throw new Error(`no stream in ${session}`);
  return { call, steps };
}

const names = sessions.filter((name) => name.startsWith("stream-"));

test.each(names)("our client speaks as virsh does: %s", async (name) => {
  const { call, steps } = recorded(name);
  const [ours, theirs] = memoryPair();
  const peer = new ScriptedPeer(theirs);
  const client = new Client(ours);
  const sent = async (): Promise<Frame> => {
    for (let next = await peer.next(); ; next = await peer.next()) if (next.header.program !== keepAlive) return next;
  };
  const opening = client.program(programOf(call)).only(call.payload, { sparse: true });
  opening.catch(() => {});
  expect(toHex((await sent()).payload)).toBe(toHex(call.payload));
  const play: { stream?: RpcStream; read?: Promise<unknown> } = {};
  for (const [i, step] of steps.entries()) {
    if (step.dir === "s2c") {
      peer.send(frame({ ...step.header, serial: 0 }, step.payload));
      if (i > 0 || step.header.status !== OK) continue;
      play.stream = (await opening).stream;
      const hears = steps.some(({ dir, header: { status } }) => dir === "s2c" && status === CONTINUE);
      if (hears) play.read = readAll(play.stream).catch((error: unknown) => error);
      continue;
    }
    await act(play.stream, step, steps);
    const { header, payload } = await sent();
    expect({ ...header, serial: call.header.serial }).toEqual(step.header);
    expect(toHex(payload)).toBe(toHex(step.payload));
  }
  await Promise.allSettled([opening, play.read, play.stream?.closed]);
  await nextTurn();
  expect(client.streams).toBe(0);
  expect(peer.inbox).toEqual([]);
  const failure = steps.find(({ dir, header: { status } }) => dir === "s2c" && status === ERROR);
  if (failure !== undefined) {
    const told = play.stream === undefined ? await opening.catch((error: unknown) => error) : await play.stream.closed;
    if (String(told) !== String(errorOf(failure))) throw new Error(`told ${String(told)}, not ${errorOf(failure)}`);
  }
  await client.close();
});

test.each(names)("our server speaks as libvirtd does: %s", async (name) => {
  const { call, steps } = recorded(name);
  const server = new Server({ name: "captured" });
  server.add(programOf(call), { only: (_, given) => serve(given, steps) });
  const [ours, theirs] = memoryPair();
  server.accept(theirs);
  const peer = new ScriptedPeer(ours);
  peer.send(frame(call.header, call.payload));
  for (const step of steps) {
    if (step.dir === "c2s") peer.send(frame(step.header, step.payload));
    else {
      expectSame(await peer.next(), step);
    }
  }
  const [client] = server.clients;
  await nextTurn();
  expect(client?.streams).toBe(0);
  expect(peer.inbox).toEqual([]);
  await server.close();
});

function expectSame({ header, payload }: Frame, wanted: Frame): void {
  expect(header).toEqual(wanted.header);
  expect(toHex(payload)).toBe(toHex(wanted.payload));
}

/** Does what the recorded client did. */
async function act(stream: RpcStream | undefined, { header, payload }: Frame, steps: Recorded["steps"]): Promise<void> {
  const endsByItself = steps.some((step) => step.dir === "s2c" && isEnd(step));
  if (header.type === HOLE) await stream?.hole(decodeXdr(VirNetStreamHole, payload).length);
  else if (header.status === CONTINUE) await stream?.write(payload);
  else if (header.status === ERROR) void stream?.abort(new Error("interrupted"));
  else if (!endsByItself) stream?.finish().catch(() => {});
}

/** Answers as the recorded server did. */
async function serve({ accept }: StreamCall<Uint8Array>, steps: Recorded["steps"]): Promise<void> {
  const answers = steps.filter(({ dir }) => dir === "s2c");
  const [reply, ...rest] = answers;
  if (reply?.header.status === ERROR) throw errorOf(reply);
  const stream = accept(reply?.payload ?? new Uint8Array(0), { sparse: true });
  const reading = readAll(stream);
  reading.catch(() => {});
  for (const step of rest) {
    if (isEnd(step)) return;
    if (step.header.type === HOLE) await stream.hole(decodeXdr(VirNetStreamHole, step.payload).length);
    else if (step.header.status === CONTINUE) await stream.write(step.payload);
    else if (step.header.status === ERROR) throw errorOf(step);
  }
  await reading;
}

function isEnd({ header, payload }: Frame): boolean {
  return header.type === STREAM && header.status === CONTINUE && payload.length === 0;
}

function errorOf({ payload }: Frame): RpcError {
  return errorFromWire(decodeXdr(VirNetMessageError, payload));
}

async function readAll(stream: RpcStream): Promise<void> {
  for await (const part of stream.parts()) expect(part).toBeDefined();
}
