import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Remote, type RemoteProcedures } from "@virnet/libvirt/remote";
import { type Client, connect, type ProgramClient } from "virnet";
import { startTestd, type Testd, type TestdOptions } from "../../src/testd.ts";

/** A daemon on a socket of its own, gone with its directory at the end of the test. */
export interface TestdFixture extends AsyncDisposable {
  readonly testd: Testd;
  readonly path: string;
  /** Another client, connected and not yet opened. */
  connect(): Promise<{ client: Client; remote: ProgramClient<RemoteProcedures> }>;
  /** Another client that has opened test:///default. */
  open(flags?: number): Promise<{ client: Client; remote: ProgramClient<RemoteProcedures> }>;
}

export async function testdFixture(options: Partial<TestdOptions> = {}): Promise<TestdFixture> {
  const directory = await mkdtemp(join(tmpdir(), "testd-"));
  const path = join(directory, "sock");
  const testd = await startTestd({ ...options, sockets: [path] });
  const clients: Client[] = [];
  const connectOne: TestdFixture["connect"] = async () => {
    const client = await connect({ path });
    clients.push(client);
    return { client, remote: client.program(Remote) };
  };
  return {
    testd,
    path,
    connect: connectOne,
    async open(flags = 0) {
      const one = await connectOne();
      await one.remote.connectOpen({ name: "test:///default", flags });
      return one;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.close()));
      await testd.close();
      await rm(directory, { recursive: true });
    },
  };
}
