import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { locateDefault } from "../../src/tls/pki-paths.ts";

/** A home and a system directory with these files, and where a client finds its own. */
async function found(
  files: readonly string[],
  privileged = false,
): Promise<{ ca: string; crl: string; cert: string; key: string }> {
  const folder = await mkdtemp(join(tmpdir(), "virnet-places-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const file of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), "");
  }
  const surroundings = { home: join(folder, "home"), root: join(folder, "pki"), privileged };
  const { ca, crl, pairs } = await locateDefault("client", surroundings);
  const relative = (path = ""): string => path.slice(folder.length + 1);
  return { ca: relative(ca), crl: relative(crl ?? ""), cert: relative(pairs[0]?.cert), key: relative(pairs[0]?.key) };
}

const user = "home/.pki/libvirt";
const system = {
  ca: "pki/CA/cacert.pem",
  crl: "pki/CA/cacrl.pem",
  cert: "pki/libvirt/clientcert.pem",
  key: "pki/libvirt/private/clientkey.pem",
};
const pair = { cert: `${user}/clientcert.pem`, key: `${user}/clientkey.pem` };

it("are the system's where the user has none", async () => {
  expect(await found([])).toEqual(system);
});

it("are the user's one by one, but a certificate and its key only together", async () => {
  expect(await found([`${user}/cacert.pem`])).toEqual({ ...system, ca: `${user}/cacert.pem` });
  expect(await found([`${user}/cacrl.pem`, pair.cert])).toEqual({ ...system, crl: `${user}/cacrl.pem` });
  expect(await found([pair.cert, pair.key])).toEqual({ ...system, ...pair });
});

it("are the system's for root, whatever its home has", async () => {
  expect(await found([`${user}/cacert.pem`, pair.cert, pair.key], true)).toEqual(system);
});
