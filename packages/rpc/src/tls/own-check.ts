import { createPublicKey, type KeyObject } from "node:crypto";
import type { Certificate } from "./certificate.ts";
import { day, isSelfIssued, type Trust, timeProblem, verifyChain, weakness } from "./chain.ts";
import { leafViolations, type TlsRole, type Violation } from "./leaf-rules.ts";

/** Where a thing came from. */
export interface FromFile<T> {
  readonly file: string;
  readonly value: T;
}

/** Our own files, as far as they are there. */
export interface OwnFiles {
  readonly authorities: FromFile<readonly Certificate[]>;
  readonly trust: Trust;
  readonly revocationFile: string | null;
  readonly pairs: readonly OwnPair[];
}

export interface OwnPair {
  /** The leaf first, then what leads to a CA. */
  readonly chain: FromFile<readonly Certificate[]>;
  readonly key: FromFile<KeyObject>;
}

export interface FileViolation extends Violation {
  readonly file: string;
}

/** Everything that is wrong with our own files, in the order in which one would repair it (F099–F103). */
export function checkOwn(files: OwnFiles, role: TlsRole, now: Date): FileViolation[] {
  return [
    ...files.authorities.value.flatMap((authority) =>
      inFile(files.authorities.file, authorityViolations(authority, now)),
    ),
    ...inFile(files.revocationFile ?? files.authorities.file, listViolations(files.trust, now)),
    ...files.pairs.flatMap((pair) => pairViolations(pair, files.trust, role, now)),
  ];
}

function inFile(file: string, violations: readonly Violation[]): FileViolation[] {
  return violations.map((violation) => ({ ...violation, file }));
}

function authorityViolations(authority: Certificate, now: Date): Violation[] {
  const { subject, constraints, usage } = authority;
  const found = [...timeViolation(authority, now), ...weaknessViolation(authority)];
  if (constraints === null || !constraints.value.ca) {
    const problem = constraints === null ? "has no basic constraints" : "says that it is no CA";
    const fix = "make the CA's certificate with CA:TRUE (certtool: ca)";
    found.push({ rule: "basic constraints", problem: `the certificate of ${subject} ${problem}`, fix, fatal: true });
  }
  if (usage !== null && !usage.value.keyCertSign) {
    const fix = "make the CA's certificate with keyCertSign (certtool: cert_signing_key)";
    const problem = `the key usage of ${subject} does not include certificate signing`;
    found.push({ rule: "key usage", problem, fix, fatal: usage.critical });
  }
  return found;
}

function timeViolation(certificate: Certificate, now: Date): Violation[] {
  const problem = timeProblem(certificate, now);
  const fix = "issue a new certificate, or set the clock";
  return problem === null ? [] : [{ rule: "validity", problem, fix, fatal: true }];
}

function weaknessViolation(certificate: Certificate): Violation[] {
  const problem = weakness(certificate);
  const fix = "issue a new certificate, signed with SHA-256 by a key of 2048 bits or on a curve";
  return problem === null ? [] : [{ rule: "algorithm", problem, fix, fatal: true }];
}

/** A list nobody here could have signed says nothing about anybody, though its owner thinks it does. */
function listViolations({ authorities, revocations }: Trust, now: Date): Violation[] {
  return revocations.flatMap((list): Violation[] => {
    const found: Violation[] = [];
    if (!authorities.some((authority) => authority.subjectKey === list.issuerKey && list.signedBy(authority))) {
      const problem = `the revocation list of ${list.issuer} is not signed by any CA in the CA file`;
      found.push({ rule: "revocation", problem, fix: "use the list that belongs to the CA", fatal: true });
    }
    if (list.nextUpdate !== null && now > list.nextUpdate) {
      const problem = `the revocation list of ${list.issuer} is out of date since ${day(list.nextUpdate)}`;
      found.push({ rule: "revocation", problem, fix: "let the CA sign a new one", fatal: true });
    }
    return found;
  });
}

function pairViolations({ chain, key }: OwnPair, trust: Trust, role: TlsRole, now: Date): FileViolation[] {
  const [leaf, ...intermediates] = chain.value;
  if (leaf === undefined) return [];
  const own = [...timeViolation(leaf, now), ...leafViolations(leaf, role), ...weaknessViolation(leaf)];
  const above = intermediates.flatMap((between) => (isSelfIssued(between) ? [] : authorityViolations(between, now)));
  const found = inFile(chain.file, [...own, ...above]);
  if (!isKeyOf(leaf, key.value)) {
    const problem = `the key does not belong to the certificate in ${chain.file}`;
    const fix = "put the key and the certificate of one request side by side";
    found.push({ file: key.file, rule: "key", problem, fix, fatal: true });
  }
  return found.some(({ fatal }) => fatal)
    ? found
    : [...found, ...inFile(chain.file, chainViolation(leaf, intermediates, trust, role, now))];
}

function chainViolation(
  leaf: Certificate,
  between: readonly Certificate[],
  trust: Trust,
  role: TlsRole,
  now: Date,
): Violation[] {
  const { problem } = verifyChain(leaf, between, trust, role, now);
  if (problem === null) return [];
  const fix = "use a certificate that a CA in the CA file issued and has not revoked; append the CAs in between to it";
  return [{ rule: "chain", problem, fix, fatal: true }];
}

function isKeyOf(leaf: Certificate, key: KeyObject): boolean {
  return createPublicKey(key).equals(leaf.x509.publicKey);
}
