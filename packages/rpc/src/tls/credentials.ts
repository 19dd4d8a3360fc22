import { createPrivateKey, type KeyObject } from "node:crypto";
import { open } from "node:fs/promises";
import { type Certificate, parseCertificate } from "./certificate.ts";
import { MAX_CHAIN, type Trust } from "./chain.ts";
import { CredentialsError } from "./credentials-error.ts";
import type { TlsRole } from "./leaf-rules.ts";
import { checkOwn, type FromFile, type OwnFiles, type OwnPair } from "./own-check.ts";
import { pemBlocks } from "./pem.ts";
import {
  locateDefault,
  locateGiven,
  locateIn,
  ownSurroundings,
  type PairLocation,
  type PkiLocations,
  type PkiPaths,
} from "./pki-paths.ts";
import { parseRevocationList } from "./revocation-list.ts";

/** One end's certificates and keys, read and checked. Keys are objects that print nothing of themselves. */
export interface Credentials {
  readonly role: TlsRole;
  readonly trust: Trust;
  /** For a peer to choose from: one per kind of key. */
  readonly pairs: readonly Identity[];
  /** What is not as it should be in the files, and no reason to refuse them. */
  readonly warnings: readonly string[];
  /** Reads the same files again; rejects as the first time did. */
  readonly reload: () => Promise<Credentials>;
  /**
   * What connections have loaded these into, by priority string, for those that follow; the connections fill it. It is
   * used for the very `trust` and `pairs` it was made of: a copy with others of either gets a context of its own.
   */
  readonly contexts: Map<string, LoadedContext>;
}

export interface LoadedContext {
  /** Node's `SecureContext`, which nobody here looks into. */
  readonly secure: { context: unknown };
  readonly trust: Trust;
  readonly pairs: readonly Identity[];
}

export interface Identity {
  /** The certificate first, then what leads to a CA. */
  readonly chain: readonly Certificate[];
  readonly key: KeyObject;
}

export interface PkiOptions {
  /** `false` skips the checks of our own files, as libvirt's `no_sanity` does. Peers are checked all the same. */
  readonly sanity?: boolean;
  /** Asked for the passphrase of a key that is encrypted. */
  readonly passphrase?: (keyFile: string) => string | Promise<string>;
}

/** libvirt's own limits (libvirt-rpc §2.3). */
const FILE_BYTES = 65_536;
/** A revocation list grows with what it lists, and libvirt reads any. */
const REVOCATION_FILE_BYTES = 16_777_216;

/**
 * Reads and checks the files of one end: in a directory under libvirt's names (`pkipath`), at paths of their own, or,
 * for `null`, in libvirt's default places. Rejects with {@link CredentialsError} for a file that is missing, broken, or
 * breaks a rule that libvirt takes seriously, and with `TypeError` for paths that can't be enough.
 */
export async function pkiFiles(
  source: string | PkiPaths | null,
  role: TlsRole,
  options: PkiOptions = {},
): Promise<Credentials> {
  const files = await readFiles(await locate(source, role), role, options);
  const found = options.sanity === false ? [] : checkOwn(files, role, new Date());
  const fatal = found.find((violation) => violation.fatal);
  if (fatal !== undefined) throw new CredentialsError(fatal.file, fatal.rule, fatal.problem, fatal.fix);
  return {
    role,
    trust: files.trust,
    pairs: files.pairs.map(({ chain, key }) => ({ chain: chain.value, key: key.value })),
    warnings: found.map(({ file, problem, rule, fix }) => `${file}: ${problem} (${rule}); ${fix}`),
    reload: () => pkiFiles(source, role, options),
    contexts: new Map(),
  };
}

function locate(source: string | PkiPaths | null, role: TlsRole): PkiLocations | Promise<PkiLocations> {
  if (source === null) return locateDefault(role, ownSurroundings());
  return typeof source === "string" ? locateIn(source, role) : locateGiven(source, role);
}

