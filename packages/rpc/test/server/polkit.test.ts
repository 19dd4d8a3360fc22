import { describe, expect, it } from "vitest";
import { connect } from "../../src/connect.ts";
import { ownAuth } from "../../src/connection/auth-binding.ts";
import { RpcError } from "../../src/protocol/rpc-error.ts";
import { type PolkitVerdict, polkitServer } from "../../src/server/polkit.ts";
import { Server } from "../../src/server/server.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import type { UnixIdentity } from "../../src/transport/unix-native.ts";
import { Echo } from "../helpers/echo.ts";

const somebody: UnixIdentity = {
  uid: 1000,
  gid: 1000,
  pid: 42,
  processStart: 7n,
  userName: "somebody",
  groupName: "somebody",
};

/** Logs in with polkit's answer given, and calls something. */
async function visit(check: () => Promise<PolkitVerdict>, identity: UnixIdentity | null = somebody) {
  const asked: unknown[] = [];
  const refusals: string[] = [];
  const failures: unknown[] = [];
  await using server = new Server({ name: "echod", onHandlerError: ({ error }) => failures.push(error) }).add(Echo, {
    say: ({ text }) => ({ lines: [text] }),
  });
  const gate = await server.openGate(
    polkitServer({
      check: async (process, action) => {
        asked.push([process.pid, action]);
        return check();
      },
      onRefused: ({ message }) => refusals.push(message),
    }),
  );
  const [transport, other] = memoryPair();
  server.accept(Object.assign(other, { identity }), gate);
  const auth = { binding: ownAuth };
  try {
    await using client = await connect({ transport }, { auth });
    return { asked, refusals, failures, outcome: await client.program(Echo).say({ text: "hi", repeat: 1 }) };
  } catch (outcome) {
    return { asked, refusals, failures, outcome };
  }
}

describe("polkit", () => {
  it("a refusal of more words than a message has room for is an internal error, and told here", async () => {
    const { outcome, failures } = await visit(async () => {
      throw new RpcError("x".repeat(5_000_000));
    });
    expect(failures).toHaveLength(1);
    expect(outcome).toMatchObject({ name: "RpcError", message: "internal error: AUTH_PROC_POLKIT failed" });
  });

  it("lets in whom it says yes to, and is asked about the right process", async () => {
    const { asked, outcome } = await visit(async () => "yes");
    expect(outcome).toEqual({ lines: ["hi"] });
    expect(asked).toEqual([[42, "org.libvirt.unix.manage"]]);
  });

  it.each([
    ["denied", 45, "authentication failed: access denied by policy"],
    ["dismissed", 79, "authentication cancelled: user cancelled authentication process"],
    ["unanswered", 94, "no polkit agent available to authenticate action 'org.libvirt.unix.manage'"],
  ] as const)("%s is code %i of polkit's domain", async (verdict, code, message) => {
    const { outcome, refusals } = await visit(async () => verdict);
    expect(outcome).toMatchObject({ code, domain: 60, message: expect.stringContaining(message) });
    expect(refusals).toHaveLength(1);
  });

  it("is not asked about root", async () => {
    const { asked, outcome } = await visit(async () => "denied", { ...somebody, uid: 0 });
    expect(outcome).toEqual({ lines: ["hi"] });
    expect(asked).toEqual([]);
  });

  it.each([
    ["nobody is known", null, "the service was given no unix"],
    ["a process has no beginning", { ...somebody, processStart: null }, "it is not known when process 42 began"],
  ])("where %s, nobody is let in", async (_, identity, reason) => {
    const { asked, outcome } = await visit(async () => "yes", identity);
    expect(outcome).toMatchObject({ code: 45, domain: 60, message: expect.stringContaining(reason) });
    expect(asked).toEqual([]);
  });

  it("that can't be reached lets nobody in, and only we learn why", async () => {
    const { outcome, refusals } = await visit(() => Promise.reject(new Error("no bus")));
    expect(outcome).toMatchObject({ code: 45, domain: 60, message: "authentication failed: polkit can't be asked" });
    expect(refusals).toEqual(["memory: no bus"]);
  });
});
