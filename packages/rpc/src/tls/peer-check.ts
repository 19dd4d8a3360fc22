import type { X509Certificate } from "node:crypto";
import { isListed } from "../util/name-pattern.ts";
import { printable } from "../util/printable.ts";
import { type Certificate, parseCertificate } from "./certificate.ts";
import { isSelfIssued, MAX_CHAIN, type Trust, verifyChain } from "./chain.ts";
import { hostProblem } from "./host-name.ts";
import { ANY_PURPOSE, leafViolations, servesPurpose, type TlsRole } from "./leaf-rules.ts";
import { chainSent } from "./sent-chain.ts";

/** What is demanded of the other end. */
export interface PeerPolicy {
  /** The role of the end that is checked. */
  readonly role: TlsRole;
  readonly trust: Trust;
  /** Patterns for the distinguished name; everybody is listed when absent, nobody when empty (F106). */
  readonly allowedDn?: readonly string[] | undefined;
  /** The name by which a server was reached. */
  readonly host?: string | undefined;
}

/** What the handshake brought to light. */
export interface PeerEvidence {
  /** What the peer sent, the leaf first. */
  readonly certificates: readonly X509Certificate[];
  /** OpenSSL's verdict on the chain, such as `CERT_HAS_EXPIRED`; `null` when it found nothing. */
  readonly verdict: string | null;
}

export interface PeerFindings {
  readonly certificate: Certificate | null;
  /** Why the peer must be turned away, or `null`. */
  readonly problem: string | null;
  /** What is not as it should be, and no reason to turn it away. */
  readonly warnings: readonly string[];
}

/** Judges the other end after the handshake, in libvirt's order (libvirt-rpc §2.3). Never throws: odd bytes are a problem. */
export function checkPeer(evidence: PeerEvidence, policy: PeerPolicy, now: Date): PeerFindings {
  const [shown, ...others] = evidence.certificates.slice(0, MAX_CHAIN);
  if (shown === undefined) return refused(null, `the ${policy.role} sent no certificate`);
  try {
    const { authorities } = policy.trust;
    const above = chainSent(
      shown,
      others,
      authorities.map(({ x509 }) => x509),
    );
    const taken = (one: X509Certificate): Certificate => known(one, authorities) ?? parseCertificate(one);
    return judge(taken(shown), above.map(taken), evidence.verdict, policy, now);
  } catch {
    return refused(null, `the ${policy.role} sent a certificate that can't be read`);
  }
}

/** To take it apart is the dearest part of a check, and a chain mostly ends with a CA of ours. */
function known({ raw }: X509Certificate, authorities: readonly Certificate[]): Certificate | undefined {
  return authorities.find(({ x509 }) => x509.raw.equals(raw));
}

function judge(
  leaf: Certificate,
  others: readonly Certificate[],
  verdict: string | null,
  policy: PeerPolicy,
  now: Date,
): PeerFindings {
  const walk = verifyChain(leaf, others, policy.trust, policy.role, now);
  const problem =
    (walk.chain === null ? walk.problem + withheld(walk.isLost && verdict === null) : null) ??
    verdictProblem(verdict, walk.chain ?? [], policy.role) ??
    listProblem(leaf, policy) ??
    (policy.host === undefined ? null : hostProblem(leaf, policy.host));
  if (problem !== null) return refused(leaf, problem);
  const violations = leafViolations(leaf, policy.role);
  const fatal = violations.find((violation) => violation.fatal);
  if (fatal !== undefined) return refused(leaf, fatal.problem);
  return { certificate: leaf, problem: null, warnings: violations.map((violation) => printable(violation.problem)) };
}

function refused(certificate: Certificate | null, problem: string): PeerFindings {
  return { certificate, problem: printable(problem), warnings: [] };
}

/** OpenSSL knows a way, so the client did send the CAs between. */
function withheld(areBetween: boolean): string {
  if (!areBetween) return "";
  return (
    `; Node ${process.version} does not hand on the CAs that clients send (nodejs/node#65579): append them to the CA ` +
    "file, or use another version"
  );
}

/**
 * What OpenSSL found last. Where it is stricter than GnuTLS, and the chain has what it then stumbles on, that verdict
 * does not count: whatever else it may have found before, our own walk has looked at, and the leaf's rules follow.
 */
function verdictProblem(verdict: string | null, chain: readonly Certificate[], role: TlsRole): string | null {
  if (verdict === null) return null;
  const isExplained = EXPLANATIONS[verdict] ?? ((): boolean => false);
  if (isExplained(chain, role)) return null;
  // Node has no names for the newer half of OpenSSL's verdicts.
  const hint = verdict === "UNSPECIFIED" ? ", as with names that a CA above it may not give (name constraints)" : "";
  return `the certificate is not valid: OpenSSL says ${verdict}${hint}`;
}

const EXPLANATIONS: Readonly<Record<string, (chain: readonly Certificate[], role: TlsRole) => boolean>> = {
  // It takes a usage or purpose that is not critical as seriously as one that is, also in a trusted CA, and knows no "any".
  INVALID_PURPOSE: (chain, role) => chain.some((certificate, depth) => isOddlyMeant(certificate, depth, role)),
  // It wants a chain to end at a root; Node lets clients alone tell it otherwise.
  UNABLE_TO_GET_ISSUER_CERT: (chain) => chain.slice(-1).some((anchor) => !isSelfIssued(anchor)),
};

function isOddlyMeant(certificate: Certificate, depth: number, role: TlsRole): boolean {
  const signs = depth > 0 || certificate.usage === null || certificate.usage.value.digitalSignature;
  return !signs || !servesPurpose(certificate, role) || certificate.purposes?.value.includes(ANY_PURPOSE) === true;
}

function listProblem({ subject }: Certificate, { allowedDn, role }: PeerPolicy): string | null {
  return isListed(subject, allowedDn) ? null : `the ${role} ${subject} is not on the list of allowed names`;
}
