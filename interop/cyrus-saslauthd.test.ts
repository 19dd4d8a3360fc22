import { hostname } from "node:os";
import { join } from "node:path";
import { cyrusServer } from "@virnet/native/cyrus";
import type { SaslServerContext, SaslServerProvider } from "virnet/sasl";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { type SaslConfig, saslConfig } from "../packages/native/test/helpers/sasl-config.ts";
import { describeWithPeers } from "./helpers/peers.ts";
import { type Saslauthd, startSaslauthd } from "./helpers/saslauthd.ts";
import { testbedDirectory } from "./helpers/testbed.ts";

const context: SaslServerContext = {
  service: "libvirt",
  host: hostname(),
  local: "127.0.0.1;0",
  remote: "127.0.0.1;0",
  external: null,
  minSsf: 0,
  maxSsf: 0,
  maxBuffer: 65536,
  plaintext: true,
  anonymous: false,
  realm: null,
  channelBinding: () => null,
};

describeWithPeers(["saslpasswd2"], "a server whose passwords saslauthd knows", () => {
  let daemon: Saslauthd;
  let config: SaslConfig;
  let server: SaslServerProvider;
  let isPatient = Promise.resolve();
  beforeAll(async () => {
    daemon = await startSaslauthd(join(testbedDirectory(), "saslauthd"), async (user, password) => {
      await isPatient;
      return password === `${user}-secret`;
    });
    config = await saslConfig({}, ["pwcheck_method: saslauthd", `saslauthd_path: ${daemon.socket}`]);
    server = await cyrusServer({ configPath: config.path, mechanisms: ["PLAIN"] });
  });
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await config[Symbol.asyncDispose]();
  });

  async function logIn(user: string, password: string): Promise<string> {
    const exchange = server.start("PLAIN", context);
    try {
      const said = new TextEncoder().encode(`\0${user}\0${password}`);
      const step = await exchange.step(said, AbortSignal.timeout(20_000));
      return step.done ? step.user : "not yet";
    } finally {
      exchange.close();
    }
  }

  it("lets in who has the password, and nobody else", async () => {
    expect(await logIn("alice", "alice-secret")).toBe("alice");
    await expect(logIn("alice", "wrong")).rejects.toThrow("SASL(-13)");
  });

  it("goes on with everything else while saslauthd takes its time", async () => {
    let relent = (): void => {};
    isPatient = new Promise((resolve) => {
      relent = resolve;
    });
    const login = logIn("alice", "alice-secret");
    let timers = 0;
    const counting = setInterval(() => (timers += 1), 1);
    await vi.waitFor(() => expect(timers).toBeGreaterThan(20), { timeout: 20_000 });
    clearInterval(counting);
    expect(await Promise.race([login, Promise.resolve("it waits")])).toBe("it waits");
    relent();
    expect(await login).toBe("alice");
  });
});
