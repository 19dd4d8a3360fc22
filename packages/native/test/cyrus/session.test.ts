import { hostname } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { clientOver } from "../../src/cyrus/client.ts";
import { results } from "../../src/cyrus/numbers.ts";
import { serverOver } from "../../src/cyrus/server.ts";
import { authenticate, clientContext, type Sides, serverContext, wantsLayer } from "../helpers/authenticate.ts";
import { type Counted, countedLibsasl2, heapBytes } from "../helpers/counted.ts";
import { type SaslConfig, saslConfig } from "../helpers/sasl-config.ts";
import { silentKdc } from "../helpers/silent-kdc.ts";
import { describeWithCyrus } from "../helpers/with-cyrus.ts";

const alice = { authname: "alice", passphrase: "alice-secret" };

describeWithCyrus("what libsasl2 holds", () => {
  let config: SaslConfig;
  let counted: Counted;
  let sides: Sides;
  beforeAll(async () => {
    config = await saslConfig({ alice: alice.passphrase });
    counted = await countedLibsasl2();
    sides = {
      client: clientOver(counted.sasl, {}),
      server: await serverOver(counted.sasl, { configPath: config.path, mechanisms: ["DIGEST-MD5", "PLAIN", "LOGIN"] }),
    };
  });
  afterAll(() => config[Symbol.asyncDispose]());

  function expectNothingHeld(): void {
    expect([counted.connections(), counted.blocks()]).toEqual([0, 0]);
  }

  it("is given back after success, failure and listing", async () => {
    await authenticate(sides, "PLAIN", clientContext(alice), serverContext());
    await expect(
      authenticate(sides, "LOGIN", clientContext({ ...alice, passphrase: "wrong" }), serverContext()),
    ).rejects.toThrow("SASL(-13)");
    await sides.client.mechanisms(clientContext(alice));
    await sides.server.mechanisms(serverContext());
    expectNothingHeld();
  });

  it("lives on with a layer until that is closed", async () => {
    const both = await authenticate(sides, "DIGEST-MD5", clientContext(alice, wantsLayer), serverContext(wantsLayer));
    expect(counted.connections()).toBe(2);
    const frame = both.client.layer?.wrap(new Uint8Array(3)) ?? new Uint8Array(0);
    expect(both.server.layer?.unwrap(frame)).toHaveLength(3);
    both.client.layer?.close();
    expect(counted.connections()).toBe(1);
    both.server.layer?.close();
    expectNothingHeld();
  });

  it("is given back when the exchange is closed at each point of it", async () => {
    const { client, server } = sides;
    client.start("PLAIN", clientContext(alice)).close();
    server.start("PLAIN", serverContext()).close();

    const asked = client.start("LOGIN", clientContext(alice));
    await asked.step(null, forLong());
    asked.close();

    const running = server.start("PLAIN", serverContext());
    const step = running.step(new TextEncoder().encode("\0alice\0alice-secret"), forLong());
    await turn(); // the call is on its thread
    running.close();
    await expect(step).rejects.toThrow("was closed");
    await vi.waitFor(expectNothingHeld);
  });

  it("does not ask the resolver for this machine's name while clients wait", async () => {
    const { sasl } = counted;
    const { sasl_server_new } = sasl.functions;
    const hosts: (string | null)[] = [];
    const spied: typeof sasl_server_new = Object.assign(
      (...args: Parameters<typeof sasl_server_new>) => {
        hosts.push(args[1]);
        return sasl_server_new(...args);
      },
      { async: sasl_server_new.async.bind(null) },
    );
    const server = await serverOver({ ...sasl, functions: { ...sasl.functions, sasl_server_new: spied } }, {});
    const context = { ...serverContext(), host: hostname() };
    await server.mechanisms(context);
    server.start("PLAIN", context).close();
    expect(hosts).toHaveLength(2);
    expect(hosts).not.toContain(null);
    expectNothingHeld();
  });

  it("lets nobody in with a result that a server does not know", async () => {
    const { sasl } = counted;
    const { sasl_server_start: start } = sasl.functions;
    const async: typeof start.async = (...args) => {
      const [connection, mechanism, input, size, output, length, done] = args;
      start.async(connection, mechanism, input, size, output, length, (error) => done(error, results.interact));
    };
    const functions = { ...sasl.functions, sasl_server_start: Object.assign(start.bind(null), { async }) };
    const odd = await serverOver({ ...sasl, functions }, { mechanisms: ["PLAIN"] });
    const exchange = odd.start("PLAIN", serverContext());
    const step = exchange.step(new TextEncoder().encode("\0alice\0alice-secret"), forLong());
    await expect(step).rejects.toThrow("Cyrus SASL");
    exchange.close();
    expectNothingHeld();
  });

  it("is given back when the user gives up being asked", async () => {
    const never = clientContext(alice, { ask: () => new Promise(() => {}) });
    const giveUp = new AbortController();
    const exchange = sides.client.start("PLAIN", never);
    const step = exchange.step(null, giveUp.signal);
    await turn();
    giveUp.abort(new Error("no patience"));
    await expect(step).rejects.toThrow("no patience");
    exchange.close();
    await vi.waitFor(expectNothingHeld);
  });

  it("a step while one is under way is refused and disturbs nothing", async () => {
    const exchange = sides.server.start("PLAIN", serverContext());
    const message = new TextEncoder().encode("\0alice\0alice-secret");
    const steps = await Promise.allSettled([exchange.step(message, forLong()), exchange.step(message, forLong())]);
    expect(steps.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    exchange.close();
    expectNothingHeld();
  });

  it("does not grow with a thousand authentications, nor with as many that break off", {
    timeout: 60_000,
  }, async () => {
    const heap = await heapBytes();
    const round = async (): Promise<void> => {
      await authenticate(sides, "PLAIN", clientContext(alice), serverContext());
      const broken = sides.client.start("PLAIN", clientContext({}));
      await expect(broken.step(null, forLong())).rejects.toThrow("needs a authname");
      broken.close();
    };
    for (let i = 0; i < 200; i += 1) await round();
    const before = heap?.() ?? 0;
    for (let i = 0; i < 1000; i += 1) await round();
    expectNothingHeld();
    // Node's own needs are in it too: a leak of one kilobyte for each would be a million.
    expect((heap?.() ?? 0) - before).toBeLessThan(1_000_000);
  });

  it("no callback of ours is ever registered with C", async () => {
    await authenticate(sides, "PLAIN", clientContext(alice), serverContext());
    const { stats } = await import("koffi");
    expect(stats().callbacks).toBe(0);
  });

  it("a KDC that never answers blocks no timer, and giving up needs no patience", { timeout: 60_000 }, async () => {
    await using kdc = await silentKdc(join(config.path, "krb5.conf"));
    Object.assign(process.env, kdc.env);
    const giveUp = new AbortController();
    const exchange = sides.client.start("GSSAPI", clientContext({}, { host: "localhost" }));
    const step = exchange.step(null, giveUp.signal);
    step.catch(() => {});
    await kdc.reached;

    let timers = 0;
    const counting = setInterval(() => (timers += 1), 1);
    await vi.waitFor(() => expect(timers).toBeGreaterThan(20), { timeout: 20_000 });
    clearInterval(counting);
    expect(await Promise.race([step, Promise.resolve("it still waits")])).toBe("it still waits");

    giveUp.abort(new Error("no patience"));
    await expect(step).rejects.toThrow("no patience");
    exchange.close();
    // Freed by the call itself, for it still uses what it was given.
    expect(counted.connections()).toBe(1);
    kdc.hangUp();
    await vi.waitFor(expectNothingHeld, { timeout: 40_000 });
  });
});

function forLong(): AbortSignal {
  return AbortSignal.timeout(20_000);
}
