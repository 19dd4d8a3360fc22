import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect as dial } from "node:net";
import { join } from "node:path";
import { Libvirt, type LibvirtAuth } from "@virnet/libvirt";
import { setUser } from "virnet/sasl";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Daemon, spawnTestd } from "./helpers/daemon.ts";
import { describeWithPeers } from "./helpers/peers.ts";
import { type Settings, testbed, testbedDirectory } from "./helpers/testbed.ts";
import { virsh } from "./helpers/virsh.ts";

const refused = { name: "RpcError", code: 45, message: "authentication failed: authentication failed" };
const peers = ["libvirtd", "virsh", "saslpasswd2", "certtool"] as const;

async function hostname(uri: string, auth?: LibvirtAuth): Promise<string> {
  await using hypervisor = await Libvirt.open(uri, auth && { auth });
  return await hypervisor.hostname();
}

describeWithPeers(peers, "our client with a libvirtd that wants SASL", () => {
  let settings: Settings<"libvirtd-sasl">;
  /** Without the file of credentials that the test bed puts into its URIs. */
  let uris: Record<"unix" | "tls", string>;

  beforeAll(async () => {
    settings = await testbed("libvirtd-sasl");
    uris = {
      unix: settings.SASL_UNIX_URI,
      tls: `test+tls://localhost:${settings.SASL_TLS_PORT}/default?pkipath=${settings.PKI_CLIENT}`,
    };
  });

  const alice = (): LibvirtAuth => ({ user: settings.SASL_USER, password: settings.SASL_PASSWORD });

  describe.each(["unix", "tls"] as const)("over %s", (transport) => {
    const uri = (more = ""): string => `${uris[transport]}${more}`;

    it.each(["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"])("is let in by %s", async (mechanism) => {
      expect(await hostname(uri(`&auth=sasl.${mechanism}`), alice())).not.toBe("");
    });

    it("takes the strongest, and what it needs from a callback", async () => {
      const asked: string[] = [];
      const { user, password } = alice();
      const ask: LibvirtAuth["ask"] = async ({ kind, mechanism }) => {
        asked.push(`${mechanism} ${kind}`);
        return (kind === "authname" ? user : password) ?? null;
      };
      await hostname(uri(), { ask });
      expect(asked).toEqual(["SCRAM-SHA-256 authname", "SCRAM-SHA-256 passphrase"]);
    });

    it("takes it from auth.conf, and the user from the URI", async () => {
      await hostname(uri(`&authfile=${settings.SASL_AUTHFILE}`));
      const host = transport === "unix" ? "" : "localhost";
      const named = uri().replace(`//${host}`, `//${settings.SASL_USER}@${host}`);
      await hostname(named, { password: settings.SASL_PASSWORD });
    });

    it("is turned away with a wrong password, unlisted, and as a stranger, each time alike", async () => {
      const unlisted = { user: settings.SASL_UNLISTED_USER, password: settings.SASL_UNLISTED_PASSWORD };
      for (const mechanism of ["SCRAM-SHA-256", "PLAIN"]) {
        await expect(hostname(uri(), { ...alice(), password: "wrong", mechanism })).rejects.toMatchObject(refused);
        await expect(hostname(uri(), { ...unlisted, mechanism })).rejects.toMatchObject(refused);
        await expect(hostname(uri(), { ...alice(), user: "stranger", mechanism })).rejects.toMatchObject(refused);
      }
      await expect(hostname(uri(`&authfile=${settings.SASL_WRONG_AUTHFILE}`))).rejects.toMatchObject(refused);
      await expect(hostname(uri(`&authfile=${settings.SASL_UNLISTED_AUTHFILE}`))).rejects.toMatchObject(refused);
    });

    it("says what it has not got, and what is not on offer", async () => {
      await expect(hostname(uri())).rejects.toThrow("SCRAM-SHA-256 needs a user name, and none was given");
      await expect(hostname(uri("&auth=sasl.SCRAM-SHA-512"), alice())).rejects.toThrow(
        /SCRAM-SHA-512 is not on offer; the server has SCRAM-SHA-256/,
      );
      await expect(hostname(uri("&auth=polkit"), alice())).rejects.toThrow("the server wants sasl authentication");
      await expect(hostname(uri("&auth=sasl.GSSAPI"))).rejects.toThrow(
        "GSSAPI is not built in: install @virnet/native",
      );
    });
  });

  it("over tcp finds nothing that it could use without Cyrus, and says so", async () => {
    const uri = `test+tcp://localhost:${settings.SASL_TCP_PORT}/default`;
    await expect(hostname(uri, alice())).rejects.toThrow(/the server has DIGEST-MD5, GSSAPI; .* is not built in/);
  });
});

