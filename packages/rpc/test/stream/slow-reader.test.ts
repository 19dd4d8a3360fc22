import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { connect, type RpcStream } from "../../src/index.ts";
import { Server } from "../../src/server/index.ts";
import { Files, pattern } from "../helpers/stream-program.ts";
import { until } from "../helpers/turns.ts";

/*
 * A reader who has stopped altogether, over a real socket. How fast calls are answered meanwhile is measured elsewhere;
 * here they must be answered at all, and little may wait in memory.
 */

test.each(["upload", "download"] as const)("calls go on beside a reader of an %s who reads nothing", async (verb) => {
  const folder = await mkdtemp(join(tmpdir(), "virnet-"));
  const stalled = new Promise<void>(() => {});
  const stall = (stream: RpcStream): Promise<void> => stream.consume(() => stalled);
  const flood = async (stream: RpcStream): Promise<void> => {
    for (const bytes = pattern(262_120); ; ) await stream.write(bytes);
  };
  const server = new Server({ name: "slow" }).add(Files, {
    say: ({ name }) => ({ name }),
    upload: (_, { stream }) => stall(stream),
    download: (_, { stream }) => flood(stream),
  });
  await server.listen({ path: join(folder, "sock") });
  const client = await connect({ path: join(folder, "sock") });
  const files = client.program(Files);
  await files.say({ name: "hello" });
  const [peer] = server.clients;
  const waiting = (): number => (verb === "upload" ? (peer?.streamBytes ?? 0) : client.streamBytes);
  const { stream } = await files[verb]({ name: "a" });
  const work = verb === "upload" ? flood(stream) : stall(stream);
  work.catch(() => {});
  await until(() => waiting() > 524_288);
  for (let i = 0; i < 300; i++) expect(await files.say({ name: String(i) })).toEqual({ name: String(i) });
  const other = await files[verb]({ name: "b" });
  expect(waiting()).toBeLessThan(16_777_216);
  await other.stream.abort();
  await stream.abort();
  await until(() => client.streams === 0 && peer?.streams === 0);
  expect(waiting()).toBe(0);
  await client.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});
