import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import {
  RemoteAuthSaslStartArgs,
  RemoteAuthSaslStartRet,
  RemoteAuthSaslStepArgs,
  RemoteAuthSaslStepRet,
} from "@virnet/libvirt/remote";
import { cyrusClient, cyrusServer } from "@virnet/native/cyrus";
import { decodeHeader, HEADER_BYTES } from "virnet/protocol";
import type { SaslClientProvider, SaslContext, SaslServerContext, SaslServerProvider } from "virnet/sasl";
import { decodeXdr, type XdrType } from "virnet/xdr";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type SaslConfig, saslConfig } from "../packages/native/test/helpers/sasl-config.ts";
import { serverContext } from "../packages/rpc/test/helpers/sasl.ts";
import { describeWithPeers } from "./helpers/peers.ts";
import { repositoryPath } from "./helpers/scripts.ts";

/*
 * What virsh and libvirtd said to each other, said to ours. No recorded authentication goes through again, and none may:
 * the answers to fresh nonces were never recorded, and a ticket is good for a day. What the security layers had wrapped
 * needs the keys of those sessions, which libsasl2 makes of its own nonces.
 */
describeWithPeers(["saslpasswd2"], "recorded authentications", () => {
  let config: SaslConfig;
  let client: SaslClientProvider;
  let server: SaslServerProvider;
  beforeAll(async () => {
    process.env["KRB5_KTNAME"] = repositoryPath("interop/testbed/captures/gssapi.keytab");
    config = await saslConfig({ alice: "alice-secret" });
    process.env["KRB5_TRACE"] = join(config.path, "trace"); // libsasl2 does not say what Kerberos has against a ticket
    client = await cyrusClient();
    server = await cyrusServer({ configPath: config.path, mechanisms: ["DIGEST-MD5", "GSSAPI"] });
  });
  afterAll(() => config[Symbol.asyncDispose]());

  const sessions = [
    ["sasl-digest-md5-tcp", onTcp],
    ["sasl-digest-md5-unix", safe],
  ] as const;

  it.each(sessions)(
    "%s: our client answers libvirtd's challenge as virsh does, and is not taken in",
    async (name, on) => {
      const { replies, calls } = recorded(name);
      const exchange = client.start("DIGEST-MD5", { ...on, offered: [], ask: async ({ kind }) => alice[kind] ?? null });
      const first = await exchange.step(null, forLong());
      expect(first.output).toEqual(calls[0]);
      const answer = await exchange.step(replies[0] ?? null, forLong());
      expect(directives(answer.output)).toEqual(directives(calls[1] ?? null));
      // libvirtd's proof is one for virsh's nonce.
      await expect(exchange.step(replies[1] ?? null, forLong())).rejects.toThrow("wants us to believe that he knows");
      exchange.close();
    },
  );

  it.each(sessions)("%s: our server challenges as libvirtd does, and takes no answer twice", async (name, on) => {
    const { replies, calls } = recorded(name);
    const exchange = server.start("DIGEST-MD5", { ...on, host: hostname(), realm: null });
    const challenge = await exchange.step(calls[0] ?? null, forLong());
    expect(directives(challenge.output)).toEqual(directives(replies[0] ?? null));
    await expect(exchange.step(calls[1] ?? null, forLong())).rejects.toThrow("nonce changed");
    exchange.close();
  });

  it.each(["sasl-gssapi-tcp", "sasl-gssapi-unix"])(
    "%s: our server reads the ticket, and that it is old",
    async (name) => {
      const { calls } = recorded(name);
      const exchange = server.start("GSSAPI", { ...onTcp, host: "localhost", realm: null });
      await expect(exchange.step(calls[0] ?? null, forLong())).rejects.toThrow("gss_accept_sec_context");
      exchange.close();
      expect(await readFile(join(config.path, "trace"), "utf8")).toContain(
        "AP-REQ ticket: user@TESTBED.LOCAL -> libvirt/localhost@TESTBED.LOCAL",
      );
    },
  );
});

const alice: Readonly<Record<string, string>> = { authname: "alice", passphrase: "alice-secret" };

const { realm: _, ...safe }: SaslServerContext = serverContext;
const onTcp: SaslContext = { ...safe, minSsf: 56, maxSsf: 100_000, plaintext: false, anonymous: false };

/** What client and server said by AUTH_SASL_START and AUTH_SASL_STEP. */
function recorded(name: string): { calls: (Uint8Array | null)[]; replies: (Uint8Array | null)[] } {
  const lines = readFileSync(repositoryPath(`interop/testbed/captures/${name}.jsonl`), "utf8")
    .trim()
    .split("\n");
  const messages = lines.map((line) => JSON.parse(line) as { dir: string; proc?: number; hex: string }); // of our recorder
  const said = (dir: string, start: XdrType<Data>, step: XdrType<Data>): (Uint8Array | null)[] =>
    messages
      .filter((message) => message.dir === dir && (message.proc === 68 || message.proc === 69))
      .map(({ proc, hex }) => dataOf(decodeXdr(proc === 68 ? start : step, payloadOf(hex))));
  return {
    calls: said("c2s", RemoteAuthSaslStartArgs, RemoteAuthSaslStepArgs),
    replies: said("s2c", RemoteAuthSaslStartRet, RemoteAuthSaslStepRet),
  };
}

interface Data {
  readonly nil: number;
  readonly data: Uint8Array;
}

function payloadOf(hex: string): Uint8Array {
  const message = new Uint8Array(Buffer.from(hex, "hex"));
  decodeHeader(message, 0);
  return message.subarray(HEADER_BYTES);
}

function dataOf({ nil, data }: Data): Uint8Array | null {
  return nil === 1 ? null : data;
}

/** Directives of DIGEST-MD5 in their order, without the values that differ each time and the machine's name. */
function directives(message: Uint8Array | null): string[] {
  const text = new TextDecoder().decode(message ?? new Uint8Array(0));
  return [...text.matchAll(/([a-z-]+)=("[^"]*"|[^,]*)/g)].map(([whole, name]) =>
    /^(c?nonce|response|realm)$/.test(name ?? "") ? String(name) : whole,
  );
}

function forLong(): AbortSignal {
  return AbortSignal.timeout(20_000);
}
