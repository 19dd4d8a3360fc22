import { beforeAll, expect, it } from "vitest";
import { type Daemon, spawnDaemon } from "./helpers/daemon.ts";
import { describeWithNamespace, describeWithPeers } from "./helpers/peers.ts";
import {
  type LibvirtdInstance,
  libvirtdWith,
  optionalSetting,
  type Settings,
  saslLibvirtdWith,
  stopServices,
  testbed,
} from "./helpers/testbed.ts";
import { virsh, virshWith, virtAdmin } from "./helpers/virsh.ts";

describeWithPeers(["libvirtd", "virsh", "virt-admin"], "the test bed", () => {
  let settings: Settings<"libvirtd">;

  beforeAll(async () => {
    settings = await testbed("libvirtd");
  });

  it("lists the domain test over a unix socket", async () => {
    expect(await domainsOf(settings.LIBVIRTD_UNIX_URI)).toBe("test");
  });

  it("lists the domain test over TCP", async () => {
    expect(await domainsOf(settings.LIBVIRTD_TCP_URI)).toBe("test");
  });

  it("gives a failing command's status and message", async () => {
    const { stderr, status } = await virsh(settings.LIBVIRTD_UNIX_URI, "dominfo", "nosuch");
    expect(status).toBe(1);
    expect(stderr).toContain("failed to get domain 'nosuch'");
  });

  it("answers virt-admin on the admin socket", async () => {
    const { stdout } = await virtAdmin(settings.LIBVIRTD_ADMIN_URI, "srv-list");
    expect(stdout).toMatch(/\blibvirtd\b/);
  });
});

describeWithPeers(["libvirtd", "virsh", "virt-admin"], "a libvirtd with settings of its own", () => {
  let instance: LibvirtdInstance;

  beforeAll(async () => {
    instance = await libvirtdWith("few-workers", ["max_workers = 3", "min_workers = 2"]);
  });

  it("has them", async () => {
    const { stdout } = await virtAdmin(instance.adminUri, "srv-threadpool-info", "libvirtd");
    expect(stdout).toMatch(/maxWorkers\s*: 3\b/);
  });

  it("listens where it says", async () => {
    const { status } = await virsh(instance.tcpUri, "list");
    expect(status).toBe(0);
  });
});

describeWithPeers(["libvirtd", "virsh", "certtool"], "libvirtd behind TLS", () => {
  it("lets in a client with a listed certificate", async () => {
    const { TLS_URI } = await testbed("libvirtd-tls");
    expect(await domainsOf(TLS_URI)).toBe("test");
  });

  it("has a sibling with a certificate for another host", async () => {
    const { TLS_BADNAME_URI } = await testbed("libvirtd-tls-badname");
    const { stderr, status } = await virsh(TLS_BADNAME_URI, "list");
    expect(status).toBe(1);
    expect(stderr).toContain("does not match the hostname");
  });
});

describeWithPeers(["libvirtd", "virsh", "certtool", "saslpasswd2", "krb5kdc"], "libvirtd with SASL", () => {
  it("lets in a user with a password", async () => {
    const { SASL_TCP_URI } = await testbed("libvirtd-sasl");
    expect(await domainsOf(`${SASL_TCP_URI}&auth=sasl.DIGEST-MD5`)).toBe("test");
  });

  it("lets in a user with a Kerberos ticket", async () => {
    const { SASL_TCP_PORT, KRB5_CONFIG, KRB5CCNAME } = await testbed("libvirtd-sasl", "kdc");
    const uri = `test+tcp://localhost:${SASL_TCP_PORT}/default?auth=sasl.GSSAPI`;
    const { stdout } = await virshWith({ env: { KRB5_CONFIG, KRB5CCNAME } }, uri, "list", "--all", "--name");
    expect(stdout.trim()).toBe("test");
  });

  it("can be started with other mechanisms", async () => {
    const { unixUri } = await saslLibvirtdWith("scram", ["SCRAM-SHA-256"]);
    const { SASL_AUTHFILE } = await testbed("libvirtd-sasl");
    expect(await domainsOf(`${unixUri}&authfile=${SASL_AUTHFILE}`)).toBe("test");
  });
});

describeWithPeers(["libvirtd", "virsh", "sshd"], "libvirtd behind ssh", () => {
  it("is reached through the helper on its host", async () => {
    const { SSH_URI_HELPER } = await testbed("sshd");
    expect(await domainsOf(SSH_URI_HELPER)).toBe("test");
  });
});

describeWithPeers(["avahi-daemon"], "avahi", () => {
  it("is up and says what it advertises", async () => {
    const { AVAHI_SERVICE_TYPE } = await testbed("avahi");
    expect(AVAHI_SERVICE_TYPE).toBe("_libvirt._tcp");
  });
});

describeWithNamespace(["libvirtd", "virsh", "qemu-system-x86_64"], "the guest", () => {
  it("runs", async () => {
    const { GUEST_URI, GUEST_NAME } = await testbed("guest");
    const { stdout } = await virsh(GUEST_URI, "domstate", GUEST_NAME);
    expect(stdout.trim()).toBe("running");
  });

  it("comes with libvirtd's other drivers", async () => {
    const uri = await optionalSetting("LIBVIRTD_STORAGE_URI");
    expect(uri).not.toBeNull();
    expect(await optionalSetting("NO_SUCH_SETTING")).toBeNull();
  });
});

describeWithPeers(["libvirtd", "virsh"], "a service that is stopped", () => {
  it("is gone, and can be started again", async () => {
    const { unixUri } = await libvirtdWith("brief", []);
    await stopServices("libvirtd@brief");
    expect((await virsh(unixUri, "list")).status).toBe(1);
    const again = await libvirtdWith("brief", []);
    expect(await domainsOf(again.unixUri)).toBe("test");
  });
});

describeWithPeers([], "spawnDaemon", () => {
  const script = 'console.log(JSON.stringify({ port: 7 })); console.error("up"); setInterval(() => {}, 1000)';
  let daemon: Daemon;

  beforeAll(async () => {
    daemon = await spawnDaemon(process.execPath, ["-e", script]);
    return () => daemon[Symbol.asyncDispose]();
  });

  it("waits for the readiness line", () => {
    expect(daemon.ready).toEqual({ port: 7 });
  });

  it("ends the process", async () => {
    await daemon[Symbol.asyncDispose]();
    expect(await daemon.exited).toBe("SIGTERM");
  });

  it("says what the daemon said when it fails to start", async () => {
    const failing = spawnDaemon(process.execPath, ["-e", 'console.error("no such port"); process.exit(3)']);
    await expect(failing).rejects.toThrow(/did not become ready\nno such port/);
  });
});

/** The names of a server's domains, or what virsh says instead. */
async function domainsOf(uri: string): Promise<string> {
  const { stdout, stderr } = await virsh(uri, "list", "--all", "--name");
  return `${stdout}${stderr}`.trim();
}
