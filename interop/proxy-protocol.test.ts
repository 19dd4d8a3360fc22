import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { type Daemon, spawnTestd } from "./helpers/daemon.ts";
import { type HaProxy, haproxy } from "./helpers/haproxy.ts";
import { describeWithPeers } from "./helpers/peers.ts";
import { type Settings, testbed } from "./helpers/testbed.ts";
import { virsh } from "./helpers/virsh.ts";

/** The balancer speaks to the servers from an address of its own, so that it can be told from its clients. */
const BALANCER = "127.0.0.9";

interface ClientLine {
  readonly event: string;
  readonly remote: { readonly host: string };
  readonly identity: { readonly x509DistinguishedName: string | null };
}

/** What testd has said of its clients, since the mark. */
function clientsOf(testd: Daemon, mark: number): ClientLine[] {
  const lines = testd.stderr().slice(mark).trim().split("\n");
  return lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as ClientLine);
}

describeWithPeers(["haproxy", "virsh", "libvirtd", "certtool"], "behind HAProxy", () => {
  let folder = "";
  let settings: Settings<"libvirtd-tls">;
  let testd: Daemon;
  let balancer: HaProxy;
  let plain = 0;

  beforeAll(async () => {
    settings = await testbed("libvirtd-tls");
    folder = await mkdtemp(join(tmpdir(), "haproxy-"));
    for (const name of ["servercert.pem", "serverkey.pem"])
      await copyFile(join(settings.PKI_SERVER, name), join(folder, name));
    await copyFile(settings.PKI_CA, join(folder, "cacert.pem"));
    const ports = ["--listen", "127.0.0.1:0", "--tls", "127.0.0.1:0", "--pki", folder];
    testd = await spawnTestd([...ports, "--proxied-by", `${BALANCER}/32`, "--clients"]);
    const { listening } = testd.ready as { listening: readonly { port: number }[] };
    const [tcp, tls] = listening.map(({ port }) => `127.0.0.1:${port} source ${BALANCER}`);
    plain = listening[0]?.port ?? 0;
    balancer = await haproxy(folder, [
      `${tcp} send-proxy`,
      `${tcp} send-proxy-v2 proxy-v2-options crc32c,unique-id`,
      `${tls} send-proxy`,
      `${tls} send-proxy-v2`,
    ]);
  });

  afterAll(async () => {
    await balancer?.[Symbol.asyncDispose]();
    await testd?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  it.each([
    ["TCP, version 1", 0],
    ["TCP, version 2", 1],
    ["TLS, version 1", 2],
    ["TLS, version 2", 3],
  ])("virsh is seen as itself over %s", async (_, front) => {
    const mark = testd.stderr().length;
    const isTls = front > 1;
    const uri = isTls
      ? `test+tls://localhost:${balancer.ports[front]}/default?pkipath=${settings.PKI_CLIENT}`
      : `test+tcp://127.0.0.1:${balancer.ports[front]}/default`;
    expect(await virsh(uri, "list", "--all")).toMatchObject({ status: 0, stdout: expect.stringContaining("running") });
    const [line, ...others] = clientsOf(testd, mark).filter(({ event }) => event === "opened");
    expect(others).toEqual([]);
    expect(line?.remote.host).toBe("127.0.0.1");
    expect(line?.identity.x509DistinguishedName).toBe(isTls ? "O=Testbed,CN=good-client" : null);
  });

  it.each(["send-proxy", "send-proxy-v2", ""])("health checks with %j are no clients and no errors", async (how) => {
    const mark = testd.stderr().length;
    const server = `127.0.0.1:${plain} source ${BALANCER} ${how} check inter 20ms fall 1 rise 1`;
    await using checking = await haproxy(folder, [server]);
    await new Promise((fulfil) => {
      setTimeout(fulfil, 400);
    });
    expect(checking.said()).not.toContain("DOWN");
    expect(testd.stderr().slice(mark)).toBe("");
    const { status } = await virsh(`test+tcp://127.0.0.1:${checking.ports[0]}/default`, "list");
    expect(status).toBe(how === "" ? 1 : 0);
  });

  it("who comes without a balancer is turned away, and so is a balancer that says nothing of its client", async () => {
    const mark = testd.stderr().length;
    expect((await virsh(`test+tcp://127.0.0.1:${plain}/default`, "list")).status).toBe(1);
    await using silent = await haproxy(folder, [`127.0.0.1:${plain} source ${BALANCER}`]);
    expect((await virsh(`test+tcp://127.0.0.1:${silent.ports[0]}/default`, "list")).status).toBe(1);
    const said = testd.stderr().slice(mark);
    expect(said).toContain("not an address of a balancer that is trusted here");
    expect(said).toContain("expected the header of a balancer");
    onTestFinished(() => expect(clientsOf(testd, mark)).toEqual([]));
  });
});
