import { constants, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  BasicConstraints,
  Certificate,
  CertificateList,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  KeyUsage,
  Name,
  RelativeDistinguishedName,
  RevokedCertificate,
  SubjectAlternativeName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  TBSCertList,
  Time,
  Validity,
  Version,
} from "@peculiar/asn1-x509";

/** OID, text and, unless it is UTF-8, kind of string of each attribute; one inner list per part of the name. */
export type NameParts = readonly (readonly (readonly [string, string, StringKind?])[])[];

type StringKind = "printableString" | "ia5String" | "bmpString" | "teletexString";

export const CN = "2.5.4.3";
export const O = "2.5.4.10";
export const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

export const usages = { digitalSignature: 1, keyEncipherment: 4, keyCertSign: 32, cRLSign: 64 } as const;

export interface Profile {
  readonly name: string | NameParts;
  /** Signs it; itself unless given. */
  readonly issuer?: Issued;
  readonly key?: "ec" | "rsa" | "ed25519";
  readonly rsaBits?: number;
  /** Of an `ec` key; P-256 unless given. */
  readonly curve?: string;
  /** The key of another certificate instead of one of its own. */
  readonly like?: Issued;
  readonly digest?: Digest;
  /** RSA signs with the padding of PSS. */
  readonly pss?: boolean;
  /** Signs it instead of the issuer, in the issuer's name. */
  readonly forger?: KeyObject;
  /** Changes a bit of the signature. */
  readonly spoilt?: boolean;
  /** Years. */
  readonly from?: number;
  readonly to?: number;
  /** `null` leaves the extension out. */
  readonly ca?: boolean | null;
  readonly caCritical?: boolean;
  readonly pathLength?: number;
  readonly usage?: number | null;
  readonly usageCritical?: boolean;
  readonly purposes?: readonly string[] | null;
  readonly purposesCritical?: boolean;
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
  /** Further extensions: OID, whether it is critical, content. */
  readonly extra?: readonly (readonly [string, boolean, unknown])[];
}

type Digest = "sha256" | "sha1" | "md5";

export interface Issued {
  readonly pem: string;
  readonly name: Name;
  readonly serial: ArrayBuffer;
  readonly key: KeyObject;
  readonly keyPem: string;
}

/** A certificate and its key. Valid from 2020 to 2999 unless told, so no test depends on the clock. */
export function issue(profile: Profile): Issued {
  const { publicKey, privateKey } = keyPair(profile);
  const name = nameOf(profile.name);
  const signer = profile.forger ?? profile.issuer?.key ?? privateKey;
  const { digest = "sha256", pss = false } = profile;
  const algorithm = algorithmOf(signer, digest, pss);
  const tbs = new TBSCertificate({
    version: Version.v3,
    serialNumber: positive(randomBytes(12)),
    signature: algorithm,
    issuer: profile.issuer?.name ?? name,
    validity: new Validity({ notBefore: year(profile.from ?? 2020), notAfter: year(profile.to ?? 2999) }),
    subject: name,
    subjectPublicKeyInfo: AsnConvert.parse(publicKey.export({ type: "spki", format: "der" }), SubjectPublicKeyInfo),
    extensions: extensionsOf(profile),
  });
  const signatureValue = signed(AsnConvert.serialize(tbs), signer, digest, pss);
  if (profile.spoilt === true) spoil(signatureValue);
  const der = AsnConvert.serialize(
    new Certificate({ tbsCertificate: tbs, signatureAlgorithm: algorithm, signatureValue }),
  );
  const keyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { pem: armoured(der, "CERTIFICATE"), name, serial: tbs.serialNumber, key: privateKey, keyPem };
}

/** A CA as libvirt's documentation makes one. */
export function authority(profile: Partial<Profile> = {}): Issued {
  return issue({ name: "Test CA", ca: true, usage: usages.keyCertSign, usageCritical: true, ...profile });
}

/** A leaf of a client or server that all rules allow. */
export function leaf(issuer: Issued, role: "client" | "server", profile: Partial<Profile> = {}): Issued {
  const purposes = [role === "client" ? CLIENT_AUTH : SERVER_AUTH];
  const usage = usages.digitalSignature | usages.keyEncipherment;
  const names = role === "server" ? { dns: ["localhost"], ip: ["127.0.0.1"] } : {};
  return issue({ name: `${role}.test`, issuer, ca: false, usage, usageCritical: true, purposes, ...names, ...profile });
}

