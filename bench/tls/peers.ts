import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { isInstalled } from "../calls/installed.ts";

/** A server that libvirt's clients and ours reach over TLS. */
export interface TlsPlace {
  readonly server: "libvirtd" | "testd";
  readonly uri: string;
  /** With a driver that has a host name. */
  readonly callUri: string;
  /** A storage pool it has. */
  readonly pool: string;
}

const execute = promisify(execFile);

/**
 * Starts the real libvirtd and the stand-in and lets `use` have both, with a directory for its files; `undefined` where
 * libvirt is not installed.
 */
export async function withTlsPeers<T>(
  testdBin: string,
  testbed: string,
  use: (places: readonly TlsPlace[], folder: string) => Promise<T>,
): Promise<T | undefined> {
  if (!(await isInstalled("libvirtd")) || !(await isInstalled("virsh"))) return undefined;
  const folder = await mkdtemp("/tmp/bench-");
  const env = { ...process.env, TESTBED_DIR: folder };
  const up = (...args: string[]): Promise<unknown> => execute(join(testbed, "up"), args, { env, timeout: 60_000 });
  const pki = join(folder, "pki");
  try {
    await up("libvirtd-tls"); // makes the certificates
    const port = await freePort();
    await up(...settings(pki, port).flatMap((line) => ["--set", line]), "libvirtd");
    const at = (scheme: string, path: string): string =>
      `${scheme}+tls://localhost:${port}/${path}?pkipath=${join(pki, "client")}`;
    const uris = { uri: at("storage", "system"), callUri: at("test", "default") };
    const libvirtd = { server: "libvirtd", ...uris, pool: "testbed" } as const;
    return await withTestd(testdBin, pki, (testd) => use([libvirtd, testd], folder));
  } finally {
    await execute(join(testbed, "down"), ["--wipe"], { env, timeout: 60_000 });
    await rm(folder, { recursive: true, force: true });
  }
}

async function withTestd<T>(bin: string, pki: string, use: (place: TlsPlace) => Promise<T>): Promise<T> {
  const testd = execFile(process.execPath, [bin, "--tls", "localhost:0", "--pki", join(pki, "server")]);
  try {
    const announced = await new Promise<string>((resolve) => testd.stdout?.once("data", resolve));
    const uri = `${/test\+tls:[^']*/.exec(announced)?.[0]}?pkipath=${join(pki, "client")}`;
    return await use({ server: "testd", uri, callUri: uri, pool: "default-pool" });
  } finally {
    testd.kill();
  }
}

/** The test bed's libvirtd with drivers has no TLS of its own accord. */
function settings(pki: string, port: number): string[] {
  return [
    "listen_tls = 1",
    `tls_port = "${port}"`,
    'auth_tls = "none"',
    `ca_file = "${join(pki, "ca/cacert.pem")}"`,
    `cert_file = "${join(pki, "server/servercert.pem")}"`,
    `key_file = "${join(pki, "server/serverkey.pem")}"`,
  ];
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // of a TCP server
  await new Promise((resolve) => server.close(resolve));
  return port;
}