async function readFiles(where: PkiLocations, role: TlsRole, options: PkiOptions): Promise<OwnFiles> {
  const authorities = { file: where.ca, value: certificatesIn(where.ca, await required(where.ca, "the CA file")) };
  const revocations = where.crl === null ? null : await readRevocations(where.crl, where.crlOptional);
  const pairs: OwnPair[] = [];
  for (const location of where.pairs) {
    const pair = await readPair(location, options);
    if (pair !== null) pairs.push(pair);
  }
  const [first] = where.pairs;
  if (role === "server" && pairs.length === 0 && first !== undefined) await required(first.cert, "the certificate");
  if (pairs.length === 0 && first !== undefined && role === "server") await required(first.key, "the key");
  const trust = { authorities: authorities.value, revocations: revocations?.value ?? [] };
  return { authorities, trust, revocationFile: revocations?.file ?? null, pairs };
}

/** `null` when the certificate or the key is missing: who has only one has none, as in libvirt. */
async function readPair({ cert, key }: PairLocation, options: PkiOptions): Promise<OwnPair | null> {
  const certText = await read(cert, FILE_BYTES);
  const keyText = certText === null ? null : await read(key, FILE_BYTES);
  if (certText === null || keyText === null) return null;
  return {
    chain: { file: cert, value: certificatesIn(cert, certText) },
    key: { file: key, value: await readKey(key, keyText, options) },
  };
}

async function required(file: string, what: string): Promise<string> {
  const text = await read(file, FILE_BYTES);
  if (text === null)
    throw new CredentialsError(file, "file", `${what} is missing`, "put it there, or name another place");
  return text;
}

/** The text of a file, `null` if there is none. One byte more than allowed is read at most. */
async function read(file: string, limit: number): Promise<string | null> {
  try {
    await using handle = await open(file);
    const { size } = await handle.stat();
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(Math.min(size, limit) + 1));
    if (bytesRead <= limit) return buffer.toString("latin1", 0, bytesRead);
  } catch (error) {
    if (isAbsent(error)) return null;
    throw new CredentialsError(file, "file", `can't be read: ${messageOf(error)}`, "check its permissions", {
      cause: error,
    });
  }
  throw new CredentialsError(file, "file", `is larger than ${limit} bytes`, "leave out what is no PEM block");
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

function certificatesIn(file: string, text: string): Certificate[] {
  const blocks = pemBlocks(text, "CERTIFICATE");
  if (blocks.length === 0)
    throw new CredentialsError(file, "PEM", "holds no certificate", "expected -----BEGIN CERTIFICATE-----");
  if (blocks.length > MAX_CHAIN)
    throw new CredentialsError(file, "PEM", `holds ${blocks.length} certificates`, `at most ${MAX_CHAIN} are allowed`);
  return blocks.map((block, index) => parsed(file, `certificate ${index + 1}`, () => parseCertificate(block)));
}

async function readRevocations(file: string, optional: boolean): Promise<FromFile<Trust["revocations"]> | null> {
  const text = await read(file, REVOCATION_FILE_BYTES);
  if (text === null && optional) return null;
  const blocks = pemBlocks(text ?? "", "X509 CRL");
  if (blocks.length === 0)
    throw new CredentialsError(file, "PEM", "holds no revocation list", "expected -----BEGIN X509 CRL-----");
  const value = blocks.map((block, index) => parsed(file, `list ${index + 1}`, () => parseRevocationList(block)));
  return { file, value };
}

function parsed<T>(file: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new CredentialsError(file, "PEM", `${what} can't be read`, "make it anew", { cause: error });
  }
}

/** The reasons of failed keys are not passed on: nothing about a key or its passphrase may reach a log. */
async function readKey(file: string, text: string, options: PkiOptions): Promise<KeyObject> {
  if (!/ENCRYPTED/.test(text)) return privateKey(file, text, undefined, "is no private key in PEM");
  if (options.passphrase === undefined)
    throw new CredentialsError(file, "key", "is encrypted", "give the option passphrase, or decrypt it");
  return privateKey(file, text, await options.passphrase(file), "can't be decrypted with the passphrase given");
}

function privateKey(file: string, text: string, passphrase: string | undefined, problem: string): KeyObject {
  try {
    return createPrivateKey({ key: text, format: "pem", ...(passphrase === undefined ? {} : { passphrase }) });
  } catch {
    throw new CredentialsError(file, "key", problem, "put the key of the certificate there");
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
