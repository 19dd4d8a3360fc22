import { type Client, connect } from "virnet";
import { Server } from "virnet/server";
import { memoryPair } from "virnet/testing";
import { BenchProgram } from "../bench-program.ts";
import { type Contender, type Place, promisingSession, type Session } from "../contender.ts";
import type { OneCall } from "../load.ts";

/** The full stack: programs, limits, dispatcher, a promise per call. */
export const virnet: Contender = {
  async serve(place) {
    const service = await benchServer().listen(place);
    return placeOf(place, service.port);
  },
  async open(place) {
    return sessionOf(await connect(place));
  },
  async join() {
    const [here, there] = memoryPair();
    benchServer().accept(there);
    return sessionOf(await connect({ transport: here }));
  },
};

/** More clients than by default, for those who measure crowds. */
export function benchServer(): Server {
  return new Server({ name: "bench", limits: { clients: 100_000 } }).add(BenchProgram, {
    pair: (pair) => pair,
    block: (block) => block,
  });
}

function placeOf(asked: Place, port: number | undefined): Place {
  return "path" in asked || port === undefined ? asked : { host: asked.host, port };
}

function sessionOf(client: Client): Session {
  const bench = client.program(BenchProgram);
  return promisingSession((bytes): OneCall => {
    const pair = { left: 1, right: 2 };
    const block = { data: new Uint8Array(bytes - 4) };
    return bytes === 8 ? () => bench.pair(pair) : () => bench.block(block);
  });
}
