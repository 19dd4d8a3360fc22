import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceDefinition,
} from "@grpc/grpc-js";
import type { Place } from "../calls/contender.ts";
import type { Carrier } from "./carrier.ts";

const path = "/bench.Bulk/Down";
const CHUNK_BYTES = 262_144;

/** The bytes are the message: what protobuf would cost comes on top. */
const definition: ServiceDefinition = {
  down: {
    path,
    requestStream: false,
    responseStream: true,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  },
};

/** Server streaming. */
export const grpc: Carrier = {
  directions: ["down"],
  serve(place) {
    const server = new Server();
    server.addService(definition, { down: send });
    return new Promise((resolve, reject) => {
      server.bindAsync(target(place), ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve("path" in place ? place : { host: place.host, port });
        else reject(error);
      });
    });
  },
  async move(place, _direction, bytes) {
    const client = new Client(target(place), credentials.createInsecure());
    const wish = Buffer.from(String(bytes));
    await new Promise<void>((resolve, reject) => {
      const call = client.makeServerStreamRequest(path, same, same, wish);
      call
        .on("data", () => {})
        .on("end", resolve)
        .on("error", reject);
    });
    client.close();
  },
};

function send(call: ServerWritableStream<Buffer, Buffer>): void {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let left = Number(String(call.request));
  const more = (): void => {
    while (left > 0) {
      left -= chunk.length;
      if (!call.write(chunk)) {
        call.once("drain", more);
        return;
      }
    }
    call.end();
  };
  more();
}

function target(place: Place): string {
  return "path" in place ? `unix:${place.path}` : `${place.host}:${place.port}`;
}

function same(bytes: Buffer): Buffer {
  return bytes;
}
