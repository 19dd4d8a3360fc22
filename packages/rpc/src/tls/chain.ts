import type { Certificate } from "./certificate.ts";
import type { RevocationList } from "./revocation-list.ts";
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

export type ChainResult =
  | { readonly chain: readonly Certificate[]; readonly problem: null }
  | { readonly chain: null; readonly problem: string };

/**
 * The way from a certificate to a trusted one, by names and signatures, over `intermediates` if need be; then what is
 * wrong with any certificate on it: times, constraints, weak signatures, revocation.
 */
export function verifyChain(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  trust: Trust,
  now: Date,
): ChainResult {
  const chain = new PathFinder(intermediates, trust.authorities).find([leaf]);
  if (chain === undefined) return { chain: null, problem: noChain(leaf, trust) };
  const problem = firstProblem(chain, trust.revocations, now);
  return problem === null ? { chain, problem } : { chain: null, problem };
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
  if (algorithm?.weak === true && !isSelfIssued(certificate))
    return `the certificate of ${subject} is signed with ${algorithm.name}, which can be forged`;
  const bits = x509.publicKey.asymmetricKeyDetails?.modulusLength;
  if (bits === undefined || bits >= MIN_RSA_BITS) return null;
  return `the key of ${subject} has only ${bits} bits, expected at least ${MIN_RSA_BITS}`;
}

export function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

export function isSelfIssued({ subjectKey, issuerKey }: Certificate): boolean {
  return subjectKey === issuerKey;
}

class PathFinder {
  readonly #intermediates: readonly Certificate[];
  readonly #anchors: readonly Certificate[];
  #attempts = 0;

  constructor(intermediates: readonly Certificate[], anchors: readonly Certificate[]) {
    this.#intermediates = intermediates;
    this.#anchors = anchors;
  }

  find(path: readonly Certificate[]): readonly Certificate[] | undefined {
    const last = path[path.length - 1];
    if (last === undefined || path.length > MAX_CHAIN) return undefined;
    if (this.#anchors.some((anchor) => same(anchor, last))) return path;
    const anchor = this.#anchors.find((candidate) => this.#issued(candidate, last));
    if (anchor !== undefined) return [...path, anchor];
    for (const next of this.#intermediates) {
      if (path.includes(next) || !this.#issued(next, last)) continue;
      const found = this.find([...path, next]);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #issued(issuer: Certificate, subject: Certificate): boolean {
    if (issuer.subjectKey !== subject.issuerKey || this.#attempts >= MAX_ATTEMPTS) return false;
    this.#attempts++;
    return isSignedBy(subject, issuer);
  }
}

function isSignedBy(subject: Certificate, issuer: Certificate): boolean {
  try {
    return subject.x509.verify(issuer.x509.publicKey);
  } catch {
    return false; // a key of another kind than the signature's
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

function firstProblem(chain: readonly Certificate[], lists: readonly RevocationList[], now: Date): string | null {
  for (const [depth, certificate] of chain.entries()) {
    const problem =
      timeProblem(certificate, now) ??
      (depth < chain.length - 1 ? weakness(certificate) : null) ??
      (depth > 0 ? authorityProblem(certificate, depth) : null) ??
      revocationProblem(certificate, chain[depth + 1], lists, now);
    if (problem !== null) return problem;
  }
  return null;
}

/** `depth` counts from the leaf, so `depth - 1` CAs stand below this one. */
function authorityProblem({ subject, constraints, usage }: Certificate, depth: number): string | null {
  if (constraints === null || !constraints.value.ca) return `${subject} issued a certificate and is no CA`;
  if (usage !== null && usage.critical && !usage.value.keyCertSign) return `${subject} may not sign certificates`;
  const { pathLength } = constraints.value;
  return pathLength !== null && depth - 1 > pathLength
    ? `${subject} allows ${pathLength} CAs below it, the chain has more`
    : null;
}

function revocationProblem(
  { subject, issuerKey, serial }: Certificate,
  issuer: Certificate | undefined,
  lists: readonly RevocationList[],
  now: Date,
): string | null {
  if (issuer === undefined) return null;
  for (const list of lists) {
    if (list.issuerKey !== issuerKey || !list.signedBy(issuer)) continue;
    if (list.serials.has(serial)) return `the certificate of ${subject} is revoked`;
    if (list.nextUpdate !== null && now > list.nextUpdate)
      return `the revocation list of ${list.issuer} is out of date since ${day(list.nextUpdate)}`;
  }
  return null;
}
