import { once } from "node:events";
import { copyFile, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { connect as connectTcp, type Socket } from "node:net";
import { join } from "node:path";
import { Libvirt } from "@virnet/libvirt";
import { pkiFiles } from "virnet/tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { issue, type NameParts } from "../packages/rpc/test/helpers/pki.ts";
import { type Daemon, spawnDaemon } from "./helpers/daemon.ts";
import { describeWithPeers } from "./helpers/peers.ts";
import { runProgram } from "./helpers/program.ts";
import { repositoryPath } from "./helpers/scripts.ts";
import { type Settings, testbed, testbedDirectory } from "./helpers/testbed.ts";
import { virsh } from "./helpers/virsh.ts";
import { Watcher } from "./helpers/watcher.ts";

const versions = [
  ["TLSv1.2", "NORMAL:-VERS-ALL:%2BVERS-TLS1.2"],
  ["TLSv1.3", "NORMAL:-VERS-ALL:%2BVERS-TLS1.3"],
] as const;

/** What comes of opening it: the server's name, or the error's first words. */
async function opened(uri: string): Promise<string> {
  try {
    await using hypervisor = await Libvirt.open(uri, { signal: AbortSignal.timeout(10_000) });
    return (await hypervisor.hostname()) === "" ? "nameless" : "open";
  } catch (error) {
    return error instanceof Error ? error.message : "no error";
  }
}

describeWithPeers(["libvirtd", "virsh", "certtool"], "TLS with real peers", () => {
  let settings: Settings<"libvirtd-tls" | "libvirtd-tls-badname">;

  beforeAll(async () => {
    settings = await testbed("libvirtd-tls", "libvirtd-tls-badname");
  });

  describe.each(versions)("our client and libvirtd over %s", (version, priority) => {
    const open = (pki: string, more = ""): Promise<string> =>
      opened(`test+tls://localhost:${settings.TLS_PORT}/default?pkipath=${pki}&tls_priority=${priority}${more}`);

    it("meet", async () => {
      await using hypervisor = await Libvirt.open(`${settings.TLS_URI}&tls_priority=${priority}`);
      expect(await hypervisor.domains()).toHaveLength(1);
      expect(hypervisor.client.security).toMatchObject({ encrypted: true, protocol: version, warnings: [] });
      expect(hypervisor.client.security?.peer?.distinguishedName).toBe("O=Testbed,CN=localhost");
    });

    it("lose no time over many calls at once, of which libvirtd reads one per record", async () => {
      await using hypervisor = await Libvirt.open(`${settings.TLS_URI}&tls_priority=${priority}`);
      const signal = AbortSignal.timeout(4000); // it looks again after 5 s, when it asks whether we are alive
      const names = await Promise.all(Array.from({ length: 64 }, () => hypervisor.hostname({ signal })));
      expect(new Set(names).size).toBe(1);
    });

    it("by the transport that a host alone means", async () => {
      const uri = `test://localhost:${settings.TLS_PORT}/default?pkipath=${settings.PKI_CLIENT}&tls_priority=${priority}`;
      expect(await opened(uri)).toBe("open");
    });

    it("part over a name that is not listed", async () => {
      expect(await open(settings.PKI_CLIENT_UNLISTED)).toContain(
        "did not confirm our certificate; we showed O=Testbed,CN=unlisted-client",
      );
    });

    it("part over a certificate that has expired, which our own check finds first", async () => {
      expect(await open(settings.PKI_CLIENT_EXPIRED)).toContain(
        "clientcert.pem: the certificate of O=Testbed,CN=good-client expired on 2020-01-02",
      );
      expect(await open(settings.PKI_CLIENT_EXPIRED, "&no_sanity=1")).toContain("did not confirm our certificate");
    });

    it("part over another CA, which our own check finds first", async () => {
      expect(await open(settings.PKI_CLIENT_OTHERCA)).toContain("which leads to no CA that is trusted here (chain)");
      expect(await open(settings.PKI_CLIENT_OTHERCA, "&no_sanity=1")).toContain("did not confirm our certificate");
    });

    it("part over a server of a CA that we don't trust", async () => {
      const pki = `${settings.PKI_DIR}/trust-other`;
      expect(await open(pki)).toContain("(chain)");
      expect(await open(pki, "&no_sanity=1")).toContain("we do not accept the server's certificate");
      expect(await open(pki, "&no_sanity=1&no_verify=1")).toBe("open");
    });

    it("part over a server's wrong name, unless told not to verify", async () => {
      const uri = `${settings.TLS_BADNAME_URI}&tls_priority=${priority}`;
      expect(await opened(uri)).toContain("the certificate is for elsewhere.invalid, not for localhost");
      expect(await opened(`${uri}&no_verify=1`)).toBe("open");
    });
  });

  describe("our server", () => {
    let folder: string;
    let daemon: Daemon;
    let port: string;

    const testd = async (pki: string, ...more: string[]): Promise<Daemon> =>
      spawnDaemon(process.execPath, [
        repositoryPath("packages/testd/dist/bin.js"),
        "--tls",
        "127.0.0.1:0",
        "--pki",
        pki,
        "--json",
        ...more,
      ]);

    beforeAll(async () => {
      folder = await mkdtemp(join(testbedDirectory(), "tls-"));
      for (const file of ["cacert.pem", "servercert.pem", "serverkey.pem"])
        await copyFile(join(settings.PKI_SERVER, file), join(folder, file));
      daemon = await testd(folder);
      port = portOf(daemon);
    });

    afterAll(async () => {
      await daemon[Symbol.asyncDispose]();
    });

    const ask = async (pki: string, more = "", at = port): Promise<string> => {
      const { status, stdout, stderr } = await virsh(
        `test+tls://localhost:${at}/default?pkipath=${pki}${more}`,
        "hostname",
      );
      return status === 0 ? stdout.trim() : stderr;
    };

    it.each(versions)("is taken for a libvirtd by virsh over %s", async (_, priority) => {
      expect(await ask(settings.PKI_CLIENT, `&tls_priority=${priority}`)).toMatch(/^\S+$/);
    });

    it("tells virsh of each event at once, however many leave in one turn: it reads one per record", async () => {
      const uri = `test+tls://localhost:${port}/default?pkipath=${settings.PKI_CLIENT}`;
      await using hypervisor = await Libvirt.open(uri);
      const watcher = new Watcher(uri, "event --loop --event lifecycle");
      const define = (name: string): Promise<unknown> =>
        hypervisor.remote.domainDefineXml({
          xml: `<domain type='test'><name>${name}</name><memory>1024</memory><os><type>hvm</type></os></domain>`,
        });
      const unheard = (names: readonly string[]): string[] =>
        names.filter((name) => !watcher.said.includes(`for domain '${name}': Defined Added`));
      // What comes before virsh has registered is lost on it.
      let early = 0;
      const last = (): Promise<unknown> => define(`early${++early}`);
      await expect.poll(() => last().then(() => unheard([`early${early - 1}`])), { timeout: 20_000 }).toEqual([]);
      const names = Array.from({ length: 30 }, (_, n) => `one-of-many-${n}`);
      await Promise.all(names.map(define));
      await expect.poll(() => unheard(names), { timeout: 3000 }).toEqual([]); // it asks for signs of life after 5 s
      await watcher.interrupt();
    });

    it("is refused by virsh for its name or its CA, as libvirtd is", async () => {
      expect(await ask(`${settings.PKI_DIR}/trust-other`)).toContain("failed validation");
      const other = await mkdtemp(join(testbedDirectory(), "tls-"));
      for (const file of ["cacert.pem", "servercert.pem", "serverkey.pem"])
        await copyFile(join(settings.PKI_SERVER_BADNAME, file), join(other, file));
      await using misnamed = await testd(other);
      expect(await ask(settings.PKI_CLIENT, "", portOf(misnamed))).toContain("owner does not match the hostname");
      expect(await ask(settings.PKI_CLIENT, "&no_verify=1", portOf(misnamed))).toMatch(/^\S+$/);
    });

    it.each([
      ["PKI_CLIENT", "accepted"],
      ["PKI_CLIENT_UNLISTED", "accepted"],
      ["PKI_CLIENT_EXPIRED", "refused"],
      ["PKI_CLIENT_OTHERCA", "refused"],
    ] as const)("judges %s", async (key, verdict) => {
      const script = repositoryPath("interop/testbed/lib/tls-verdict");
      const { stdout } = await runProgram(script, [port, settings.PKI_CA, settings[key]]);
      expect(stdout.trim()).toBe(verdict);
    });

    it("lets virsh in with a name on its list, and with no other", async () => {
      await using choosy = await testd(folder, "--allowed-dn", "O=Testbed,CN=good-client");
      expect(await ask(settings.PKI_CLIENT, "", portOf(choosy))).toMatch(/^\S+$/);
      const refused = await ask(settings.PKI_CLIENT_UNLISTED, "", portOf(choosy));
      expect(refused).toContain("failed to connect to the hypervisor");
      expect(choosy.stderr()).toContain("O=Testbed,CN=unlisted-client is not on the list of allowed names");
    });

    it("does not start with a certificate that has expired", async () => {
      const { status, stderr } = await runProgram(process.execPath, [
        repositoryPath("packages/testd/dist/bin.js"),
        "--tls",
        "127.0.0.1:0",
        "--pki",
        settings.PKI_SERVER_EXPIRED,
      ]);
      expect({ status, stderr }).toEqual({
        status: 1,
        stderr: expect.stringMatching(/servercert\.pem: .* expired on .*\(validity\)/) as string,
      });
    });

    it("reads its certificates again on SIGHUP, and keeps the old ones where the new are bad", async () => {
      await writeFile(join(folder, "servercert.pem"), "nonsense");
      daemon.kill("SIGHUP");
      await expect.poll(daemon.stderr).toContain("keeps the certificates it has");
      expect(await ask(settings.PKI_CLIENT)).toMatch(/^\S+$/);
      await copyFile(join(settings.PKI_SERVER, "servercert.pem"), join(folder, "servercert.pem"));
      daemon.kill("SIGHUP");
      await expect.poll(daemon.stderr).toContain("read the certificates again");
      expect(await ask(settings.PKI_CLIENT)).toMatch(/^\S+$/);
    });

    it("loses no call and no client while SIGHUP finds broken and good files in turn", async () => {
      const uri = `test+tls://localhost:${port}/default?pkipath=${settings.PKI_CLIENT}`;
      const good = await readFile(join(settings.PKI_SERVER, "servercert.pem"), "utf8");
      const broken = ["nonsense", good.slice(0, good.length / 2), ""];
      const over = new AbortController();
      const visitors = Array.from({ length: 4 }, async () => {
        let calls = 0;
        while (!over.signal.aborted) {
          await using hypervisor = await Libvirt.open(uri);
          for (let i = 0; i < 20; i++, calls++) await hypervisor.hostname();
        }
        return calls;
      });
      await using resident = await Libvirt.open(uri);
      const reports = (): number => daemon.stderr().match(/keeps the certificates|read the certificates/g)?.length ?? 0;
      for (let round = 0; round < 12; round++) {
        await writeFile(join(folder, "servercert.pem"), round % 2 === 1 ? good : (broken[round % 3] ?? ""));
        const before = reports();
        daemon.kill("SIGHUP");
        await expect.poll(reports).toBeGreaterThan(before);
        expect(await resident.hostname()).not.toBe("");
      }
      over.abort();
      for (const calls of await Promise.all(visitors)) expect(calls).toBeGreaterThan(0);
    });

    describe.each(["TLS1.2", "TLS1.3"])("and gnutls-cli over %s", (version) => {
      const gnutls = async (...args: string[]): Promise<string> => {
        const priority = `--priority=NORMAL:-VERS-ALL:+VERS-${version}`;
        const { stdout } = await runProgram("timeout", [
          "2",
          "gnutls-cli",
          "127.0.0.1",
          "-p",
          port,
          priority,
          `--x509cafile=${settings.PKI_CA}`,
          ...args,
        ]);
        return stdout;
      };
      const shown = (pki: string): string[] => [
        `--x509certfile=${pki}/clientcert.pem`,
        `--x509keyfile=${pki}/clientkey.pem`,
      ];

      it("confirms a good certificate with one byte", async () => {
        expect(await gnutls(...shown(settings.PKI_CLIENT))).toContain("\u0001");
      });

      it("confirms neither none nor a wrong one", async () => {
        expect(await gnutls()).not.toContain("\u0001");
        expect(await gnutls(...shown(settings.PKI_CLIENT_OTHERCA))).not.toContain("\u0001");
      });
    });

    describe.each(["-tls1_2", "-tls1_3"])("and openssl s_client %s", (version) => {
      const sClient = async (...args: string[]): Promise<string> => {
        const { stdout } = await runProgram("timeout", [
          "2",
          "openssl",
          "s_client",
          "-quiet",
          version,
          "-connect",
          `127.0.0.1:${port}`,
          "-CAfile",
          settings.PKI_CA,
          ...args,
        ]);
        return stdout;
      };
      const shown = (pki: string): string[] => ["-cert", `${pki}/clientcert.pem`, "-key", `${pki}/clientkey.pem`];

      it("confirms a good certificate with one byte", async () => {
        expect(await sClient(...shown(settings.PKI_CLIENT))).toBe("\u0001");
      });

      it("says nothing to none and to a wrong one", async () => {
        expect(await sClient()).toBe("");
        expect(await sClient(...shown(settings.PKI_CLIENT_EXPIRED))).toBe("");
      });
    });

    it("offers no TLS 1.1", async () => {
      const { status, stdout } = await runProgram("timeout", [
        "5",
        "gnutls-cli",
        "127.0.0.1",
        "-p",
        port,
        "--insecure",
        "--priority=NORMAL:-VERS-ALL:+VERS-TLS1.1",
      ]);
      expect(status).not.toBe(0);
      expect(stdout).not.toContain("\u0001");
    });

    it("serves virsh while 200 half-open handshakes and some garbage hang on it", async () => {
      const hello = await readFile(repositoryPath("interop/helpers/client-hello.hex"), "utf8");
      const bytes = Buffer.from(hello.trim(), "hex");
      const sockets = await Promise.all(Array.from({ length: 200 }, () => dial(Number(port))));
      for (const [i, socket] of sockets.entries()) socket.write(i % 10 === 0 ? "garbage\r\n" : bytes);
      expect(await ask(settings.PKI_CLIENT)).toMatch(/^\S+$/);
      for (const socket of sockets) socket.destroy();
    });
  });

  describe("the text of distinguished names", () => {
    it("is that of virt-pki-query-dn", async () => {
      const folder = await mkdtemp(join(testbedDirectory(), "dn-"));
      const file = join(folder, "cert.pem");
      const { pem, keyPem } = issue({ name: oddName });
      await writeFile(file, pem + keyPem);
      const { stdout } = await runProgram("virt-pki-query-dn", [file]);
      const { pairs } = await pkiFiles({ ca: file, cert: file, key: file }, "client", { sanity: false });
      expect(pairs[0]?.chain[0]?.subject).toBe(stdout.replace(/\n$/, ""));
    });
  });
});

/** Every type that has a name, one that has none, and every character that is escaped, or is not. */
const oddName: NameParts = [
  ...["3", "4", "5", "7", "8", "9", "10", "11", "12", "13", "15", "17", "20", "41", "42", "43", "44", "46", "65"].map(
    (last) => [[`2.5.4.${last}`, `value ${last}`] as const],
  ),
  [["2.5.4.10", '#Acme; <x>=+"q" ']],
  [["2.5.4.11", "a\\b, c"]],
  [["2.5.4.7", "Köln #1"]],
  [["2.5.4.8", " "]],
  [
    ["0.9.2342.19200300.100.1.1", "me"],
    ["2.5.4.3", " lead space"],
  ],
  [["2.5.4.97", "VATDE-1"]],
  [["2.5.4.6", "DE"]],
  ...["5", "6", "20", "46", "3"].map((last) => [[`2.5.4.${last}`, "DE", "printableString"] as const]),
  ...["0.9.2342.19200300.100.1.25", "1.2.840.113549.1.9.1"].flatMap((type) => [
    [[type, "example", "ia5String"] as const],
    [[type, "example"] as const],
  ]),
  [["2.5.4.3", "example", "ia5String"]],
  [["2.5.4.3", "Köln", "bmpString"]],
];

function portOf({ ready }: Daemon): string {
  const found = /"port":(\d+)/.exec(JSON.stringify(ready))?.[1];
  if (found === undefined) throw new Error(`no port in ${JSON.stringify(ready)}`);
  return found;
}

async function dial(port: number): Promise<Socket> {
  const socket = connectTcp(port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}
