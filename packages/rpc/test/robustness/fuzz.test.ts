import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { Handlers } from "../../src/server/handlers.ts";
import { Server } from "../../src/server/server.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { encodeXdr } from "../../src/xdr/type.ts";
import { concat, split } from "../helpers/bytes.ts";
import { capturedFrames, sessions } from "../helpers/captures.ts";
import { Echo, type EchoProcedures, EchoTick } from "../helpers/echo.ts";
import { frame } from "../helpers/frames.ts";
import { Random } from "../helpers/random.ts";
import { nextTurn } from "../helpers/turns.ts";

const uncaught: unknown[] = [];
const note = (error: unknown): void => void uncaught.push(error);

beforeAll(() => {
  process.on("uncaughtExceptionMonitor", note);
  process.on("unhandledRejection", note);
});

afterAll(() => {
  process.off("uncaughtExceptionMonitor", note);
  process.off("unhandledRejection", note);
});

const header = { program: Echo.number, version: 1, serial: 1, status: 0 };
const sayArgs = encodeXdr(Echo.procedures.say.args, { text: "hello", repeat: 3 });

/** Good frames to begin with: small ones of real sessions, and calls that our own program understands. */
const seeds: Uint8Array[] = [
  ...sessions.flatMap(capturedFrames).flatMap(({ bytes }) => (bytes.length <= 400 ? [bytes] : [])),
  ...[1, 2, 3].flatMap((procedure) =>
    Array.from({ length: 200 }, () => frame({ ...header, procedure, type: 0 }, sayArgs)),
  ),
  ...Array.from({ length: 100 }, () => frame({ ...header, procedure: 1, type: 1 }, sayArgs)),
  ...Array.from({ length: 100 }, () => frame({ ...header, procedure: 4, type: 2 }, sayArgs)),
];

const echoing: Handlers<EchoProcedures> = {
  say: ({ text, repeat }) => ({ lines: Array<string>(Math.min(repeat, 20)).fill(text) }),
  async wait({ text }) {
    await nextTurn();
    if (text === "") throw new TypeError("nothing to wait for");
    return { lines: [text] };
  },
  watch(_, { client }) {
    client.emit(EchoTick, { count: 1n });
  },
};

/** A frame with some of its bytes or words changed; mostly its length word still tells the truth. */
function mutated(random: Random): Uint8Array {
  const bytes = random.pick(seeds).slice();
  const view = new DataView(bytes.buffer);
  for (let n = random.below(4); n > 0; n--) {
    const at = 4 + random.below(bytes.length - 4);
    if (random.below(2) === 0) bytes[at] = random.below(256);
    else
      view.setUint32(
        Math.min(at & ~3, bytes.length - 4),
        random.pick([0, 1, 2, 3, 0x7fff_ffff, 0xffff_ffff, Echo.number]),
      );
  }
  if (random.below(8) > 0) return bytes;
  const cut = bytes.subarray(0, 28 + random.below(bytes.length - 27)).slice();
  new DataView(cut.buffer).setUint32(0, random.below(4) === 0 ? random.below(2 ** 32) : cut.length);
  return cut;
}

/** Plays a rude peer: sends mutated frames in pieces of any size, reads or does not, and goes however it likes. */
async function attack(transport: Transport, seed: number): Promise<void> {
  const random = new Random(seed);
  transport.start({ receive() {}, ended() {}, closed() {} });
  if (random.below(4) === 0) transport.pause();
  const bytes = concat(...Array.from({ length: 1 + random.below(40) }, () => mutated(random)));
  const cuts = Array.from({ length: random.below(20) }, () => random.below(bytes.length));
  for (const chunk of split(bytes, cuts)) {
    transport.write(chunk, () => {});
    if (random.below(3) === 0) await nextTurn();
  }
  if (random.below(2) === 0) transport.end();
  else transport.destroy(new ConnectionError("broken off", "closed"));
}

describe("a server under random frames", () => {
  it.each(Array.from({ length: 40 }, (_, i) => i + 1))(
    "of seed %i throws nothing about and serves the next client",
    async (round) => {
      const server = new Server({ name: "echod", limits: { clients: 2000 }, onHandlerError() {} }).add(Echo, echoing);
      for (let i = 0; i < 50; i++) {
        const [theirs, ours] = memoryPair();
        server.accept(ours);
        await attack(theirs, round * 1000 + i);
      }
      const [theirs, ours] = memoryPair();
      server.accept(ours);
      await using client = new Client(theirs);
      const { say } = client.program(Echo);
      expect(await say({ text: "still here", repeat: 2 })).toEqual({ lines: ["still here", "still here"] });
      for (const { requests } of server.clients) expect(requests).toBeLessThanOrEqual(5);
      await client.close();
      await server.close({ signal: AbortSignal.timeout(100) });
      expect([...server.clients]).toEqual([]);
      expect(uncaught).toEqual([]);
    },
  );
});

describe("a client under random frames", () => {
  it.each(Array.from({ length: 20 }, (_, i) => i + 1))(
    "of seed %i throws nothing about and settles every call",
    async (round) => {
      for (let i = 0; i < 50; i++) {
        const [theirs, ours] = memoryPair();
        const client = new Client(ours);
        const ticks = client.events(EchoTick, { overflow: "dropOldest" });
        const { say, watch } = client.program(Echo);
        const calls = [say({ text: "a", repeat: 1 }), watch(), say({ text: "b", repeat: 1 })];
        const settled = Promise.allSettled(calls);
        const read = Promise.allSettled([ticks.next()]);
        await attack(theirs, round * 7000 + i);
        await client.closed;
        await Promise.all([settled, read]);
        expect(client.pending).toBe(0);
      }
      expect(uncaught).toEqual([]);
    },
  );
});
