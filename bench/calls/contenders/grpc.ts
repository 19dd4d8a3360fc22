import { Client, credentials, Server, ServerCredentials, type ServiceDefinition } from "@grpc/grpc-js";
import { type Contender, type Place, promisingSession } from "../contender.ts";

const path = "/bench.Bench/Echo";

/** The bytes are the message: what protobuf would cost comes on top. */
const definition: ServiceDefinition = {
  echo: {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  },
};

interface EchoCall {
  readonly request: unknown;
}

/** Unary calls. */
export const grpc: Contender = {
  serve(place) {
    const server = new Server();
    server.addService(definition, { echo });
    return new Promise((resolve, reject) => {
      server.bindAsync(target(place), ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve("path" in place ? place : { host: place.host, port });
        else reject(error);
      });
    });
  },
  async open(place) {
    const client = new Client(target(place), credentials.createInsecure());
    return promisingSession((bytes) => {
      const body = Buffer.alloc(bytes);
      return () =>
        new Promise((resolve, reject) => {
          client.makeUnaryRequest(path, same, same, body, (error, reply) => {
            if (error === null) resolve(reply);
            else reject(error);
          });
        });
    });
  },
};

function echo(call: EchoCall, answer: (error: null, reply: unknown) => void): void {
  answer(null, call.request);
}

function target(place: Place): string {
  return "path" in place ? `unix:${place.path}` : `${place.host}:${place.port}`;
}

function same(bytes: Buffer): Buffer {
  return bytes;
}
