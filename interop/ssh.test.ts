import { execFile, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { appendFile, chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Libvirt, type OpenOptions } from "@virnet/libvirt";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { childProcesses } from "./helpers/child-processes.ts";
import { describeWithPeers } from "./helpers/peers.ts";
import { libvirtdWith, type Settings, testbed, testbedDirectory } from "./helpers/testbed.ts";

const run = promisify(execFile);

/** An ssh of the machine, and ssh in this process: one suite for both. */
const kinds = ["ssh", "libssh2"] as const;

describeWithPeers(["libvirtd", "sshd"], "our client through a real sshd", () => {
  let settings: Settings<"libvirtd" | "sshd">;
  let folder = "";
  let children: ReadonlySet<number> = new Set();

  beforeAll(async () => {
    settings = await testbed("libvirtd", "sshd");
    folder = join(testbedDirectory(), "ssh-suite");
    await mkdir(folder, { recursive: true });
    const keys = [];
    for (const [name, passphrase] of [
      ["encrypted", "open sesame"],
      ["silent", ""],
      ["talks", ""],
      ["stranger", ""],
    ]) {
      await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", passphrase ?? "", "-f", join(folder, name ?? "")]);
      keys.push((await readFile(join(folder, `${name}.pub`), "utf8")).trim());
    }
    const [encrypted, silent, talks] = keys;
    const lines = [encrypted, `command="/bin/false" ${silent}`, `command="echo only backups" ${talks}`];
    await appendFile(join(settings.SSH_KEY, "../authorized_keys"), `${lines.join("\n")}\n`);
    const stranger = (keys[3] ?? "").split(" ").slice(0, 2).join(" ");
    await writeFile(file("changed"), `[127.0.0.1]:${settings.SSH_PORT} ${stranger}\n`);
    await writeFile(file("revoked"), `@revoked ${await hostLine()}`);
    await writeFile(file("askpass"), "#!/bin/sh\necho open sesame\n");
    await chmod(file("askpass"), 0o755);
    children = await childProcesses();
  });

  const file = (name: string): string => join(folder, name);
  const hostLine = async (): Promise<string> => (await readFile(settings.SSH_KNOWN_HOSTS, "utf8")).replace(/,\S*/, "");

  /** ssh with nothing of the user's own but what the test gives. */
  async function wrapper(knownHosts: string): Promise<string> {
    const path = file(`ssh-${knownHosts.replaceAll("/", "_")}`);
    const options = `-F /dev/null -o UserKnownHostsFile=${knownHosts} -o GlobalKnownHostsFile=/dev/null -o IdentitiesOnly=no`;
    await writeFile(path, `#!/bin/sh\nexec ssh ${options} "$@"\n`);
    await chmod(path, 0o755);
    return path;
  }

  interface Way {
    readonly driver?: string;
    readonly user?: string;
    readonly host?: string;
    readonly port?: string;
    readonly path?: string;
    readonly knownHosts?: string;
    readonly keyfile?: string | null;
    readonly more?: string;
  }

  async function uriOf(kind: (typeof kinds)[number], way: Way = {}): Promise<string> {
    const {
      driver = "test",
      user = settings.SSH_USER,
      host = "127.0.0.1",
      port = settings.SSH_PORT,
      path = "default",
    } = way;
    const { knownHosts = settings.SSH_KNOWN_HOSTS, keyfile = settings.SSH_KEY, more = "" } = way;
    const own = kind === "ssh" ? `command=${await wrapper(knownHosts)}&no_tty=0` : `known_hosts=${knownHosts}`;
    const key = keyfile === null ? "" : `&keyfile=${keyfile}`;
    return `${driver}+${kind}://${user}@${host}:${port}/${path}?${own}${key}${more}`;
  }

  const open = async (kind: (typeof kinds)[number], way: Way = {}, options: OpenOptions = {}): Promise<Libvirt> =>
    Libvirt.open(await uriOf(kind, way), { signal: AbortSignal.timeout(25_000), ...options });

  const names = async (hypervisor: Libvirt): Promise<string[]> => (await hypervisor.domains()).map(({ name }) => name);

  /** Rejects as the opening does; what opens against all expectation is closed. */
  const refusal = async (kind: (typeof kinds)[number], way: Way, options?: OpenOptions): Promise<unknown> =>
    open(kind, way, options).then(
      (hypervisor) => hypervisor.close().then(() => "it was let in"),
      (error: unknown) => error,
    );

  describe.each(kinds)("by %s", (kind) => {
    it.each(["&proxy=native", "&proxy=auto", "&proxy=netcat&socket=SOCK", "&socket=SOCK", "&netcat=nc&socket=SOCK"])(
      "works with %s",
      async (parameters) => {
        const more = parameters.replace("SOCK", settings.LIBVIRTD_SOCK);
        await using hypervisor = await open(kind, { more });
        expect(await names(hypervisor)).toEqual(["test"]);
        expect(hypervisor.uri).toBe("test:///default");
      },
    );

    it("reads only through the helper's option", async () => {
      await using hypervisor = await open(kind, { more: "&proxy=native" }, { readonly: true });
      await expect((await hypervisor.domainByName("test")).destroy()).rejects.toMatchObject({ code: 29 });
    });

    it("hears of events", async () => {
      await using hypervisor = await open(kind);
      const events = hypervisor.events({ kinds: ["domain-lifecycle"], signal: AbortSignal.timeout(20_000) });
      await events.ready;
      const domain = await hypervisor.domainByName("test");
      await domain.suspend();
      await domain.resume();
      expect((await events.next()).value).toMatchObject({ event: "suspended" });
      expect((await events.next()).value).toMatchObject({ event: "resumed" });
    });

    it("logs in with an agent's key", async () => {
      const agent = spawn("ssh-agent", ["-D", "-a", file(`agent-${kind}`)], { stdio: "ignore" });
      try {
        const env = { ...process.env, SSH_AUTH_SOCK: file(`agent-${kind}`) };
        await expect
          .poll(() =>
            run("ssh-add", ["-q", settings.SSH_KEY], { env }).then(
              () => true,
              () => false,
            ),
          )
          .toBe(true);
        vi.stubEnv("SSH_AUTH_SOCK", file(`agent-${kind}`));
        await using hypervisor = await open(kind, { keyfile: null });
        expect(await names(hypervisor)).toEqual(["test"]);
      } finally {
        vi.unstubAllEnvs();
        agent.kill();
      }
    });

    it("logs in with an encrypted key, when it is told the passphrase", async () => {
      vi.stubEnv("SSH_ASKPASS", file("askpass"));
      vi.stubEnv("SSH_ASKPASS_REQUIRE", "force");
      const asked: string[] = [];
      const passphrase = ({ keyfile, attempt }: { keyfile: string; attempt: number }): string => {
        asked.push(`${keyfile} ${attempt}`);
        return attempt === 1 ? "wrong" : "open sesame";
      };
      try {
        await using hypervisor = await open(kind, { keyfile: file("encrypted") }, { ssh: { passphrase } });
        expect(await names(hypervisor)).toEqual(["test"]);
        expect(asked).toEqual(kind === "ssh" ? [] : [`${file("encrypted")} 1`, `${file("encrypted")} 2`]);
      } finally {
        vi.unstubAllEnvs();
      }
    });

    it.each([
      [
        "an encrypted key that nobody opens",
        { keyfile: "encrypted" },
        /root@127\.0\.0\.1 is not let in \(.*\); check the user's name/,
      ],
      ["the wrong user", { user: "nobody" }, /nobody@127\.0\.0\.1 is not let in/],
      ["a key that is not allowed", { keyfile: "stranger" }, /is not let in/],
      [
        "another host key than the known one",
        { knownHosts: "changed" },
        /the host key of 127\.0\.0\.1 is not the one that is known.*ask its administrator/,
      ],
      ["a revoked host key", { knownHosts: "revoked" }, /the host key of 127\.0\.0\.1 has been revoked/],
      ["a host that is not known", { knownHosts: "/dev/null" }, /the host key of 127\.0\.0\.1 is not known/],
      ["a port where nobody listens", { port: "1" }, /nobody listens/],
      ["a host that does not exist", { host: "nosuch.invalid" }, /no(?: such)? host(?: of the)? name/],
      [
        "a command that ends at once instead of the helper",
        { keyfile: "silent" },
        /ended with status 1, and said nothing/,
      ],
      ["a command that talks instead of the helper", { keyfile: "talks" }, /answered with text: "only backups/],
      [
        "a socket that is not there",
        { more: "&socket=/nonexistent" },
        /there is no socket \/nonexistent on 127\.0\.0\.1; check that the daemon runs there/,
      ],
      [
        "a netcat that is not there",
        { more: "&netcat=nosuch-nc" },
        /has neither virt-ssh-helper nor nosuch-nc; install/,
      ],
    ] as [string, Way, RegExp][])("says what is wrong with %s", async (_, way, complaint) => {
      const found = {
        ...way,
        ...(way.keyfile && { keyfile: file(way.keyfile) }),
        ...(way.knownHosts && !way.knownHosts.startsWith("/") && { knownHosts: file(way.knownHosts) }),
      };
      const error = await refusal(kind, found);
      expect(error).toMatchObject({ name: "ConnectionError" });
      expect(String(error)).toMatch(complaint);
    });

    it("gives up a host that accepts and says nothing, with the signal", async () => {
      const { createServer } = await import("node:net");
      const silent = createServer(() => {}).listen(0, "127.0.0.1");
      await new Promise((fulfil) => silent.once("listening", fulfil));
      const port = String((silent.address() as { port: number }).port);
      const error = await refusal(kind, { port }, { signal: AbortSignal.timeout(700) });
      silent.close();
      expect(error).toMatchObject({ name: "TimeoutError" });
    });

    it("carries a volume there and back unchanged", async () => {
      const way = { driver: "storage", path: "system", more: `&socket=${settings.LIBVIRTD_SOCK}` };
      await using hypervisor = await open(kind, way);
      const pool = await hypervisor.pool("testbed");
      const bytes = randomBytes(48 * 2 ** 20 + 12_345);
      const volume = await pool.createVolume(
        `<volume><name>through-${kind}</name><capacity>${bytes.length}</capacity></volume>`,
      );
      try {
        await volume.upload([bytes]);
        const hash = createHash("sha256");
        await volume.download(async (chunk) => hash.update(chunk));
        expect(hash.digest("hex")).toBe(createHash("sha256").update(bytes).digest("hex"));
      } finally {
        await volume.delete();
      }
    });

    it("ends each call when the daemon is killed", async () => {
      const victim = await libvirtdWith(`victim-${kind}`, []);
      await using hypervisor = await open(kind, { more: `&socket=${victim.sock}` });
      expect(await names(hypervisor)).toEqual(["test"]);
      process.kill(victim.pid, "SIGKILL");
      await expect(hypervisor.closed).resolves.toMatchObject({ name: "ConnectionError" });
      await expect(hypervisor.domains()).rejects.toMatchObject({ name: "ConnectionError" });
    });
  });

  describe("ssh in process", () => {
    it("remembers a host that the user confirms, and knows it then", async () => {
      const knownHosts = file("learned/known_hosts");
      await rm(knownHosts, { force: true });
      const asked: string[] = [];
      const confirmHost = ({ fingerprint }: { fingerprint: string }): boolean => asked.push(fingerprint) > 0;
      for (const options of [{ ssh: { confirmHost } }, {}]) {
        await using hypervisor = await open("libssh2", { knownHosts }, options);
        expect(await names(hypervisor)).toEqual(["test"]);
      }
      const { stdout } = await run("ssh-keygen", ["-l", "-f", join(settings.SSH_KEY, "../host_key.pub")]);
      expect(asked).toEqual([`ssh-ed25519 ${stdout.split(" ")[1]}`]);
      expect(await readFile(knownHosts, "utf8")).toBe(await hostLine());
    });

    it("takes what it sees the first time with auto, but no other key after that", async () => {
      const knownHosts = file("auto_known_hosts");
      await using hypervisor = await open("libssh2", { knownHosts, more: "&known_hosts_verify=auto" });
      expect(await names(hypervisor)).toEqual(["test"]);
      expect(await readFile(knownHosts, "utf8")).toBe(await hostLine());
      const error = await refusal("libssh2", { knownHosts: file("changed"), more: "&known_hosts_verify=auto" });
      expect(String(error)).toMatch(/is not the one that is known/);
    });

    it("looks at no key with ignore", async () => {
      await using hypervisor = await open("libssh2", {
        knownHosts: file("changed"),
        more: "&known_hosts_verify=ignore",
      });
      expect(await names(hypervisor)).toEqual(["test"]);
    });

    it("knows a host by a name that ssh-keygen has hashed", async () => {
      const knownHosts = file("hashed");
      await writeFile(knownHosts, await hostLine());
      await run("ssh-keygen", ["-q", "-H", "-f", knownHosts]);
      expect(await readFile(knownHosts, "utf8")).toMatch(/^\|1\|/);
      await using hypervisor = await open("libssh2", { knownHosts });
      expect(await names(hypervisor)).toEqual(["test"]);
    });

    it("tries the ways that the URI names, and no other", async () => {
      const error = await refusal("libssh2", { more: "&sshauth=password,keyboard-interactive" });
      expect(String(error)).toMatch(/tried no password \(nobody can be asked\), no answers \(nobody can be asked\)/);
    });
  });

  it("has left no process behind", async () => {
    await expect.poll(async () => [...(await childProcesses())].filter((pid) => !children.has(pid))).toEqual([]);
  });
});
