import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Remote } from "@virnet/libvirt/remote";
import { connect, type Transport } from "virnet";
import { type SaslServerProvider, type ScramName, saslServer, scramKeys } from "virnet/sasl";
import { Server } from "virnet/server";
import { describe, expect, it } from "vitest";
import { KeyFinder } from "../../../rpc/src/sasl/key-store.ts";
import { mechanismProvider } from "../../../rpc/src/sasl/mechanism.ts";
import { plainServer } from "../../../rpc/src/sasl/plain.ts";
import { scramClient } from "../../../rpc/src/sasl/scram-client.ts";
import { scramServer } from "../../../rpc/src/sasl/scram-server.ts";
import { memoryPair } from "../../../rpc/src/transport/memory.ts";
import { ConnectionError } from "../../../rpc/src/util/connection-error.ts";
import { remoteAuth } from "../../src/auth/remote-auth.ts";

/*
 * Recorded sessions of virsh with libvirtd, once in the place of each: what they said has to come byte for byte.
 */

interface Recorded {
  readonly dir: "c2s" | "s2c";
  readonly proc: number;
  readonly bytes: Uint8Array;
}

const folder = join(import.meta.dirname, "../../../../interop/testbed/captures");
const logins: readonly number[] = [66, 67, 68, 69, 70];

/** The login of a session, or all of a session that has nothing else. */
function recorded(name: string, all = false): readonly Recorded[] {
  const lines = readFileSync(join(folder, `${name}.jsonl`), "utf8")
    .trimEnd()
    .split("\n");
  return lines.flatMap((line) => {
    const { dir, proc, hex } = JSON.parse(line) as { dir: "c2s" | "s2c"; proc: number | null; hex?: string };
    if (hex === undefined || proc === null || (!all && !logins.includes(proc))) return [];
    return [{ dir, proc, bytes: new Uint8Array(Buffer.from(hex, "hex")) }];
  });
}

/** What a mechanism said: the characters of a START or STEP, behind so many words. */
function said(messages: readonly Recorded[], dir: "c2s" | "s2c", proc: number): string {
  const message = messages.find((candidate) => candidate.dir === dir && candidate.proc === proc);
  const bytes = Buffer.from(message?.bytes ?? []);
  const isStart = dir === "c2s" && proc === 68;
  const name = isStart ? 4 + Math.ceil(bytes.readUInt32BE(28) / 4) * 4 : 0;
  const at = 28 + name + (dir === "s2c" ? 8 : 4);
  const count = bytes.readUInt32BE(at);
  return Array.from({ length: count }, (_, i) => String.fromCharCode(bytes[at + 7 + i * 4] ?? 0)).join("");
}

const nonceOf = (text: string): string => /r=([^,]+)/.exec(text)?.[1] ?? "";

/** Plays a peer: sends and expects what was recorded, in its order. */
async function play(transport: Transport, messages: readonly Recorded[], ours: "c2s" | "s2c"): Promise<void> {
  let came = Buffer.alloc(0);
  let wake: () => void = () => {};
  transport.start({
    receive(chunk) {
      came = Buffer.concat([came, chunk]);
      wake();
    },
    ended() {},
    closed() {},
  });
  for (const { dir, bytes } of messages) {
    if (dir === ours) {
      transport.write(bytes, () => {});
      continue;
    }
    while (came.length < bytes.length) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    expect(came.subarray(0, bytes.length).toString("hex")).toBe(Buffer.from(bytes).toString("hex"));
    came = came.subarray(bytes.length);
  }
}

const passwords: Readonly<Record<string, string>> = { alice: "alice-secret", mallory: "mallory-secret" };

const scram: readonly (readonly [capture: string, mechanism: ScramName, user: string, password: string])[] = [
  ["sasl-scram-sha-1", "SCRAM-SHA-1", "alice", "alice-secret"],
  ["sasl-scram-sha-256", "SCRAM-SHA-256", "alice", "alice-secret"],
];

