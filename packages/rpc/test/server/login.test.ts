import * as fc from "fast-check";
import { afterEach, assert, describe, expect, it } from "vitest";
import { type AuthBinding, ownAuth } from "../../src/connection/auth-binding.ts";
import type { Procedure } from "../../src/program/program.ts";
import { VirNetMessageError } from "../../src/protocol/gen/net.ts";
import type { SaslServerProvider } from "../../src/sasl/mechanism.ts";
import { scramKeys } from "../../src/sasl/scram-keys.ts";
import { type AuthLimits, type SaslServerOptions, saslServer } from "../../src/sasl/server-auth.ts";
import type { ServerLimits } from "../../src/server/limits.ts";
import { Server } from "../../src/server/server.ts";
import { openTransport } from "../../src/transport/open.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { decodeXdr, encodeXdr, type XdrType } from "../../src/xdr/type.ts";
import { concat } from "../helpers/bytes.ts";
import { Echo } from "../helpers/echo.ts";
import { CALL, cutFrames, ERROR, type Frame, frame, OK, parseFrame, ping } from "../helpers/frames.ts";
import { TestLayer } from "../helpers/layer.ts";
import { layerServer } from "../helpers/layer-mechanism.ts";
import { bytes } from "../helpers/sasl.ts";
import { type ScriptedPeer, scripted } from "../helpers/scripted-peer.ts";
import { until } from "../helpers/turns.ts";

const keys = scramKeys("secret", { iterations: 4096 });
const uniform = { code: 45, domain: 7, level: 2, message: "authentication failed: authentication failed" };
const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function daemon(
  options: Partial<SaslServerOptions> = {},
  limits: Partial<AuthLimits> = {},
  serverLimits: Partial<ServerLimits> = {},
) {
  const refusals: string[] = [];
  const server = new Server({ name: "echod", limits: serverLimits }).add(Echo, {
    say: ({ text }) => ({ lines: [text] }),
    watch: () => undefined,
  });
  servers.push(server);
  const gate = await server.openGate(
    saslServer({
      users: async (user) => (user === "alice" ? [await keys] : null),
      mechanisms: ["SCRAM-SHA-256", "PLAIN"],
      onRefused: ({ message }) => refusals.push(message),
      limits: { delayMs: 0, attempts: 1000, ...limits },
      ...options,
    }),
  );
  const visit = (): ScriptedPeer => {
    const { peer, transport } = scripted();
    assert(server.accept(transport, gate) !== undefined);
    return peer;
  };
  return { server, visit, refusals };
}

/** A raw connection: what has come, and a way to send. */
function hear(transport: Transport) {
  const peer = {
    bytes: new Uint8Array() as Uint8Array,
    write: (sent: Uint8Array) => transport.write(sent, () => {}),
    close: () => transport.destroy(new ConnectionError("done", "closed")),
  };
  transport.start({
    receive(chunk) {
      peer.bytes = concat(peer.bytes, chunk);
    },
    ended() {},
    closed() {},
  });
  return peer;
}

let serial = 0;

function call<Args>(
  procedure: Procedure<Args, unknown>,
  args: Args,
  program: AuthBinding["program"] = ownAuth.program,
) {
  const { number, version } = program;
  const header = { program: number, version, procedure: procedure.number, type: CALL, serial: serial++, status: OK };
  return frame(header, encodeXdr(procedure.args, args));
}

const list = (): Uint8Array => call(ownAuth.list, undefined);
const init = (): Uint8Array => call(ownAuth.saslInit, undefined);
const start = (mech: string, text: string | null): Uint8Array =>
  call(ownAuth.saslStart, { mech, nil: text === null ? 1 : 0, data: bytes(text ?? "") });
const step = (text: string | null): Uint8Array =>
  call(ownAuth.saslStep, { nil: text === null ? 1 : 0, data: bytes(text ?? "") });
const say = (): Uint8Array => call(Echo.procedures.say, { text: "hi", repeat: 1 }, Echo);
const right = "\0alice\0secret";

