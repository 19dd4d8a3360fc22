import type { Procedure, Program, XdrType } from "../../src/codegenv1.ts";
import { XdrVoid } from "../../src/codegenv1.ts";
import { Client, type ClientOptions } from "../../src/index.ts";
import { type HandlerFailure, type Handlers, Server, type ServerClient } from "../../src/server/index.ts";
import { memoryPair } from "../../src/testing/index.ts";

interface Name {
  name: string;
}

const Name: XdrType<Name> = {
  encode: (writer, value) => writer.string(value.name, 64),
  decode: (reader) => ({ name: reader.string(64) }),
};

export interface FilesProcedures {
  readonly upload: Procedure<Name, void, "write">;
  readonly download: Procedure<Name, void, "read">;
  readonly chat: Procedure<void, void, "read">;
  readonly picture: Procedure<void, Name, "read">;
  readonly say: Procedure<Name, Name>;
}

const plain = { priority: "low" } as const;

/** A program with streams of all directions; written by hand, so that these tests need no compiler. */
export const Files: Program<FilesProcedures> = {
  name: "FILES",
  number: 0x20200001,
  version: 1,
  procedures: {
    upload: { number: 1, name: "FILES_PROC_UPLOAD", args: Name, ret: XdrVoid, stream: "write", ...plain },
    download: { number: 2, name: "FILES_PROC_DOWNLOAD", args: Name, ret: XdrVoid, stream: "read", ...plain },
    chat: { number: 3, name: "FILES_PROC_CHAT", args: XdrVoid, ret: XdrVoid, stream: "read", ...plain },
    picture: { number: 4, name: "FILES_PROC_PICTURE", args: XdrVoid, ret: Name, stream: "read", ...plain },
    say: { number: 5, name: "FILES_PROC_SAY", args: Name, ret: Name, stream: null, ...plain },
  },
};

/** A client and a server of {@link Files}, joined in memory. */
export interface Joined extends AsyncDisposable {
  readonly client: Client;
  readonly server: Server;
  readonly peer: ServerClient;
  readonly failures: HandlerFailure[];
  /** Streams known to either side. */
  readonly streams: () => number;
}

export function join(handlers: Handlers<FilesProcedures>, options: ClientOptions = {}): Joined {
  const failures: HandlerFailure[] = [];
  const server = new Server({ name: "files", onHandlerError: (failure) => failures.push(failure) });
  server.add(Files, handlers);
  const [ours, theirs] = memoryPair();
  const peer = server.accept(theirs);
  if (peer === undefined) throw new Error("the server took no client");
  const client = new Client(ours, options);
  return {
    client,
    server,
    peer,
    failures,
    streams: () => client.streams + peer.streams,
    [Symbol.asyncDispose]: async () => {
      await client.close();
      await server.close();
    },
  };
}

/** Bytes that differ from place to place. */
export function pattern(size: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8) + seed) & 0xff);
}
