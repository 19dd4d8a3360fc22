import { constants, verify } from "node:crypto";
import { AsnConvert } from "@peculiar/asn1-schema";
import { CertificateList } from "@peculiar/asn1-x509";
import { type Certificate, hex, nameKey } from "./certificate.ts";
import { distinguishedName } from "./distinguished-name.ts";
import { pemBytes } from "./pem.ts";
import { signatureName, signatureOf } from "./signature-algorithm.ts";

/** What a CA has taken back. */
export interface RevocationList {
  readonly issuer: string;
  readonly issuerKey: string;
  /** When the next list was due; `null` for never. */
  readonly nextUpdate: Date | null;
  readonly serials: ReadonlySet<string>;
  /** Whether the holder of this certificate signed it. */
  readonly signedBy: (authority: Certificate) => boolean;
}

/** Parses one PEM block. Throws for what is no revocation list. */
export function parseRevocationList(pem: string): RevocationList {
  const list = AsnConvert.parse(pemBytes(pem), CertificateList);
  const { tbsCertList: tbs } = list;
  return {
    issuer: distinguishedName(tbs.issuer),
    issuerKey: nameKey(tbs.issuer),
    nextUpdate: tbs.nextUpdate?.getTime() ?? null,
    serials: new Set(tbs.revokedCertificates?.map(({ userCertificate }) => hex(userCertificate)) ?? []),
    signedBy: (authority) => isSignedBy(list, authority),
  };
}

function isSignedBy(list: CertificateList, { x509 }: Certificate): boolean {
  const algorithm = signatureOf(signatureName(list.signatureAlgorithm));
  if (algorithm === undefined || list.tbsCertListRaw === undefined) return false;
  try {
    const content = new Uint8Array(list.tbsCertListRaw);
    const key = { key: x509.publicKey, ...(algorithm.pss && { padding: constants.RSA_PKCS1_PSS_PADDING }) };
    return verify(algorithm.digest, content, key, new Uint8Array(list.signature));
  } catch {
    return false; // a key of another kind than the algorithm's
  }
}