/** What a reply holds: a result, or an error. */
function told<Ret>({ header, payload }: Frame, type: XdrType<Ret>): Ret | VirNetMessageError {
  return header.status === ERROR ? decodeXdr(VirNetMessageError, payload) : decodeXdr(type, payload);
}

const asReply = ownAuth.saslStep.ret;

async function refused(peer: ScriptedPeer): Promise<void> {
  expect(told(await peer.next(), asReply)).toMatchObject(uniform);
}

describe("the order of a login", () => {
  it("is list, init, start, step; then everything is open", async () => {
    const { visit } = await daemon();
    const peer = visit();
    peer.send(list(), say(), init());
    expect(told(await peer.next(), ownAuth.list.ret)).toEqual({ types: [1] });
    expect(told(await peer.next(), asReply)).toMatchObject({ code: 39, message: "authentication required" });
    expect(told(await peer.next(), ownAuth.saslInit.ret)).toEqual({ mechlist: "SCRAM-SHA-256,PLAIN" });
    peer.send(start("PLAIN", null), step(right), say(), list());
    expect(told(await peer.next(), asReply)).toEqual({ complete: 0, nil: 1, data: bytes("") });
    expect(told(await peer.next(), asReply)).toEqual({ complete: 1, nil: 1, data: bytes("") });
    expect(told(await peer.next(), Echo.procedures.say.ret)).toEqual({ lines: ["hi"] });
    expect(told(await peer.next(), ownAuth.list.ret)).toEqual({ types: [0] });
  });

  it.each([
    ["STEP first", () => [step("x")]],
    ["STEP between INIT and START, which ends libvirtd 9.0.0 (F123)", () => [init(), step("x")]],
    ["START first", () => [start("PLAIN", right)]],
    ["an unknown mechanism", () => [init(), start("GSSAPI", null)]],
    ["a mechanism with a name of 64 NULs", () => [init(), start("\u0001".repeat(64), null)]],
    ["a wrong password", () => [init(), start("PLAIN", "\0alice\0wrong")]],
    ["a stranger", () => [init(), start("PLAIN", "\0bob\0secret")]],
    ["bytes that mean nothing", () => [init(), start("SCRAM-SHA-256", "\0\0\0")]],
    ["START twice", () => [init(), start("SCRAM-SHA-256", null), start("SCRAM-SHA-256", null)]],
    ["data that are cut", () => [init(), cut(start("PLAIN", right))]],
    ["data above 65536", () => [init(), tooLong()]],
  ])("%s is refused in the same words as all, and INIT may begin anew", async (_, frames) => {
    const { visit, refusals } = await daemon();
    const peer = visit();
    const sent = frames();
    peer.send(...sent);
    const before = await peer.take(sent.length - 1);
    expect(before.every(({ header }) => header.status === OK)).toBe(true);
    await refused(peer);
    expect(refusals).toHaveLength(1);
    peer.send(init(), start("PLAIN", right), say());
    await peer.next();
    expect(told(await peer.next(), asReply)).toMatchObject({ complete: 1 });
    expect(told(await peer.next(), Echo.procedures.say.ret)).toEqual({ lines: ["hi"] });
  });

  it("INIT twice fails, and the first goes on; after the login it fails too", async () => {
    const { visit } = await daemon();
    const peer = visit();
    peer.send(init(), init(), start("PLAIN", right), init(), start("PLAIN", right), step(right));
    expect((await peer.next()).header.status).toBe(OK);
    await refused(peer);
    expect(told(await peer.next(), asReply)).toMatchObject({ complete: 1 });
    for (let i = 0; i < 3; i++) await refused(peer);
    peer.send(say());
    expect((await peer.next()).header.status).toBe(OK);
  });

  it("polkit is not SASL", async () => {
    const { visit } = await daemon();
    const peer = visit();
    peer.send(call(ownAuth.polkit, undefined));
    const message = "Library function returned error but did not set virError";
    expect(told(await peer.next(), asReply)).toMatchObject({ code: 1, domain: 7, message, int1: 0, str1: null });
  });
});