describe("in the place of virsh", () => {
  it.each(scram)("%s: our client says the same", async (capture, mechanism, user, password) => {
    const messages = recorded(capture);
    const nonce = nonceOf(said(messages, "c2s", 68));
    const [transport, other] = memoryPair();
    const provider = mechanismProvider([scramClient(mechanism, { nonce: () => nonce })]);
    const auth = { user, password, mechanism, providers: [provider], binding: remoteAuth };
    const [client] = await Promise.all([
      connect({ transport }, { auth, keepalive: false }),
      play(other, messages, "s2c"),
    ]);
    await client.close();
  });

  it("sasl-plain: our client says the same", async () => {
    const [transport, other] = memoryPair();
    const auth = { user: "alice", password: "alice-secret", mechanism: "PLAIN", binding: remoteAuth };
    const messages = recorded("sasl-plain");
    const [client] = await Promise.all([
      connect({ transport }, { auth, keepalive: false }),
      play(other, messages, "s2c"),
    ]);
    await client.close();
  });

  it.each([
    ["sasl-wrong-password", "alice", "wrong-secret"],
    ["sasl-user-not-allowed", "mallory", "mallory-secret"],
  ])("%s: our client says and hears the same", async (capture, user, password) => {
    const messages = recorded(capture);
    const nonce = nonceOf(said(messages, "c2s", 68));
    const [transport, other] = memoryPair();
    const provider = mechanismProvider([scramClient("SCRAM-SHA-256", { nonce: () => nonce })]);
    const auth = { user, password, mechanism: "SCRAM-SHA-256", providers: [provider], binding: remoteAuth };
    const playing = play(other, messages, "s2c");
    const error = { code: 45, message: "authentication failed: authentication failed" };
    await expect(connect({ transport }, { auth, keepalive: false })).rejects.toMatchObject(error);
    await playing;
  });

  it("sasl-mech-not-offered: our client gives up at the same place", async () => {
    const [transport, other] = memoryPair();
    const auth = { user: "alice", mechanism: "SCRAM-SHA-256", binding: remoteAuth };
    const playing = play(other, recorded("sasl-mech-not-offered"), "s2c");
    await expect(connect({ transport }, { auth, keepalive: false })).rejects.toThrow("is not on offer");
    await playing;
  });
});

/** What the recorded libvirtd offered. Those that are not played here are names only. */
function offering(names: string, played: SaslServerProvider): SaslServerProvider {
  return { mechanisms: async () => names.split(","), start: (name, context) => played.start(name, context) };
}

async function serve(messages: readonly Recorded[], allow: readonly string[] = ["alice"]): Promise<void> {
  const offered = Buffer.from(messages.find(({ dir, proc }) => dir === "s2c" && proc === 67)?.bytes.subarray(32) ?? []);
  const names = offered.toString("latin1").replaceAll("\0", "");
  const hasScram = messages.some(({ dir, proc }) => dir === "s2c" && proc === 69);
  const challenge = hasScram ? said(messages, "s2c", 68) : "";
  const clientNonce = hasScram ? nonceOf(said(messages, "c2s", 68)) : "";
  const salt = new Uint8Array(Buffer.from(/s=([^,]+)/.exec(challenge)?.[1] ?? "AAAA", "base64"));
  const users = new KeyFinder(async (user) => {
    const password = passwords[user];
    if (password === undefined) return null;
    const mechanisms: readonly ScramName[] = ["SCRAM-SHA-1", "SCRAM-SHA-256"];
    return Promise.all(mechanisms.map((mechanism) => scramKeys(password, { mechanism, salt, iterations: 4096 })));
  });
  const nonce = (): string => nonceOf(challenge).slice(clientNonce.length);
  const played = mechanismProvider([
    scramServer("SCRAM-SHA-1", users, { nonce }),
    scramServer("SCRAM-SHA-256", users, { nonce }),
    plainServer(users),
  ]);
  await using server = new Server({ name: "libvirtd", authBinding: remoteAuth }).add(Remote, {
    connectOpen: () => undefined,
    connectGetHostname: () => ({ hostname: "x" }),
  });
  const auth = saslServer({ providers: [offering(names, played)], allow, limits: { delayMs: 0 } });
  const [transport, other] = memoryPair();
  server.accept(transport, await server.openGate(auth));
  await play(other, messages, "c2s");
  other.destroy(new ConnectionError("done", "closed"));
}

describe("in the place of libvirtd", () => {
  it.each(["sasl-scram-sha-1", "sasl-scram-sha-256", "sasl-plain", "sasl-wrong-password", "sasl-user-not-allowed"])(
    "%s: our server says the same",
    (capture) => serve(recorded(capture)),
  );

  it.each(["raw-sasl-step-first", "raw-sasl-unknown-mech", "raw-before-auth"])(
    "%s: our server says the same",
    (capture) => serve(recorded(capture, true)),
  );
});
