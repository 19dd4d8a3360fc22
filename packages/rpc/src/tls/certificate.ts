import { X509Certificate } from "node:crypto";
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  Certificate as AsnCertificate,
  BasicConstraints,
  ExtendedKeyUsage,
  type Extension,
  type GeneralName,
  id_ce_basicConstraints,
  id_ce_certificatePolicies,
  id_ce_cRLDistributionPoints,
  id_ce_extKeyUsage,
  id_ce_inhibitAnyPolicy,
  id_ce_keyUsage,
  id_ce_nameConstraints,
  id_ce_policyConstraints,
  id_ce_policyMappings,
  id_ce_subjectAltName,
  KeyUsage,
  KeyUsageFlags,
  type Name,
  SubjectAlternativeName,
} from "@peculiar/asn1-x509";
import { commonNames, distinguishedName } from "./distinguished-name.ts";
import { signatureName } from "./signature-algorithm.ts";

/** An extension's content, and whether who does not understand it must refuse the certificate. */
export interface Marked<T> {
  readonly critical: boolean;
  readonly value: T;
}

export interface Constraints {
  readonly ca: boolean;
  /** How many CAs may stand between this one and a leaf; `null` for any number. */
  readonly pathLength: number | null;
}

/** What the checks need of a certificate. Node tells neither a missing constraint from a negative one nor what is critical. */
export interface Certificate {
  readonly x509: X509Certificate;
  /** In the text form of allow-lists. */
  readonly subject: string;
  readonly issuer: string;
  /** Equal for equal names, whatever their text. */
  readonly subjectKey: string;
  readonly issuerKey: string;
  readonly commonNames: readonly string[];
  /** Hexadecimal, as CRLs have it. */
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** How its issuer signed it, as `signatureOf` wants it. */
  readonly signatureAlgorithm: string;
  readonly constraints: Marked<Constraints> | null;
  readonly usage: Marked<KeyUses> | null;
  /** OIDs of what the key may be used for. */
  readonly purposes: Marked<readonly string[]> | null;
  /** OIDs of extensions that must be understood, and are neither here nor by OpenSSL. */
  readonly notUnderstood: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

export interface KeyUses {
  readonly digitalSignature: boolean;
  readonly keyCertSign: boolean;
}

/** Takes one certificate apart; PEM or DER. Throws for what is none, and for one that has an extension twice. */
export function parseCertificate(source: string | Uint8Array | X509Certificate): Certificate {
  const x509 = source instanceof X509Certificate ? source : new X509Certificate(source);
  const { tbsCertificate: tbs, signatureAlgorithm } = AsnConvert.parse(x509.raw, AsnCertificate);
  const extensions = byId(tbs.extensions ?? []);
  const extension = (id: string): Marked<ArrayBuffer> | null => {
    const found = extensions.get(id);
    return found === undefined ? null : { critical: found.critical, value: found.extnValue.buffer };
  };
  const names = altNames(extension(id_ce_subjectAltName));
  return {
    x509,
    subject: distinguishedName(tbs.subject),
    issuer: distinguishedName(tbs.issuer),
    subjectKey: nameKey(tbs.subject),
    issuerKey: nameKey(tbs.issuer),
    commonNames: commonNames(tbs.subject),
    serial: hex(tbs.serialNumber),
    notBefore: tbs.validity.notBefore.getTime(),
    notAfter: tbs.validity.notAfter.getTime(),
    signatureAlgorithm: signatureName(signatureAlgorithm),
    constraints: mapped(extension(id_ce_basicConstraints), constraintsOf),
    usage: mapped(extension(id_ce_keyUsage), usesOf),
    purposes: mapped(extension(id_ce_extKeyUsage), (der) => Array.from(AsnConvert.parse(der, ExtendedKeyUsage))),
    notUnderstood: [...extensions].filter(([id, { critical }]) => critical && !UNDERSTOOD.has(id)).map(([id]) => id),
    dnsNames: names.flatMap(({ dNSName }) => (dNSName === undefined ? [] : [dNSName])),
    ipAddresses: names.flatMap(({ iPAddress }) => (iPAddress === undefined ? [] : [iPAddress])),
  };
}

/** One text per name, to compare names by. */
export function nameKey(name: Name): string {
  return hex(AsnConvert.serialize(name));
}

export function hex(bytes: ArrayBuffer): string {
  return Buffer.from(bytes).toString("hex");
}

/** Read here, or checked by OpenSSL. */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  id_ce_basicConstraints,
  id_ce_keyUsage,
  id_ce_extKeyUsage,
  id_ce_subjectAltName,
  id_ce_nameConstraints,
  id_ce_certificatePolicies,
  id_ce_policyConstraints,
  id_ce_policyMappings,
  id_ce_inhibitAnyPolicy,
  id_ce_cRLDistributionPoints,
]);

/** Of two with one meaning somebody else might read the other (RFC 5280 §4.2). */
function byId(extensions: readonly Extension[]): Map<string, Extension> {
  const found = new Map(extensions.map((extension) => [extension.extnID, extension]));
  if (found.size < extensions.length) throw new TypeError("an extension is there twice");
  return found;
}

function mapped<T, U>(marked: Marked<T> | null, map: (value: T) => U): Marked<U> | null {
  return marked === null ? null : { critical: marked.critical, value: map(marked.value) };
}

function constraintsOf(der: ArrayBuffer): Constraints {
  const { cA, pathLenConstraint } = AsnConvert.parse(der, BasicConstraints);
  return { ca: cA, pathLength: pathLenConstraint ?? null };
}

function usesOf(der: ArrayBuffer): KeyUses {
  const bits = AsnConvert.parse(der, KeyUsage).toNumber();
  return {
    digitalSignature: (bits & KeyUsageFlags.digitalSignature) !== 0,
    keyCertSign: (bits & KeyUsageFlags.keyCertSign) !== 0,
  };
}

function altNames(extension: Marked<ArrayBuffer> | null): GeneralName[] {
  return extension === null ? [] : Array.from(AsnConvert.parse(extension.value, SubjectAlternativeName));
}