const cut = (whole: Uint8Array): Uint8Array => {
  const short = whole.slice(0, whole.length - 4);
  new DataView(short.buffer).setUint32(0, short.length);
  return short;
};

function tooLong(): Uint8Array {
  const lax: Procedure<{ mech: string; nil: number; data: Uint8Array }, unknown> = {
    ...ownAuth.saslStart,
    args: {
      encode(writer, { mech, nil, data }) {
        writer.string(mech, 64);
        writer.int(nil);
        writer.opaque(data, 100_000);
      },
      decode: () => ({ mech: "", nil: 0, data: bytes("") }),
    },
  };
  return call(lax, { mech: "PLAIN", nil: 0, data: new Uint8Array(65_540) });
}

it("libvirt's procedures answer where they are bound, whatever handlers say", async () => {
  const server = new Server({ name: "x", authBinding: { ...ownAuth } });
  servers.push(server);
  const { peer, transport } = scripted();
  server.accept(transport);
  peer.send(list(), init(), start("PLAIN", right));
  expect(told(await peer.next(), ownAuth.list.ret)).toEqual({ types: [0] });
  await refused(peer);
  await refused(peer);
});

it("the layer begins exactly behind the reply, both ways, though the next call came with the request", async () => {
  const { provider } = layerServer(128, 64);
  const server = new Server({ name: "echod" }).add(Echo, { say: ({ text }) => ({ lines: [text] }) });
  servers.push(server);
  const auth = saslServer({ providers: [provider] });
  const { port = 0 } = await server.listen({ host: "127.0.0.1", port: 0 }, { auth });
  const peer = hear(await openTransport({ host: "127.0.0.1", port }));
  const layer = new TestLayer(64);
  const sayWrapped = [say(), say()].map((text) => layer.wrap(text));
  peer.write(concat(init(), start("TEST-LAYER", "alice"), ...sayWrapped));
  const unwrapped = (): Uint8Array[] => {
    const { frames, rest } = cutFrames(peer.bytes.subarray(0, 28 + 16 + 28 + 20));
    expect([frames.length, rest.length]).toEqual([2, 0]);
    return cutFrames(new TestLayer(64).unwrap(peer.bytes.subarray(28 + 16 + 28 + 20))).frames;
  };
  await until(() => peer.bytes.length >= 28 + 16 + 28 + 20 + 2 * (28 + 12 + 8));
  const [reply] = unwrapped();
  assert(reply !== undefined);
  expect(told(parseFrame(reply), Echo.procedures.say.ret)).toEqual({ lines: ["hi"] });
  peer.close();
});

it("a last word that can't be sent lets nobody in, also not with the next message", async () => {
  const wordy: SaslServerProvider = {
    mechanisms: async () => ["WORDY"],
    start: () => ({
      step: async () => ({ done: true, output: new Uint8Array(65_537), user: "alice", layer: null, ssf: 0 }),
      close() {},
    }),
  };
  const { visit } = await daemon({ providers: [wordy], mechanisms: ["WORDY"] });
  const peer = visit();
  peer.send(init(), start("WORDY", "x"), list(), say());
  await peer.next();
  await refused(peer);
  expect(told(await peer.next(), ownAuth.list.ret)).toEqual({ types: [1] });
  expect(told(await peer.next(), asReply)).toMatchObject({ code: 39, message: "authentication required" });
});

describe("who keeps trying", () => {
  it("has to go after some failures, and gets the last answer", async () => {
    const { visit, server } = await daemon({}, { attempts: 3 });
    const peer = visit();
    for (let i = 0; i < 3; i++) {
      peer.send(step("x"));
      await refused(peer);
    }
    await peer.gone();
    await until(() => [...server.clients].length === 0);
  });

  it("waits for each answer, and is not read from meanwhile", async () => {
    const { visit } = await daemon({}, { delayMs: 60 });
    const peer = visit();
    const began = performance.now();
    peer.send(step("x"), step("x"), ping);
    await refused(peer);
    expect(performance.now() - began).toBeGreaterThan(55);
    expect(peer.inbox).toEqual([]);
    await refused(peer);
    expect(performance.now() - began).toBeGreaterThan(110);
    expect((await peer.next()).header.program).toBe(0x6b656570);
  });
});

