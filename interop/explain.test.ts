import { chmod, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { type Explanation, explain, type Step } from "@virnet/libvirt";
import { afterEach, beforeAll, expect, it, vi } from "vitest";
import { describeWithPeers } from "./helpers/peers.ts";
import { runProgram } from "./helpers/program.ts";
import { repositoryPath } from "./helpers/scripts.ts";
import { type Settings, testbed, testbedDirectory } from "./helpers/testbed.ts";

const names = ({ steps }: Explanation): string[] => steps.map(({ name }) => name);
const last = ({ steps }: Explanation): Step | undefined => steps.at(-1);

describeWithPeers(["libvirtd", "sshd", "saslpasswd2", "certtool"], "the connection doctor", () => {
  let settings: Settings<"libvirtd" | "libvirtd-tls" | "libvirtd-sasl" | "sshd">;
  let folder = "";

  beforeAll(async () => {
    settings = await testbed("libvirtd", "libvirtd-tls", "libvirtd-sasl", "sshd");
    folder = join(testbedDirectory(), "explain");
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "relay"), '#!/bin/sh\nexec nc -U "$1"\n');
    await writeFile(join(folder, "silent"), "#!/bin/sh\nexec sleep 327\n");
    for (const name of ["relay", "silent"]) await chmod(join(folder, name), 0o755);
  });

  afterEach(() => {
    vi.unstubAllEnvs();
  });

  const inProcess = (more = ""): string =>
    `test+libssh2://${settings.SSH_USER}@localhost:${settings.SSH_PORT}/default?keyfile=${settings.SSH_KEY}` +
    `&known_hosts=${settings.SSH_KNOWN_HOSTS}&socket=${settings.LIBVIRTD_SOCK}${more}`;

  it.each([
    ["a UNIX socket", () => settings.LIBVIRTD_UNIX_URI, "socket, auth list"],
    ["TCP", () => settings.LIBVIRTD_TCP_URI.replace("127.0.0.1", "localhost"), "DNS, TCP, socket, auth list"],
    ["TLS", () => settings.TLS_URI, "DNS, TCP, certificates, TLS, confirmation, auth list"],
    ["ssh", () => settings.SSH_URI_NC, "ssh, auth list"],
    ["ssh in process", () => inProcess(), "DNS, TCP, ssh, auth list"],
    [
      "a program",
      () => `test+ext:///default?command=${folder}/relay&argv=${settings.LIBVIRTD_SOCK}`,
      "program, auth list",
    ],
    [
      "SASL",
      () => `${settings.SASL_UNIX_URI}&authfile=${settings.SASL_AUTHFILE}&auth=sasl.SCRAM-SHA-256`,
      "socket, auth list, mechanisms, login",
    ],
  ])("says that all is well over %s", async (_, uri, between) => {
    const found = await explain(uri());
    expect(found.steps.filter(({ ok }) => !ok)).toEqual([]);
    expect(names(found).join(", ")).toBe(`config, URI, ${between}, open`);
    expect(found.ok).toBe(true);
    expect(last(found)?.detail).toMatch(/^test:\/\/\/default on .* \(TEST\)$/);
    for (const { ms, remedy } of found.steps) {
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(remedy).toBeNull();
    }
  });

  it.each([
    ["URI", () => "qemu+tcp://h:x/", /a port is a number\n.*\n.*\^/, /correct it/],
    ["DNS", () => "qemu+tcp://nosuch.invalid/system", /nosuch\.invalid has no address \(ENOTFOUND\)/, /spelling/],
    ["TCP", () => "qemu+tcp://127.0.0.1:9/system", /127\.0\.0\.1:9: nobody listens there/, /listen_tcp/],
    ["TCP", () => "qemu+libssh2://127.0.0.1:9/system", /nobody listens/, /start sshd/],
    ["socket", () => "qemu:///system?socket=/nonexistent", /\/nonexistent: no such socket/, /start the daemon/],
    ["program", () => "qemu+ext:///system?command=/nonexistent", /no such program/, /install it, or name another/],
    [
      "program",
      () => `qemu+ext:///system?command=${folder}/relay&argv=/nonexistent`,
      /status 1: nc: \/nonexistent: No such file/,
      /run it by hand/,
    ],
    [
      "ssh",
      () => settings.SSH_URI_NC.replace(settings.LIBVIRTD_SOCK, "/nonexistent"),
      /there is no socket \/nonexistent/,
      /name its socket/,
    ],
    [
      "ssh",
      () => settings.SSH_URI_NC.replace(`:${settings.SSH_PORT}`, ":9"),
      /nobody listens on port 9/,
      /check that sshd runs/,
    ],
    ["ssh", () => inProcess("&known_hosts=/dev/null"), /is not known/, /compare the fingerprint/],
    ["certificates", () => settings.TLS_URI.replace(/pkipath=.*/, "pkipath=/nonexistent"), /\/nonexistent/, /./],
    [
      "TLS",
      () => settings.TLS_URI.replace(settings.PKI_CLIENT, `${settings.PKI_DIR}/trust-other&no_sanity=1`),
      /we do not accept the server's certificate/,
      /./,
    ],
    [
      "confirmation",
      () => settings.TLS_URI.replace(settings.PKI_CLIENT, settings.PKI_CLIENT_UNLISTED),
      /did not confirm our certificate/,
      /tls_allowed_dn_list/,
    ],
    [
      "login",
      () =>
        `${settings.SASL_UNIX_URI.replace(/authfile=[^&]*/, "")}&auth=sasl.SCRAM-SHA-256&authfile=${settings.SASL_WRONG_AUTHFILE}`,
      /authentication failed/,
      /./,
    ],
    [
      "open",
      () => settings.LIBVIRTD_UNIX_URI.replace("test+unix", "nosuch+unix"),
      /no connection driver available/,
      /has no driver for nosuch:\/\/\/default/,
    ],
  ])("says at %s what is wrong and what to do", async (step, uri, problem, remedy) => {
    const found = await explain(uri());
    const failed = last(found);
    expect(found.ok).toBe(false);
    expect(found.steps.filter(({ ok }) => !ok)).toHaveLength(1);
    expect(failed).toMatchObject({ name: step, ok: false });
    expect(failed?.detail).toMatch(problem);
    expect(failed?.remedy).toMatch(remedy);
  });

  it("says what is wrong with libvirt.conf, and follows its aliases", async () => {
    const file = process.getuid?.() === 0 ? "/etc/libvirt/libvirt.conf" : null;
    const found = await explain(null, { signal: AbortSignal.timeout(20_000) });
    expect(found.steps[0]?.name).toBe("config");
    expect(found.steps[0]?.detail).toContain(file ?? "libvirt.conf");
    vi.stubEnv("LIBVIRT_DEFAULT_URI", settings.LIBVIRTD_UNIX_URI);
    expect(await explain(null)).toMatchObject({ ok: true, uri: expect.stringContaining("test+unix:///default") });
  });

  it("waits for no step longer than it may", async () => {
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await new Promise((fulfil) => silent.once("listening", fulfil));
    const { port } = silent.address() as { port: number };
    const mute = await explain(`qemu+tcp://127.0.0.1:${port}/system`, { stepMs: 300 });
    expect(last(mute)).toMatchObject({ name: "auth list", ok: false, detail: "no answer in 300 ms" });
    const tls = await explain(`qemu+tls://127.0.0.1:${port}/system?pkipath=${settings.PKI_CLIENT}`, { stepMs: 300 });
    expect(last(tls)).toMatchObject({ name: "TLS", ok: false, detail: "no answer in 300 ms" });
    const program = await explain(`qemu+ext:///system?command=${folder}/silent`, { stepMs: 300 });
    expect(last(program)).toMatchObject({ name: "program", ok: false, detail: "no answer in 300 ms" });
    silent.close();
    await expect(explain("qemu:///system", { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow(
      "enough",
    );
  });

  it("is printed by npm start, for people and as JSON", async () => {
    const start = repositoryPath("scripts/start.mjs");
    const good = await runProgram(process.execPath, [start, "explain", settings.LIBVIRTD_UNIX_URI]);
    expect(good).toMatchObject({ status: 0, stderr: "" });
    expect(good.stdout).toMatch(/^ok +[\d.]+ ms {2}config/);
    expect(good.stdout).toMatch(/^ok +[\d.]+ ms {2}open .*test:\/\/\/default on/m);
    const bad = await runProgram(process.execPath, [start, "explain", "qemu:///x?socket=/nonexistent", "--json"]);
    expect(bad.status).toBe(1);
    expect(JSON.parse(bad.stdout)).toMatchObject({ ok: false, steps: [{}, {}, { name: "socket", ok: false }] });
  });
});
