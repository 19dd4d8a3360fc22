import type { X509Certificate } from "node:crypto";

/** Signatures checked: a peer that sends a maze gets lost in it. */
const MAX_ATTEMPTS = 64;

/**
 * Of the CAs that a peer sent with its certificate those that stand above it, and none when none of them leads to an
 * anchor. To take a certificate apart costs ten times what this does, and any stranger may send a pile of them.
 */
export function chainSent(
  leaf: X509Certificate,
  others: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
): X509Certificate[] {
  const above = new Set<X509Certificate>();
  const all = [leaf];
  let attempts = 0;
  let isLeading = false;
  const issued = (issuer: X509Certificate, subject: X509Certificate): boolean =>
    issuer.subject === subject.issuer && attempts++ < MAX_ATTEMPTS && isSignedBy(subject, issuer);
  for (const subject of all) {
    isLeading ||= anchors.some((anchor) => anchor.raw.equals(subject.raw) || issued(anchor, subject));
    for (const other of others) {
      if (above.has(other) || !issued(other, subject)) continue;
      above.add(other);
      all.push(other);
    }
  }
  return isLeading ? [...above] : [];
}

/** Also `false` for a key of another kind than the signature's. */
export function isSignedBy(subject: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return subject.verify(issuer.publicKey);
  } catch {
    return false;
  }
}
