import { type Certificate, parseCertificate } from "./certificate.ts";
import { MAX_CHAIN, type Trust, verifyChain } from "./chain.ts";
import { hostProblem } from "./host-name.ts";
import { leafViolations, type TlsRole } from "./leaf-rules.ts";
import { isListed } from "./name-pattern.ts";

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
  /** DER of what the peer sent, the leaf first. */
  readonly certificates: readonly Uint8Array[];
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
  const [der, ...others] = evidence.certificates.slice(0, MAX_CHAIN);
  if (der === undefined) return refused(null, `the ${policy.role} sent no certificate`);
  try {
    const parse = (one: Uint8Array): Certificate => known(one, policy.trust) ?? parseCertificate(one);
    return judge(parse(der), others.map(parse), evidence.verdict, policy, now);
  } catch {
    return refused(null, `the ${policy.role} sent a certificate that can't be read`);
  }
}

/** Parsing is the dearest part of a check, and a chain mostly ends with a CA of ours. */
function known(der: Uint8Array, { authorities }: Trust): Certificate | undefined {
  return authorities.find(({ x509 }) => x509.raw.equals(der));
}

function judge(
  leaf: Certificate,
  others: readonly Certificate[],
  verdict: string | null,
  policy: PeerPolicy,
  now: Date,
): PeerFindings {
  const problem =
    verifyChain(leaf, others, policy.trust, now).problem ??
    verdictProblem(verdict) ??
    listProblem(leaf, policy) ??
    (policy.host === undefined ? null : hostProblem(leaf, policy.host));
  if (problem !== null) return refused(leaf, problem);
  const violations = leafViolations(leaf, policy.role);
  const fatal = violations.find((violation) => violation.fatal);
  if (fatal !== undefined) return refused(leaf, fatal.problem);
  return { certificate: leaf, problem: null, warnings: violations.map((violation) => violation.problem) };
}

function refused(certificate: Certificate | null, problem: string): PeerFindings {
  return { certificate, problem, warnings: [] };
}

/**
 * Where OpenSSL is stricter than GnuTLS: it takes a key usage or purpose that is not critical as seriously as one that
 * is, and wants a chain to end at a root. Each is the last thing it found, and our own look at the chain found nothing,
 * so these alone do not count; the leaf's rules follow.
 */
const TOLERATED: ReadonlySet<string> = new Set(["INVALID_PURPOSE", "UNABLE_TO_GET_ISSUER_CERT"]);

function verdictProblem(verdict: string | null): string | null {
  return verdict === null || TOLERATED.has(verdict) ? null : `the certificate is not valid: ${verdict}`;
}

function listProblem({ subject }: Certificate, { allowedDn, role }: PeerPolicy): string | null {
  return isListed(subject, allowedDn) ? null : `the ${role} ${subject} is not on the list of allowed names`;
}
