import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { remoteAuth } from "@virnet/libvirt";
import { type Address, type ConnectOptions, connect } from "virnet";
import { type SaslClientProvider, SaslError } from "virnet/sasl";
import { pkiFiles } from "virnet/tls";
import { expect, it, onTestFinished } from "vitest";
import { authority, leaf } from "../../rpc/test/helpers/pki.ts";
import { pkiFolder } from "../../rpc/test/helpers/pki-folder.ts";
import { startTestd } from "../src/testd.ts";

it("a stranger sees the same salt at all addresses, as users do", async () => {
  const folder = await mkdtemp(join(tmpdir(), "virnet-testd-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, "sock");
  const ca = authority();
  const pki = await pkiFolder("server", { ca: [ca], chain: [leaf(ca, "server")] });
  await using testd = await startTestd({
    sockets: [path],
    tls: { host: "127.0.0.1", port: 0, pki },
    sasl: { users: () => null, mechanisms: ["SCRAM-SHA-256"], limits: { delayMs: 0 } },
  });
  const secure = testd.addresses.find((address) => "port" in address);
  const tls = await pkiFiles(await pkiFolder("client", { ca: [ca], chain: [leaf(ca, "client")] }), "client");
  const salts = [await saltAt({ path }), await saltAt(secure ?? { path: "" }, { tls })];
  expect(salts[0]).toMatch(/^.{22}==$/);
  expect(salts[1]).toBe(salts[0]);
});

/** What the server says to a user who does not exist. */
async function saltAt(address: Address, options: ConnectOptions = {}): Promise<string | undefined> {
  let heard = "";
  const curious: SaslClientProvider = {
    mechanisms: async () => ["SCRAM-SHA-256"],
    start: () => ({
      async step(input) {
        if (input === null) return { done: false, output: new TextEncoder().encode("n,,n=nobody,r=abc") };
        heard = new TextDecoder().decode(input);
        throw new SaslError("enough");
      },
      close() {},
    }),
  };
  const auth = { providers: [curious], binding: remoteAuth };
  await expect(connect(address, { ...options, auth })).rejects.toThrow("enough");
  return /,s=([^,]+),/.exec(heard)?.[1];
}
