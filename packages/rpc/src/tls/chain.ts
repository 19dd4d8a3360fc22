import type { KeyObject } from "node:crypto";
import type { Certificate } from "./certificate.ts";
import { servesPurpose, type TlsRole } from "./leaf-rules.ts";
import type { RevocationList } from "./revocation-list.ts";
import { isSignedBy } from "./sent-chain.ts";
import { signatureOf } from "./signature-algorithm.ts";

/** Whom to believe. Every certificate in the list is a root of trust, as with GnuTLS. */
export interface Trust {
  readonly authorities: readonly Certificate[];
  readonly revocations: readonly RevocationList[];
}

/** A chain has at most this many certificates, as has a file of ours (libvirt-rpc §2.3). */
export const MAX_CHAIN = 16;
/** Signatures checked to find a chain: a peer that sends a maze gets lost in it. */
const MAX_ATTEMPTS = 64;
/** Below 80 bits of security, which GnuTLS's default refuses too. */
const MIN_RSA_BITS = 1024;
const MIN_CURVE_BITS = 160;

/** `isLost` where no way leads to a trusted certificate, not even a bad one. */
export type ChainResult =
  | { readonly chain: readonly Certificate[]; readonly problem: null }
  | { readonly chain: null; readonly problem: string; readonly isLost: boolean };

/**
 * The way from the certificate of a client or server to a trusted one, by names and signatures, over `intermediates` if
 * need be, on which nothing is wrong: times, constraints, weak signatures, revocation. Where there are only bad ways, what
 * is wrong with the first.
 */
export function verifyChain(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  trust: Trust,
  role: TlsRole,
  now: Date,
): ChainResult {
  const search = new PathSearch(intermediates, trust.authorities, (chain) => firstProblem(chain, trust, role, now));
  const chain = search.from([leaf]);
  if (chain !== undefined) return { chain, problem: null };
  const { problem } = search;
  return { chain: null, problem: problem ?? noChain(leaf, trust), isLost: problem === undefined };
}

/** What is wrong with the times of a certificate, or `null`. */
export function timeProblem({ subject, notBefore, notAfter }: Certificate, now: Date): string | null {
  if (now > notAfter) return `the certificate of ${subject} expired on ${day(notAfter)}`;
  return now < notBefore ? `the certificate of ${subject} is not valid before ${day(notBefore)}` : null;
}

/** What is wrong with how a certificate is signed or with the size of its key, or `null`. */
export function weakness(certificate: Certificate): string | null {
  const { subject, x509, signatureAlgorithm } = certificate;
  const algorithm = signatureOf(signatureAlgorithm);
  if (algorithm?.weak !== false && !isSelfIssued(certificate)) {
    const name = algorithm === undefined ? `the algorithm ${signatureAlgorithm}` : algorithm.name;
    return `the certificate of ${subject} is signed with ${name}, which ${algorithm ? "can be forged" : "is unknown here"}`;
  }
  return keyProblem(subject, x509.publicKey);
}

