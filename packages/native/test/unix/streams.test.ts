import { join } from "node:path";
import { connect } from "virnet";
import { Server } from "virnet/server";
import { expect, it, onTestFinished } from "vitest";
import { Files } from "../../../rpc/test/helpers/stream-program.ts";
import { loadUnix } from "../../src/unix/unix.ts";
import { drained, openFile, temporaryFolder } from "../helpers/descriptors.ts";

const SIZE = 5_000_000;

function pattern(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 255);
}

it("streams and descriptors share a connection, and neither loses a byte", async () => {
  const unix = await loadUnix();
  const data = pattern(SIZE);
  const uploads: Uint8Array[] = [];
  const server = new Server({ name: "files" }).add(Files, {
    download: async (_, { stream }) => {
      await stream.write(data);
    },
    upload: async (_, { stream }) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of stream) chunks.push(chunk.slice());
      uploads.push(Buffer.concat(chunks));
    },
    say: (_, { descriptors }) => ({ name: drained(descriptors.take()) }),
  });
  const path = join(temporaryFolder(), "s");
  await server.listen({ path }, { unix });
  const client = await connect({ path }, { unix });
  onTestFinished(async () => {
    await client.close();
    await server.close();
  });
  const files = client.program(Files);
  const download = async (): Promise<boolean> => {
    const { stream } = await files.download({ name: "d" });
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) chunks.push(chunk.slice());
    return Buffer.compare(Buffer.concat(chunks), data) === 0;
  };
  const upload = async (): Promise<void> => {
    const { stream } = await files.upload({ name: "u" });
    await stream.write(data);
    await stream.finish();
  };
  const calls = Array.from({ length: 50 }, (_, i) => files.say({ name: "" }, { descriptors: [openFile(String(i))] }));
  const [isSame] = await Promise.all([download(), upload()]);
  expect((await Promise.all(calls)).map(({ name }) => name)).toEqual(calls.map((_, i) => String(i)));
  expect(isSame).toBe(true);
  expect(uploads.map((got) => Buffer.compare(got, data))).toEqual([0]);
});
