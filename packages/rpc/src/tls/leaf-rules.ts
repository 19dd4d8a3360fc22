import type { Certificate } from "./certificate.ts";

/** Which end of a connection shows a certificate. */
export type TlsRole = "client" | "server";

/** What a certificate breaks. */
export interface Violation {
  readonly rule:
    | "validity"
    | "basic constraints"
    | "key usage"
    | "key purpose"
    | "chain"
    | "revocation"
    | "algorithm"
    | "key";
  readonly problem: string;
  readonly fix: string;
  /** Otherwise only worth a warning. */
  readonly fatal: boolean;
}

const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
/** anyExtendedKeyUsage. */
export const ANY_PURPOSE = "2.5.29.37.0";

/**
 * What libvirt demands of the certificate at one end, one's own as well as the peer's: it is no CA, may sign, and serves
 * the role. An extension that is missing is fine, and one not marked critical only warns (libvirt-rpc §2.3).
 */
export function leafViolations(certificate: Certificate, role: TlsRole): Violation[] {
  return [constraintsViolation(certificate), usageViolation(certificate), purposeViolation(certificate, role)].filter(
    (violation) => violation !== null,
  );
}

/** Whether the key may be used for this role by the letter: one without purposes may be used for all. */
export function servesPurpose({ purposes }: Certificate, role: TlsRole): boolean {
  const wanted = role === "server" ? SERVER_AUTH : CLIENT_AUTH;
  return purposes === null || purposes.value.includes(wanted) || purposes.value.includes(ANY_PURPOSE);
}

function constraintsViolation({ subject, constraints }: Certificate): Violation | null {
  if (constraints === null || !constraints.value.ca) return null;
  return {
    rule: "basic constraints",
    problem: `the certificate of ${subject} is a CA's, expected one of a client or server`,
    fix: "issue a certificate with CA:FALSE, and keep the CA's for signing",
    fatal: true,
  };
}

/** Key encipherment, which libvirt demanded before 11.6, is no longer asked for: keys on curves can't have it. */
function usageViolation({ subject, usage }: Certificate): Violation | null {
  if (usage === null || usage.value.digitalSignature) return null;
  return {
    rule: "key usage",
    problem: `the key usage of ${subject} does not include digital signature`,
    fix: "issue the certificate with digitalSignature (certtool: signing_key)",
    fatal: usage.critical,
  };
}

/** As in libvirt, an OID that is neither role's allows both; unlike there, "any purpose" does too. */
function purposeViolation({ subject, purposes }: Certificate, role: TlsRole): Violation | null {
  if (purposes === null) return null;
  const wanted = role === "server" ? SERVER_AUTH : CLIENT_AUTH;
  const other = role === "server" ? CLIENT_AUTH : SERVER_AUTH;
  const fits = purposes.value.some((oid) => oid === wanted || oid === ANY_PURPOSE || oid !== other);
  if (fits) return null;
  return {
    rule: "key purpose",
    problem: `the key purpose of ${subject} does not include TLS ${role}`,
    fix: `issue the certificate with ${role}Auth (certtool: tls_www_${role})`,
    fatal: purposes.critical,
  };
}
