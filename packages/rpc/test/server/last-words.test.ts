import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Server } from "../../src/server/server.ts";
import { encodeXdr } from "../../src/xdr/type.ts";
import { concat } from "../helpers/bytes.ts";
import { Echo, EchoTick } from "../helpers/echo.ts";
import { CALL, cutFrames, frame, OK, parseFrame, REPLY } from "../helpers/frames.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "virnet-words-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

const say = (serial: number, repeat: number): Uint8Array =>
  frame(
    { program: Echo.number, version: 1, procedure: 1, type: CALL, serial, status: OK },
    encodeXdr(Echo.procedures.say.args, { text: "x".repeat(60_000), repeat }),
  );

/** All that a client is sent which calls, closes its half at once, and reads until the end. */
function callAndShut(path: string, bytes: Uint8Array): Promise<Uint8Array> {
  return new Promise((fulfil, reject) => {
    const chunks: Uint8Array[] = [];
    const socket = net.connect({ path, allowHalfOpen: true });
    socket.on("error", reject);
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("end", () => fulfil(concat(...chunks)));
    socket.end(bytes);
  });
}

describe("a client that has closed its half of a socket", () => {
  it("is sent what was answered in full, though events are emitted to it until the end", async () => {
    const path = join(folder, "echo.sock");
    const server = new Server({ name: "echod" }).add(Echo, {
      say: ({ text, repeat }) => ({ lines: Array<string>(repeat).fill(text) }),
    });
    await server.listen({ path });
    let over = false;
    const pester = (): void => {
      server.broadcast(EchoTick, { count: 1n });
      if (!over) setImmediate(pester);
    };
    pester();
    const { frames, rest } = cutFrames(await callAndShut(path, say(7, 16)));
    over = true;
    const answers = frames.map(parseFrame).filter(({ header }) => header.type === REPLY);
    expect(answers.map(({ header, payload }) => [header.serial, payload.length])).toEqual([[7, 4 + 16 * 60_004]]);
    expect(rest).toHaveLength(0);
    await server.close();
  });
});
