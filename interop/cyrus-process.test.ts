import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type SilentKdc, silentKdc } from "../packages/native/test/helpers/silent-kdc.ts";
import { describeWithPeers } from "./helpers/peers.ts";
import { repositoryPath } from "./helpers/scripts.ts";
import { testbedDirectory } from "./helpers/testbed.ts";

/** What a client's mechanisms are told in all of these. */
const prelude = `
  import { cyrusClient } from "${pathToFileURL(repositoryPath("packages/native/dist/cyrus/index.js")).href}";
  const context = {
    service: "libvirt", host: "localhost", local: "127.0.0.1;0", remote: "127.0.0.1;0", external: null, minSsf: 0, maxSsf: 0,
    maxBuffer: 65536, plaintext: true, anonymous: true, channelBinding: () => null, offered: [],
    ask: async ({ kind }) => ({ authname: "alice", passphrase: "secret" })[kind] ?? null,
  };
  const client = await cyrusClient();
`;

describeWithPeers(["saslpasswd2", "krb5kdc"], "the end of a process that waits for a KDC", () => {
  let kdc: SilentKdc;
  beforeEach(async () => {
    kdc = await silentKdc(join(testbedDirectory(), "silent-krb5.conf"));
  });
  afterEach(() => kdc[Symbol.asyncDispose]());

  /** Does what it reads: gives up, or exits. */
  const waiting = `${prelude}
    const patience = new AbortController();
    const commands = { "give up": () => patience.abort(), exit: () => process.exit(7) };
    process.stdin.on("data", (line) => commands[line]());
    process.on("exit", () => console.log("exiting"));
    const exchange = client.start("GSSAPI", context);
    await exchange.step(null, patience.signal).catch(() => exchange.close());
    console.log("given up");
  `;

  it("a signal ends it at once", async () => {
    const child = run(waiting, kdc.env);
    await kdc.reached;
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([null, "SIGTERM"]);
  });

  it("process.exit waits for the KDC, and no longer", async () => {
    const child = run(waiting, kdc.env);
    await kdc.reached;
    child.stdin.write("exit");
    await saying(child, "exiting");
    expect(child.exitCode).toBeNull();
    kdc.hangUp();
    expect(await once(child, "exit")).toEqual([7, null]);
  });

  it("having given up, it ends by itself with the KDC's connection", async () => {
    const child = run(waiting, kdc.env);
    await kdc.reached;
    child.stdin.write("give up");
    await saying(child, "given up");
    child.stdin.end();
    kdc.hangUp();
    expect(await once(child, "exit")).toEqual([0, null]);
  });
});

describeWithPeers(["saslpasswd2"], "Cyrus in a worker", () => {
  it("does its work, and process.exit in the main thread ends it", async () => {
    const worker = `${prelude}
      import { parentPort } from "node:worker_threads";
      const exchange = client.start("PLAIN", context);
      const { output } = await exchange.step(null, AbortSignal.timeout(20000));
      exchange.close();
      parentPort.postMessage(Buffer.from(output).toString());
      setInterval(() => {}, 1000);
    `;
    const child = run(
      `
      import { Worker } from "node:worker_threads";
      const worker = new Worker(new URL("data:text/javascript," + encodeURIComponent(${JSON.stringify(worker)})));
      worker.on("message", (text) => {
        console.log(JSON.stringify(text));
        process.exit(3);
      });
      `,
      {},
    );
    const [said, end] = await Promise.all([text(child.stdout), once(child, "exit")]);
    expect(end).toEqual([3, null]);
    expect(said).toBe('"\\u0000alice\\u0000secret"\n');
  });
});

function run(script: string, env: Readonly<Record<string, string>>): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, ["--input-type=module", "-e", script], { env: { ...process.env, ...env } });
}

/** Waits until the process has written a line that has these words. */
async function saying(child: ChildProcessWithoutNullStreams, words: string): Promise<void> {
  let said = "";
  while (!said.includes(words)) said += String((await once(child.stdout, "data"))[0]);
}
