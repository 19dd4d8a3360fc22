import { setTimeout as sleep } from "node:timers/promises";
import { type Client, connect, type RpcStream } from "virnet";
import { type Procedure, type Program, type XdrType, XdrVoid } from "virnet/codegenv1";
import { Server } from "virnet/server";
import type { Carrier, Direction } from "./carrier.ts";

interface Size {
  readonly bytes: bigint;
}

const Size: XdrType<Size> = {
  encode: (writer, value) => writer.uhyper(value.bytes),
  decode: (reader) => ({ bytes: reader.uhyper() }),
};

export interface BulkProcedures {
  readonly up: Procedure<void, void, "write">;
  readonly down: Procedure<Size, void, "read">;
  /** Takes a mebibyte a second. */
  readonly slowUp: Procedure<void, void, "write">;
  readonly nothing: Procedure<void, void>;
}

export const Bulk: Program<BulkProcedures> = {
  name: "BULK",
  number: 0x20200002,
  version: 1,
  procedures: {
    up: { number: 1, name: "BULK_PROC_UP", args: XdrVoid, ret: XdrVoid, stream: "write", priority: "low" },
    down: { number: 2, name: "BULK_PROC_DOWN", args: Size, ret: XdrVoid, stream: "read", priority: "low" },
    slowUp: { number: 3, name: "BULK_PROC_SLOW_UP", args: XdrVoid, ret: XdrVoid, stream: "write", priority: "low" },
    nothing: { number: 4, name: "BULK_PROC_NOTHING", args: XdrVoid, ret: XdrVoid, stream: null, priority: "low" },
  },
};

/** What one writes at a time: a whole packet, of as many bytes as the raw yardstick writes, from one buffer as there. */
const WRITE_BYTES = 262_120;

/** The core verbs: `write` from a buffer, `drain` with a callback. */
export const virnet: Carrier = {
  directions: ["up", "down"],
  async serve(place) {
    const server = serveBulk(new Server({ name: "bulk" }));
    const { port } = await server.listen(place);
    return "host" in place && port !== undefined ? { host: place.host, port } : place;
  },
  async move(place, direction, bytes) {
    await using client = await connect(place);
    await moveBulk(client, direction, bytes);
  },
};

export function serveBulk(server: Server): Server {
  return server.add(Bulk, {
    up: (_, { stream }) => stream.drain(nothing),
    slowUp: (_, { stream }) => drainSlowly(stream),
    nothing,
    down: ({ bytes }, { stream }) => send(stream, Number(bytes)),
  });
}

export async function moveBulk(client: Client, direction: Direction, bytes: number): Promise<void> {
  const bulk = client.program(Bulk);
  if (direction === "down") {
    await (await bulk.down({ bytes: BigInt(bytes) })).stream.drain(nothing);
    return;
  }
  const { stream } = await bulk.up();
  await send(stream, bytes);
  await stream.finish();
}

/** Reads a mebibyte a second. */
export async function drainSlowly(stream: RpcStream): Promise<void> {
  const begun = performance.now();
  let size = 0;
  await stream.consume(async (bytes) => {
    size += bytes.length;
    const early = begun + (size / 1_048_576) * 1000 - performance.now();
    if (early > 0) await sleep(early);
  });
}

async function send(stream: { write(bytes: Uint8Array): Promise<void> }, bytes: number): Promise<void> {
  const buffer = new Uint8Array(WRITE_BYTES);
  for (let left = bytes; left > 0; left -= buffer.length) await stream.write(buffer.subarray(0, left));
}

function nothing(): void {}