it("a log that fails takes away neither the delay nor the limit", async () => {
  const onRefused = (): never => {
    throw new Error("no space left on device");
  };
  const { visit } = await daemon({ onRefused }, { delayMs: 60, attempts: 2 });
  const peer = visit();
  const began = performance.now();
  peer.send(step("x"), step("x"));
  await refused(peer);
  expect(performance.now() - began).toBeGreaterThan(55);
  await refused(peer);
  await peer.gone();
});

describe("who says nothing", () => {
  it("has to go in time, but for those who have logged in", async () => {
    const { visit, server } = await daemon({}, { deadlineMs: 150 });
    const peer = visit();
    const known = visit();
    known.send(init(), start("PLAIN", right));
    await known.take(2);
    await peer.gone();
    expect([...server.clients]).toHaveLength(1);
    known.send(say());
    expect((await known.next()).header.status).toBe(OK);
  });

  it("leaves room for others: they wait, and get their turn when somebody has logged in, left, or was slow", async () => {
    const { visit } = await daemon({}, { clients: 1, graceMs: 150, deadlineMs: 10_000 });
    const [slow, quick] = [visit(), visit()];
    quick.send(list());
    await slow.gone();
    expect((await quick.next()).header.status).toBe(OK);
    const next = visit();
    next.send(list());
    quick.send(init(), start("PLAIN", right));
    await quick.take(2);
    expect((await next.next()).header.status).toBe(OK);
    const last = visit();
    last.send(list());
    next.break();
    expect((await last.next()).header.status).toBe(OK);
  });

  it("can't make us hold larger frames than who has logged in", async () => {
    const { visit } = await daemon({}, {}, { frame: 1000 });
    const peer = visit();
    peer.send(
      frame({ program: 1, version: 1, procedure: 1, type: CALL, serial: 1, status: OK }, new Uint8Array(1), 1001),
    );
    await peer.gone();
  });

  it("can't make us hold large frames", async () => {
    const { visit } = await daemon();
    const peer = visit();
    peer.send(
      frame({ program: 1, version: 1, procedure: 1, type: CALL, serial: 1, status: OK }, new Uint8Array(1), 524_289),
    );
    await peer.gone();
    const known = visit();
    known.send(init(), start("PLAIN", right));
    await known.take(2);
    const large = { text: "x".repeat(65_000), repeat: 16 };
    known.send(call(Echo.procedures.say, large, Echo));
    expect((await known.next()).header.status).toBe(OK);
  });
});

describe("a client that sends whatever it likes", () => {
  const parts = [list, init, say, () => step(null), () => step("x"), () => step("c=biws,r=x,p=AAAA")].concat(
    ["PLAIN", "SCRAM-SHA-256", "", "EXTERNAL"].flatMap((mech) =>
      [null, "", "n,,n=alice,r=x", "\0alice\0wrong", "y,,n=bob,r=y"].map((text) => () => start(mech, text)),
    ),
  );

  it("gets one answer per message, and never in", async () => {
    const { visit, server } = await daemon();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(parts.length - 1), { minLength: 1, maxLength: 12 }), async (picks) => {
        const peer = visit();
        peer.send(...picks.map((pick) => parts[pick]?.() ?? new Uint8Array()));
        const replies = await peer.take(picks.length);
        expect(replies.every(({ header }) => header.type === 1)).toBe(true);
        peer.send(say());
        expect(told(await peer.next(), asReply)).toMatchObject({ code: 39, message: "authentication required" });
        peer.break();
        await until(() => [...server.clients].length === 0);
      }),
      { numRuns: 150 },
    );
  });

  it("nothing that comes with a failure makes lines of its own in our log", async () => {
    const users = (): never => {
      throw new Error("no database\nroot logged in");
    };
    const { visit, refusals } = await daemon({ users });
    const peer = visit();
    peer.send(init(), start("PLAIN", right));
    await peer.next();
    await refused(peer);
    expect(refusals).toEqual(["memory: no database\\u{a}root logged in"]);
  });
});
