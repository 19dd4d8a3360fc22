import { access } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { TlsRole } from "./leaf-rules.ts";

/** Where the PEM files of one end are. */
export interface PkiPaths {
  /** At most 16 CA certificates. */
  readonly ca: string;
  readonly crl?: string;
  /** The certificate, then those that lead to a CA; one key belongs to it. A client may have neither. */
  readonly cert?: string;
  readonly key?: string;
}

/** All the files that one end may have. */
export interface PkiLocations {
  readonly ca: string;
  readonly crl: string | null;
  /** Whether the revocation list may be missing. */
  readonly crlOptional: boolean;
  readonly pairs: readonly PairLocation[];
}

export interface PairLocation {
  readonly cert: string;
  readonly key: string;
}

/** Further pairs are numbered from 0, as libvirt 11.10 does: servercert0.pem, … (F113). */
const NUMBERED_PAIRS = 10;

/** The files of an explicit directory, under libvirt's names (F098). */
export function locateIn(directory: string, role: TlsRole): PkiLocations {
  return {
    ca: join(directory, "cacert.pem"),
    crl: join(directory, "cacrl.pem"),
    crlOptional: true,
    pairs: pairsIn(directory, directory, role),
  };
}

/** The paths that the caller named. Throws `TypeError` for half a pair, and for a server without one. */
export function locateGiven({ ca, crl, cert, key }: PkiPaths, role: TlsRole): PkiLocations {
  if ((cert === undefined) !== (key === undefined))
    throw new TypeError(`cert and key belong together, but ${cert === undefined ? "cert" : "key"} is missing`);
  if (cert === undefined && role === "server") throw new TypeError("a server needs a certificate: name cert and key");
  const pairs = cert === undefined || key === undefined ? [] : [{ cert, key }];
  return { ca, crl: crl ?? null, crlOptional: false, pairs };
}

/**
 * libvirt's own places. Who is not root has `~/.pki/libvirt` first: CA and revocation list fall back to the system's one
 * by one, a certificate and its key only together (F098).
 */
export async function locateDefault(role: TlsRole, { home, root, privileged }: Surroundings): Promise<PkiLocations> {
  const system: PkiLocations = {
    ca: join(root, "CA/cacert.pem"),
    crl: join(root, "CA/cacrl.pem"),
    crlOptional: true,
    pairs: pairsIn(join(root, "libvirt"), join(root, "libvirt/private"), role),
  };
  if (privileged) return system;
  const user = locateIn(join(home, ".pki/libvirt"), role);
  const hasPair = await Promise.all(
    user.pairs.map(async ({ cert, key }) => (await exists(cert)) && (await exists(key))),
  );
  return {
    ca: (await exists(user.ca)) ? user.ca : system.ca,
    crl: user.crl !== null && (await exists(user.crl)) ? user.crl : system.crl,
    crlOptional: true,
    pairs: hasPair.includes(true) ? user.pairs : system.pairs,
  };
}

/** What decides where the default places are. */
export interface Surroundings {
  readonly home: string;
  /** `/etc/pki`, where libvirt looks on all systems. */
  readonly root: string;
  readonly privileged: boolean;
}

export function ownSurroundings(): Surroundings {
  return { home: homedir(), root: "/etc/pki", privileged: process.getuid?.() === 0 };
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function pairsIn(certs: string, keys: string, role: TlsRole): PairLocation[] {
  const suffixes = ["", ...Array.from({ length: NUMBERED_PAIRS }, (_, number) => String(number))];
  return suffixes.map((suffix) => ({
    cert: join(certs, `${role}cert${suffix}.pem`),
    key: join(keys, `${role}key${suffix}.pem`),
  }));
}
