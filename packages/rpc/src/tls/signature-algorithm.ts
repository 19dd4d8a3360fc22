import { AsnConvert } from "@peculiar/asn1-schema";
import { AlgorithmIdentifier } from "@peculiar/asn1-x509";

/** How a certificate or revocation list is signed. */
export interface SignatureAlgorithm {
  readonly name: string;
  /** Node's name of the digest; `null` where the algorithm has its own. */
  readonly digest: string | null;
  /** Nobody should believe a signature made with it: collisions can be, or soon will be, computed. */
  readonly weak: boolean;
  /** RSA with the padding of PSS. */
  readonly pss: boolean;
}

const PSS = "1.2.840.113549.1.1.10";
const SHA1 = "1.3.14.3.2.26";

/** RSA-PSS leaves the digest to its parameters, so its key here has that digest's OID too. */
const ALGORITHMS: ReadonlyMap<string, SignatureAlgorithm> = new Map(
  (
    [
      ["1.2.840.113549.1.1.2", "MD2 with RSA", "md2"],
      ["1.2.840.113549.1.1.3", "MD4 with RSA", "md4"],
      ["1.2.840.113549.1.1.4", "MD5 with RSA", "md5"],
      ["1.2.840.113549.1.1.5", "SHA-1 with RSA", "sha1"],
      ["1.2.840.113549.1.1.14", "SHA-224 with RSA", "sha224"],
      ["1.2.840.113549.1.1.11", "SHA-256 with RSA", "sha256"],
      ["1.2.840.113549.1.1.12", "SHA-384 with RSA", "sha384"],
      ["1.2.840.113549.1.1.13", "SHA-512 with RSA", "sha512"],
      [`${PSS} ${SHA1}`, "SHA-1 with RSA-PSS", "sha1"],
      [`${PSS} 2.16.840.1.101.3.4.2.1`, "SHA-256 with RSA-PSS", "sha256"],
      [`${PSS} 2.16.840.1.101.3.4.2.2`, "SHA-384 with RSA-PSS", "sha384"],
      [`${PSS} 2.16.840.1.101.3.4.2.3`, "SHA-512 with RSA-PSS", "sha512"],
      ["1.2.840.10040.4.3", "SHA-1 with DSA", "sha1"],
      ["2.16.840.1.101.3.4.3.2", "SHA-256 with DSA", "sha256"],
      ["1.2.840.10045.4.1", "SHA-1 with ECDSA", "sha1"],
      ["1.2.840.10045.4.3.1", "SHA-224 with ECDSA", "sha224"],
      ["1.2.840.10045.4.3.2", "SHA-256 with ECDSA", "sha256"],
      ["1.2.840.10045.4.3.3", "SHA-384 with ECDSA", "sha384"],
      ["1.2.840.10045.4.3.4", "SHA-512 with ECDSA", "sha512"],
      ["1.3.101.112", "Ed25519", null],
      ["1.3.101.113", "Ed448", null],
      ["2.16.840.1.101.3.4.3.17", "ML-DSA-44", null],
      ["2.16.840.1.101.3.4.3.18", "ML-DSA-65", null],
      ["2.16.840.1.101.3.4.3.19", "ML-DSA-87", null],
    ] as const
  ).map(([key, name, digest]) => [key, { name, digest, weak: isBroken(digest), pss: key.startsWith(PSS) }]),
);

/** What {@link signatureOf} knows an algorithm by: its OID, with that of the digest where it is a parameter. */
export function signatureName({ algorithm, parameters }: AlgorithmIdentifier): string {
  return algorithm === PSS ? `${PSS} ${pssDigest(parameters ?? new ArrayBuffer(0))}` : algorithm;
}

/** `undefined` for an algorithm that nobody here could judge. */
export function signatureOf(name: string): SignatureAlgorithm | undefined {
  return ALGORITHMS.get(name);
}

function isBroken(digest: string | null): boolean {
  return digest !== null && /^(md.|sha1)$/.test(digest);
}

/** The digest is the first parameter, tagged 0; one that is not there, or not so short as all known are, is SHA-1. */
function pssDigest(parameters: ArrayBuffer): string {
  const [sequence, , tag, size = 0] = new Uint8Array(parameters);
  if (sequence !== 0x30 || tag !== 0xa0) return SHA1;
  return AsnConvert.parse(parameters.slice(4, 4 + size), AlgorithmIdentifier).algorithm;
}
