import * as fc from "fast-check";
import { expect, it, onTestFinished, vi } from "vitest";
import { authenticate, type LoginPort } from "../../src/client/authenticate.ts";
import { ownAuth } from "../../src/connection/auth-binding.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { RpcError } from "../../src/protocol/rpc-error.ts";
import { TestLayer } from "../helpers/layer.ts";
import { bytes, patient } from "../helpers/sasl.ts";

/** A server that answers each message of a login with the next of these, whatever the message was. */
function answering(
  mechlist: string,
  replies: readonly { complete: number; nil: number; data: Uint8Array }[],
): LoginPort {
  let next = 0;
  return {
    local: { family: "unix" },
    remote: { family: "unix" },
    security: null,
    channelBinding: () => null,
    async logIn(_program, procedure) {
      const answer =
        procedure.number === ownAuth.list.number
          ? { types: [1] }
          : procedure.number === ownAuth.saslInit.number
            ? { mechlist }
            : (replies[next++] ?? { complete: 1, nil: 1, data: bytes("") });
      // Of the shape that the procedure has, by construction.
      return answer as never;
    },
    proceed() {},
  };
}

const data = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom("r=x,s=AAAA,i=4096", "v=AAAA", "e=other-error", "r=,s=,i=", "").map(bytes),
);
const reply = fc.record({ complete: fc.constantFrom(0, 1, 2), nil: fc.constantFrom(0, 1), data });

it("whatever a server answers, nobody who does not know the password is taken for it", async () => {
  const lists = fc.constantFrom(
    "SCRAM-SHA-256",
    "SCRAM-SHA-512,SCRAM-SHA-1",
    ",,SCRAM-SHA-256,",
    "",
    "\0",
    "GSSAPI",
    ",",
  );
  await fc.assert(
    fc.asyncProperty(lists, fc.array(reply, { maxLength: 5 }), async (mechlist, replies) => {
      const port = answering(mechlist, replies);
      const outcome = authenticate(port, { user: "alice", password: "secret" }, "localhost", patient);
      await expect(outcome).rejects.toMatchObject({ name: "RpcError", code: 45 });
    }),
    { numRuns: 500 },
  );
});

it("a server that goes on for ever is left", async () => {
  const endless = Array.from({ length: 200 }, () => ({ complete: 0, nil: 1, data: bytes("") }));
  const chatty = {
    mechanisms: async () => ["CHATTY"],
    start: () => ({ step: async () => ({ done: false, output: bytes("x") }) as const, close() {} }),
  };
  const outcome = authenticate(answering("CHATTY", endless), { providers: [chatty] }, "localhost", patient);
  await expect(outcome).rejects.toThrow("authentication failed: CHATTY comes to no end");
});

it("where the server does not know of logins, nothing is read on that was not stopped", async () => {
  let stops = 0;
  const port: LoginPort = {
    ...answering("", []),
    logIn: () => Promise.reject(new RpcError("Cannot find program 1 version 1", { code: ErrorCode.RPC })),
    proceed: () => void stops--,
  };
  await authenticate(port, {}, "localhost", patient);
  expect(stops).toBe(0);
});

it.each([
  ["what it wants", 1, "AUTH_PROC_LIST in 60 s"],
  ["what polkit says, though a person may have to be asked", 2, "AUTH_PROC_POLKIT in 600 s"],
])("a server that never tells %s is left with a ConnectionError", async (_, kind, told) => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const port = answering("", []);
  const logIn: LoginPort["logIn"] = async (_program, procedure, _args, signal) => {
    if (kind === 2 && procedure.number === ownAuth.list.number) return { types: [2] } as never;
    return new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  };
  const outcome = authenticate({ ...port, logIn }, {}, "localhost", patient).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(600_000);
  expect(await outcome).toMatchObject({ name: "ConnectionError", message: `the server has not answered ${told}` });
});

it.each(["goes on", "refuses", "falls silent"])(
  "a layer is closed when the server %s behind the end of this side",
  async (how) => {
    const layer = new TestLayer();
    const port = answering("LAYERED", [{ complete: 0, nil: 1, data: bytes("") }]);
    const patience = new AbortController();
    const layered = {
      mechanisms: async () => ["LAYERED"],
      start: () => ({
        step: async () => ({ done: true, output: bytes("x"), user: "alice", layer, ssf: 128 }) as const,
        close() {},
      }),
    };
    const logIn: LoginPort["logIn"] = (program, procedure, args, signal) => {
      if (procedure.number !== ownAuth.saslStart.number || how === "goes on")
        return port.logIn(program, procedure, args, signal);
      if (how === "falls silent") patience.abort(new Error("enough"));
      return Promise.reject(how === "refuses" ? new RpcError("no") : signal.reason);
    };
    const outcome = authenticate({ ...port, logIn }, { providers: [layered] }, "localhost", patience.signal);
    await expect(outcome).rejects.toThrow(/hear more|no|enough/);
    expect(layer.closed).toBe(1);
  },
);

it("a server that wants more than a mechanism has to say is left", async () => {
  const port = answering("PLAIN", [{ complete: 0, nil: 0, data: bytes("more") }]);
  const outcome = authenticate(port, { user: "alice", password: "secret" }, "localhost", patient);
  await expect(outcome).rejects.toThrow("the server wants to hear more than PLAIN has to say");
});
