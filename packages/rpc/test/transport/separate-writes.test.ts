import { once } from "node:events";
import net from "node:net";
import { expect, it, onTestFinished, vi } from "vitest";
import { SeparateWrites } from "../../src/transport/separate-writes.ts";
import { concat } from "../helpers/bytes.ts";

const COUNT = 2000;
const BYTES = 16_384;

/** Two ends of one connection; the second reads nothing. */
async function pair(): Promise<{ here: net.Socket; there: net.Socket }> {
  const server = net.createServer({ pauseOnConnect: true });
  onTestFinished(() => void server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const here = net.connect((server.address() as net.AddressInfo).port, "127.0.0.1");
  const [there] = (await once(server, "connection")) as [net.Socket];
  onTestFinished(() => {
    here.destroy();
    there.destroy();
  });
  return { here, there };
}

it("writes one after another, and then says that nothing waits", async () => {
  const { here, there } = await pair();
  const separate = new SeparateWrites(here);
  const pieces = Array.from({ length: COUNT }, (_, i) => new Uint8Array(BYTES).fill(i));
  let done = 0;
  for (const piece of pieces) separate.write(piece, () => done++);
  separate.whenIdle(() => here.end());
  const chunks: Uint8Array[] = [];
  for await (const chunk of there) chunks.push(chunk as Uint8Array); // of a socket without encoding
  expect(done).toBe(COUNT);
  expect(Buffer.compare(concat(...chunks), concat(...pieces))).toBe(0);
});

it("gives up all that waits when the socket has gone, without another write for each", async () => {
  const { here } = await pair();
  const separate = new SeparateWrites(here);
  const write = vi.spyOn(here, "write");
  here.on("error", () => {});
  let done = 0;
  for (let i = 0; i < COUNT; i++) separate.write(new Uint8Array(BYTES), () => done++);
  await once(here, "connect").catch(() => {});
  here.destroy();
  await expect.poll(() => done).toBe(COUNT);
  expect(write.mock.calls.length).toBeLessThan(COUNT / 2);
});
