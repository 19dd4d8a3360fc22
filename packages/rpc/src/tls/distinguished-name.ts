import { AsnConvert } from "@peculiar/asn1-schema";
import { type AttributeTypeAndValue, type AttributeValue, Name } from "@peculiar/asn1-x509";

/** GnuTLS's names of attribute types; all others are written as their OID and the value's DER (ecosystem §4.5). */
const NAMES: Readonly<Record<string, string>> = {
  "2.5.4.3": "CN",
  "2.5.4.4": "surName",
  "2.5.4.5": "serialNumber",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.9": "street",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  "2.5.4.12": "title",
  "2.5.4.13": "description",
  "2.5.4.15": "businessCategory",
  "2.5.4.17": "postalCode",
  "2.5.4.20": "telephoneNumber",
  "2.5.4.41": "name",
  "2.5.4.42": "givenName",
  "2.5.4.43": "initials",
  "2.5.4.44": "generationQualifier",
  "2.5.4.46": "dnQualifier",
  "2.5.4.65": "pseudonym",
  "0.9.2342.19200300.100.1.1": "UID",
  "0.9.2342.19200300.100.1.25": "DC",
  "1.2.840.113549.1.9.1": "EMAIL",
};

/** Types whose values are of one string type only; in any other GnuTLS does not take them for text. */
const PRINTABLE: ReadonlySet<string> = new Set(["2.5.4.5", "2.5.4.6", "2.5.4.20", "2.5.4.46"]);
const IA5: ReadonlySet<string> = new Set(["0.9.2342.19200300.100.1.25", "1.2.840.113549.1.9.1"]);

/**
 * A distinguished name as GnuTLS and `virt-pki-query-dn` print it, which is what allow-lists are compared with: the
 * certificate's own order, commas without spaces, `+` within a multi-valued part, RFC 4514's escapes.
 */
export function distinguishedName(name: Name): string {
  return Array.from(name, (part) => Array.from(part, attributeText).join("+")).join(",");
}

/** {@link distinguishedName} of a name in DER. Throws for bytes that are none. */
export function distinguishedNameOf(der: Uint8Array): string {
  return distinguishedName(AsnConvert.parse(der, Name));
}

/** The common names in a name, in their order. */
export function commonNames(name: Name): string[] {
  return Array.from(name).flatMap((part) =>
    Array.from(part).flatMap(({ type, value }) => (type === "2.5.4.3" ? [stringOf(type, value) ?? ""] : [])),
  );
}

function attributeText({ type, value }: AttributeTypeAndValue): string {
  const name = NAMES[type];
  const text = name === undefined ? undefined : stringOf(type, value);
  return `${name ?? type}=${text === undefined ? `#${hexDer(value)}` : escaped(text)}`;
}

function stringOf(type: string, value: AttributeValue): string | undefined {
  const { utf8String, printableString, teletexString, bmpString, universalString, ia5String } = value;
  if (PRINTABLE.has(type)) return printableString;
  if (IA5.has(type)) return ia5String;
  return utf8String ?? printableString ?? teletexString ?? bmpString ?? universalString;
}

function hexDer(value: AttributeValue): string {
  return Buffer.from(AsnConvert.serialize(value)).toString("hex");
}

/** A backslash before what has a meaning anywhere, and before `#` and spaces at the edges where they have one. */
function escaped(text: string): string {
  return text
    .replace(/[,+"\\<>;]/g, "\\$&")
    .replace(/^[ #]/, "\\$&")
    .replace(/(?<!^\\?) $/, "\\ ")
    .replaceAll("\0", "\\00");
}