/** A revocation list in PEM. */
export function revoke(issuer: Issued, revoked: readonly Issued[], to = 2999): string {
  const algorithm = algorithmOf(issuer.key, "sha256");
  const tbs = new TBSCertList({
    version: Version.v2,
    signature: algorithm,
    issuer: issuer.name,
    thisUpdate: new Time(year(2000)),
    nextUpdate: new Time(year(to)),
    ...(revoked.length > 0 && {
      revokedCertificates: revoked.map(
        ({ serial }) => new RevokedCertificate({ userCertificate: serial, revocationDate: new Time(year(2001)) }),
      ),
    }),
  });
  const signature = signed(AsnConvert.serialize(tbs), issuer.key, "sha256");
  const list = new CertificateList({ tbsCertList: tbs, signatureAlgorithm: algorithm, signature });
  return armoured(AsnConvert.serialize(list), "X509 CRL");
}

export function nameOf(name: string | NameParts): Name {
  const parts: NameParts = typeof name === "string" ? [[[CN, name]]] : name;
  return new Name(
    parts.map(
      (part) =>
        new RelativeDistinguishedName(
          part.map(
            ([type, text, kind = "utf8String"]) =>
              new AttributeTypeAndValue({ type, value: new AttributeValue({ [kind]: text }) }),
          ),
        ),
    ),
  );
}

function keyPair({ key = "ec", rsaBits = 2048, curve = "P-256", like }: Profile): {
  publicKey: KeyObject;
  privateKey: KeyObject;
} {
  if (like !== undefined) return { publicKey: createPublicKey(like.key), privateKey: like.key };
  if (key === "rsa") return generateKeyPairSync("rsa", { modulusLength: rsaBits });
  return key === "ec" ? generateKeyPairSync("ec", { namedCurve: curve }) : generateKeyPairSync("ed25519");
}

const RSA_OIDS = {
  md5: "1.2.840.113549.1.1.4",
  sha1: "1.2.840.113549.1.1.5",
  sha256: "1.2.840.113549.1.1.11",
} as const;

function algorithmOf(key: KeyObject, digest: Digest, pss = false): AlgorithmIdentifier {
  if (key.asymmetricKeyType === "ed25519") return new AlgorithmIdentifier({ algorithm: "1.3.101.112" });
  if (key.asymmetricKeyType === "ec") {
    return new AlgorithmIdentifier({ algorithm: digest === "sha1" ? "1.2.840.10045.4.1" : "1.2.840.10045.4.3.2" });
  }
  if (!pss) return new AlgorithmIdentifier({ algorithm: RSA_OIDS[digest], parameters: null });
  const parameters = new Uint8Array(Buffer.from(PSS_PARAMETERS[digest], "hex")).buffer;
  return new AlgorithmIdentifier({ algorithm: "1.2.840.113549.1.1.10", parameters });
}

/** DER: none for SHA-1 with a salt of 20 bytes; SHA-256 for content and mask with a salt of 32. */
const PSS_PARAMETERS = {
  md5: "3000",
  sha1: "3000",
  sha256:
    "3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120",
} as const;

function signed(content: ArrayBuffer, key: KeyObject, digest: Digest, pss = false): ArrayBuffer {
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  const bytes = sign(key.asymmetricKeyType === "ed25519" ? null : digest, Buffer.from(content), {
    key,
    ...(pss && padding),
  });
  return new Uint8Array(bytes).buffer;
}

/** The last bit, which leaves its form intact. */
function spoil(signature: ArrayBuffer): void {
  const bytes = new Uint8Array(signature);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
}

function extensionsOf(profile: Profile): Extensions {
  const { ca = false, pathLength, usage = null, purposes = null, dns = [], ip = [] } = profile;
  const found: Extension[] = [];
  const add = (extnID: string, critical: boolean, value: unknown): void => {
    found.push(new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) }));
  };
  if (ca !== null) {
    const bounded = pathLength === undefined ? {} : { pathLenConstraint: pathLength };
    add(id_ce_basicConstraints, profile.caCritical ?? true, new BasicConstraints({ cA: ca, ...bounded }));
  }
  if (usage !== null) add(id_ce_keyUsage, profile.usageCritical ?? false, new KeyUsage(usage));
  if (purposes !== null) add(id_ce_extKeyUsage, profile.purposesCritical ?? false, new ExtendedKeyUsage([...purposes]));
  const names = [
    ...dns.map((dNSName) => new GeneralName({ dNSName })),
    ...ip.map((iPAddress) => new GeneralName({ iPAddress })),
  ];
  if (names.length > 0) add(id_ce_subjectAltName, false, new SubjectAlternativeName(names));
  for (const [id, critical, content] of profile.extra ?? []) add(id, critical, content);
  return new Extensions(found);
}

function positive(bytes: Uint8Array): ArrayBuffer {
  const serial = new Uint8Array(bytes);
  serial[0] = 0x11;
  return serial.buffer;
}

function year(number: number): Date {
  return new Date(Date.UTC(number, 0, 2));
}

function armoured(der: ArrayBuffer, kind: string): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${kind}-----\n${lines.join("\n")}\n-----END ${kind}-----\n`;
}