describeWithPeers(peers, "virsh with our server that wants SASL", () => {
  let settings: Settings<"libvirtd-sasl">;
  let folder: string;
  let daemon: Daemon;
  let uris: Record<"unix" | "tcp" | "tls", string>;

  beforeAll(async () => {
    settings = await testbed("libvirtd-sasl");
    folder = await mkdtemp(join(testbedDirectory(), "users-"));
    const users = join(folder, "users");
    const mechanisms = ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;
    await setUser(users, settings.SASL_USER, settings.SASL_PASSWORD, { mechanisms });
    await setUser(users, settings.SASL_UNLISTED_USER, settings.SASL_UNLISTED_PASSWORD, { mechanisms });
    const pki = (await readFile(join(testbedDirectory(), "env"), "utf8")).match(/^PKI_SERVER=(.*)$/m)?.[1] ?? "";
    const all = "SCRAM-SHA-256-PLUS,SCRAM-SHA-512,SCRAM-SHA-256,SCRAM-SHA-1,PLAIN,EXTERNAL,ANONYMOUS";
    daemon = await spawnTestd([
      `--socket=${join(folder, "sock")}`,
      "--listen=127.0.0.1:0",
      "--tls=127.0.0.1:0",
      `--pki=${pki}`,
      `--sasl=${all}`,
      `--users=${users}`,
      `--allowed-user=${settings.SASL_USER}`,
      "--allowed-user=*CN=*",
    ]);
    const { uris: listening } = daemon.ready as { uris: string[] };
    const [, tcp = "", tls = ""] = listening.map((uri) => /:(\d+)\//.exec(uri)?.[1]);
    uris = {
      unix: `test+unix:///default?socket=${join(folder, "sock")}`,
      tcp: `test+tcp://localhost:${tcp}/default?x=`,
      tls: `test+tls://localhost:${tls}/default?pkipath=${settings.PKI_CLIENT}`,
    };
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  describe.each(["unix", "tls"] as const)("over %s", (transport) => {
    it.each(["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"])("gets in by %s", async (mechanism) => {
      const uri = `${uris[transport]}&authfile=${settings.SASL_AUTHFILE}&auth=sasl.${mechanism}`;
      expect(await virsh(uri, "list", "--name")).toMatchObject({ status: 0, stdout: expect.stringContaining("test") });
    });

    it("is turned away with a wrong password and unlisted, in libvirtd's words", async () => {
      for (const file of [settings.SASL_WRONG_AUTHFILE, settings.SASL_UNLISTED_AUTHFILE]) {
        const result = await virsh(`${uris[transport]}&authfile=${file}&auth=sasl.SCRAM-SHA-256`, "list");
        expect(result.status).toBe(1);
        expect(result.stderr).toContain("error: authentication failed: authentication failed");
      }
      expect(daemon.stderr()).toMatch(/refused .*: alice: wrong password/);
      expect(daemon.stderr()).toMatch(/refused .*: mallory is not in the list of users/);
      expect(daemon.stderr()).not.toContain("secret");
    });

    it("anonymous is not in the list", async () => {
      const result = await virsh(`${uris[transport]}&auth=sasl.ANONYMOUS`, "list");
      expect(result).toMatchObject({ status: 1, stderr: expect.stringContaining("authentication failed") });
    });
  });

  it.each(["SCRAM-SHA-256-PLUS", "EXTERNAL"])(
    "our own client gets in by %s, which virsh does not have",
    async (mechanism) => {
      const auth = { user: settings.SASL_USER, password: settings.SASL_PASSWORD };
      expect(await hostname(`${uris.tls}&auth=sasl.${mechanism}`, auth)).not.toBe("");
    },
  );

  it("over tcp there is nothing without encryption", async () => {
    const result = await virsh(`${uris.tcp}&authfile=${settings.SASL_AUTHFILE}`, "list");
    expect(result).toMatchObject({ status: 1, stderr: expect.stringContaining("authentication failed") });
  });

  it("goes on for others while twenty clients say nothing at all", async () => {
    const silent = Array.from({ length: 25 }, () => dial(join(folder, "sock")));
    await Promise.all(silent.map((socket) => once(socket, "connect")));
    const uri = `${uris.unix}&authfile=${settings.SASL_AUTHFILE}&auth=sasl.SCRAM-SHA-256`;
    expect((await virsh(uri, "list", "--name")).status).toBe(0);
    for (const socket of silent) socket.destroy();
  });
});
