import { closeSync, openSync, readFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { Remote, type RemoteNonnullDomain } from "@virnet/libvirt/remote";
import { connect } from "virnet";
import { Server } from "virnet/server";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { concat, hex, toHex } from "../../../rpc/test/helpers/bytes.ts";
import { until } from "../../../rpc/test/helpers/turns.ts";
import { loadUnix } from "../../src/unix/unix.ts";
import { openDescriptors, temporaryFolder } from "../helpers/descriptors.ts";

/** A line of a recorded session: a message, the byte that carries a descriptor, or the end. */
interface Line {
  readonly dir: "c2s" | "s2c";
  readonly hex: string;
  readonly fds?: number;
  readonly eof?: true;
}

const folder = new URL("../../../../interop/testbed/captures/", import.meta.url);

const linesOf = (session: string): Line[] =>
  readFileSync(new URL(`${session}.jsonl`, folder), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line)
    .filter(({ eof }) => eof === undefined);

let unix: Awaited<ReturnType<typeof loadUnix>>;

beforeAll(async () => {
  unix = await loadUnix();
});

/** One end of a recorded session, played by hand: says its lines, and wants those of the other end. */
async function play(socket: net.Socket, ours: Line["dir"], lines: readonly Line[]): Promise<void> {
  const { _handle: handle } = socket as unknown as { _handle: { fd: number } };
  let came: Uint8Array = new Uint8Array(0);
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => (came = concat(came, chunk)));
  for (const { dir, hex: digits, fds } of lines) {
    const bytes = hex(digits);
    if (dir !== ours) {
      await until(() => came.length >= bytes.length);
      const got = toHex(came.slice(0, bytes.length));
      if (got !== toHex(bytes)) throw new Error(`came: ${got}, recorded: ${toHex(bytes)}`);
      came = came.slice(bytes.length);
    } else if (fds === undefined) {
      await new Promise<void>((fulfil) => {
        socket.write(bytes, () => fulfil());
      });
    } else unix.send(handle.fd, 0);
  }
}

const dom: RemoteNonnullDomain = {
  name: "guest",
  uuid: hex("5a1d0b1e7e574bed9000000000000001"),
  id: 2,
};

describe.each(["fds-from-client", "fds-from-server"])("the recorded session %s", (session) => {
  const lines = linesOf(session);

  it("is what our client says, and understands", async () => {
    const path = join(temporaryFolder(), "s");
    const listening = net.createServer({ pauseOnConnect: true }).listen(path);
    onTestFinished(() => void listening.close());
    const played = new Promise<void>((fulfil, reject) => {
      listening.once("connection", (socket) => {
        socket.resume();
        onTestFinished(() => void socket.destroy());
        play(socket, "s2c", lines).then(fulfil, reject);
      });
    });
    await using client = await connect({ path }, { unix, keepalive: false });
    const before = openDescriptors().length;
    const remote = client.program(Remote);
    await remote.authList();
    await remote.connectOpen({ name: "qemu:///system", flags: 0 });
    for (const feature of [14, 15]) await remote.connectSupportsFeature({ feature });
    expect((await remote.domainLookupByName({ name: "guest" })).dom).toEqual(dom);
    await remote.connectSupportsFeature({ feature: 8 });
    let came = 0;
    const options = { onDescriptors: ({ size }: { size: number }) => void (came = size) };
    if (session === "fds-from-client") {
      const file = openSync("/dev/null", "r");
      await remote.domainOpenGraphics({ dom, idx: 0, flags: 1 }, { descriptors: [file] });
      closeSync(file);
    } else await remote.domainOpenGraphicsFd({ dom, idx: 0, flags: 1 }, options);
    expect(came).toBe(session === "fds-from-client" ? 0 : 1);
    await remote.connectClose();
    await played;
    expect(openDescriptors().length).toBeLessThanOrEqual(before + 1);
  });

  it("is what our server says, and understands", async () => {
    const path = join(temporaryFolder(), "s");
    let came = 0;
    const server = new Server({ name: "played" }).add(Remote, {
      authList: () => ({ types: [0] }),
      connectOpen: () => {},
      connectSupportsFeature: () => ({ supported: 1 }),
      domainLookupByName: () => ({ dom }),
      domainOpenGraphics: (_, { descriptors }) => void (came = descriptors.size),
      domainOpenGraphicsFd: (_, { descriptors }) => descriptors.attach(0),
      connectClose: () => {},
    });
    onTestFinished(() => server.close());
    await server.listen({ path }, { unix });
    const socket = net.connect(path);
    onTestFinished(() => void socket.destroy());
    await until(() => !socket.connecting);
    await play(socket, "c2s", lines);
    expect(came).toBe(session === "fds-from-client" ? 1 : 0);
  });
});
