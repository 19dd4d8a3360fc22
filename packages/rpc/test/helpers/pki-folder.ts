import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { TlsRole } from "../../src/tls/leaf-rules.ts";
import type { Issued } from "./pki.ts";

export interface FolderContents {
  readonly ca?: readonly Issued[];
  readonly crl?: string;
  /** The leaf first. */
  readonly chain?: readonly Issued[];
  /** Instead of the leaf's own. */
  readonly key?: string;
}

/** A directory with libvirt's file names, which goes with the test. */
export async function pkiFolder(role: TlsRole, { ca, crl, chain, key }: FolderContents): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "virnet-pki-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await fillFolder(folder, role, {
    ...(ca && { ca }),
    ...(crl && { crl }),
    ...(chain && { chain }),
    ...(key && { key }),
  });
  return folder;
}

/** Writes these files, over those that are there. */
export async function fillFolder(folder: string, role: TlsRole, contents: FolderContents): Promise<void> {
  const { ca, crl, chain, key = chain?.[0]?.keyPem } = contents;
  const pems = (list: readonly Issued[]): string => list.map(({ pem }) => pem).join("");
  if (ca !== undefined) await writeFile(join(folder, "cacert.pem"), pems(ca));
  if (crl !== undefined) await writeFile(join(folder, "cacrl.pem"), crl);
  if (chain !== undefined) await writeFile(join(folder, `${role}cert.pem`), pems(chain));
  if (key !== undefined) await writeFile(join(folder, `${role}key.pem`), key);
}