function keyProblem(subject: string, { asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | null {
  const isCurve = asymmetricKeyType === "ec";
  // All names of curves tell their size; a curve without one is of its owner's making.
  const bits = isCurve
    ? Number(/\d{3}/.exec(asymmetricKeyDetails?.namedCurve ?? "000")?.[0])
    : asymmetricKeyDetails?.modulusLength;
  const least = isCurve ? MIN_CURVE_BITS : MIN_RSA_BITS;
  return bits === undefined || bits >= least
    ? null
    : `the key of ${subject} has only ${bits} bits, expected at least ${least}`;
}

export function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

export function isSelfIssued({ subjectKey, issuerKey }: Certificate): boolean {
  return subjectKey === issuerKey;
}

/** Follows names and signatures upwards until a way to a trusted certificate pleases the judge. */
class PathSearch {
  readonly #intermediates: readonly Certificate[];
  readonly #anchors: readonly Certificate[];
  readonly #judge: (chain: readonly Certificate[]) => string | null;
  #attempts = 0;
  #problem: string | undefined;

  constructor(
    intermediates: readonly Certificate[],
    anchors: readonly Certificate[],
    judge: (chain: readonly Certificate[]) => string | null,
  ) {
    this.#intermediates = intermediates;
    this.#anchors = anchors;
    this.#judge = judge;
  }

  /** What was wrong with the first way that led to a trusted certificate. */
  get problem(): string | undefined {
    return this.#problem;
  }

  from(path: readonly Certificate[]): readonly Certificate[] | undefined {
    const last = path[path.length - 1];
    if (last === undefined || path.length > MAX_CHAIN) return undefined;
    if (this.#anchors.some((anchor) => same(anchor, last))) return this.#judged(path);
    for (const anchor of this.#anchors) {
      const found = this.#issued(anchor, last) ? this.#judged([...path, anchor]) : undefined;
      if (found !== undefined) return found;
    }
    for (const next of this.#intermediates) {
      if (path.includes(next) || !this.#issued(next, last)) continue;
      const found = this.from([...path, next]);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #judged(chain: readonly Certificate[]): readonly Certificate[] | undefined {
    const problem = this.#judge(chain);
    if (problem === null) return chain;
    this.#problem ??= problem;
    return undefined;
  }

  #issued(issuer: Certificate, subject: Certificate): boolean {
    if (issuer.subjectKey !== subject.issuerKey || this.#attempts >= MAX_ATTEMPTS) return false;
    this.#attempts++;
    return isSignedBy(subject.x509, issuer.x509);
  }
}

function same(a: Certificate, b: Certificate): boolean {
  return a.x509.raw.equals(b.x509.raw);
}

function noChain(leaf: Certificate, { authorities }: Trust): string {
  if (isSelfIssued(leaf)) return `the certificate of ${leaf.subject} is signed by itself and not in the CA file`;
  const known = authorities.some(({ subjectKey }) => subjectKey === leaf.issuerKey);
  return known
    ? `the certificate of ${leaf.subject} names ${leaf.issuer} as its issuer, but another key than that CA's signed it`
    : `the certificate of ${leaf.subject} was issued by ${leaf.issuer}, which leads to no CA that is trusted here`;
}

function firstProblem(chain: readonly Certificate[], trust: Trust, role: TlsRole, now: Date): string | null {
  for (const [depth, certificate] of chain.entries()) {
    const isAnchor = depth === chain.length - 1;
    const problem =
      timeProblem(certificate, now) ??
      extensionProblem(certificate) ??
      (isAnchor ? null : weakness(certificate)) ??
      (depth > 0 ? authorityProblem(certificate, depth) : null) ??
      (depth > 0 && !isAnchor ? purposeProblem(certificate, role) : null) ??
      revocationProblem(certificate, chain[depth + 1], trust, now);
    if (problem !== null) return problem;
  }
  return null;
}

function extensionProblem({ subject, notUnderstood }: Certificate): string | null {
  if (notUnderstood.length === 0) return null;
  return `the certificate of ${subject} has a critical extension that is unknown here (${notUnderstood[0]})`;
}

/** `depth` counts from the leaf, so `depth - 1` CAs stand below this one. */
function authorityProblem({ subject, constraints, usage }: Certificate, depth: number): string | null {
  if (constraints === null || !constraints.value.ca) return `${subject} issued a certificate and is no CA`;
  if (usage !== null && !usage.value.keyCertSign) return `${subject} may not sign certificates`;
  const { pathLength } = constraints.value;
  return pathLength !== null && depth - 1 > pathLength
    ? `${subject} allows ${pathLength} CAs below it, the chain has more`
    : null;
}

/** A CA that was set up for mail or code, say, vouches for nobody here. */
function purposeProblem(certificate: Certificate, role: TlsRole): string | null {
  if (servesPurpose(certificate, role)) return null;
  return `${certificate.subject} is a CA for other purposes than TLS ${role}s`;
}

function revocationProblem(
  { subject, issuerKey, serial }: Certificate,
  issuer: Certificate | undefined,
  { authorities, revocations }: Trust,
  now: Date,
): string | null {
  for (const list of revocations) {
    if (list.issuerKey !== issuerKey) continue;
    // Whoever trusts a CA below a root and has the root's list wants to know when the root takes that CA back.
    const signers = authorities.filter(({ subjectKey }) => subjectKey === issuerKey);
    if (![...(issuer ? [issuer] : []), ...signers].some((signer) => list.signedBy(signer))) continue;
    if (list.serials.has(serial)) return `the certificate of ${subject} is revoked`;
    if (list.nextUpdate !== null && now > list.nextUpdate)
      return `the revocation list of ${list.issuer} is out of date since ${day(list.nextUpdate)}`;
  }
  return null;
}
