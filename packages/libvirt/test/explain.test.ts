import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { explain } from "../src/explain.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "virnet-explain-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** A file whose reader waits, as for a file server that is gone, until it is disposed of. */
function hangingFile(path: string): Disposable {
  execFileSync("mkfifo", [path]);
  return { [Symbol.dispose]: () => closeSync(openSync(path, constants.O_RDWR | constants.O_NONBLOCK)) };
}

it.runIf(process.platform === "linux")("waits for no file longer than a step may take", async () => {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo; // it listens on TCP
  using _ = hangingFile(join(folder, "cacert.pem"));
  const { steps } = await explain(`qemu+tls://127.0.0.1:${port}/system?pkipath=${folder}`, { stepMs: 1_000 });
  expect(steps.at(-1)).toMatchObject({ name: "certificates", ok: false, detail: "no answer in 1000 ms" });
  server.close();
});
