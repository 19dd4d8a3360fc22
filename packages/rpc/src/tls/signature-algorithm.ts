/** How a certificate or revocation list is signed. */
export interface SignatureAlgorithm {
  readonly name: string;
  /** Node's name of the digest; `null` where the algorithm has its own. */
  readonly digest: string | null;
  /** Nobody should believe a signature made with it: collisions can be, or soon will be, computed. */
  readonly weak: boolean;
}

const ALGORITHMS: Readonly<Record<string, SignatureAlgorithm>> = {
  "1.2.840.113549.1.1.2": { name: "MD2 with RSA", digest: "md2", weak: true },
  "1.2.840.113549.1.1.3": { name: "MD4 with RSA", digest: "md4", weak: true },
  "1.2.840.113549.1.1.4": { name: "MD5 with RSA", digest: "md5", weak: true },
  "1.2.840.113549.1.1.5": { name: "SHA-1 with RSA", digest: "sha1", weak: true },
  "1.2.840.113549.1.1.11": { name: "SHA-256 with RSA", digest: "sha256", weak: false },
  "1.2.840.113549.1.1.12": { name: "SHA-384 with RSA", digest: "sha384", weak: false },
  "1.2.840.113549.1.1.13": { name: "SHA-512 with RSA", digest: "sha512", weak: false },
  "1.2.840.10040.4.3": { name: "SHA-1 with DSA", digest: "sha1", weak: true },
  "1.2.840.10045.4.1": { name: "SHA-1 with ECDSA", digest: "sha1", weak: true },
  "1.2.840.10045.4.3.2": { name: "SHA-256 with ECDSA", digest: "sha256", weak: false },
  "1.2.840.10045.4.3.3": { name: "SHA-384 with ECDSA", digest: "sha384", weak: false },
  "1.2.840.10045.4.3.4": { name: "SHA-512 with ECDSA", digest: "sha512", weak: false },
  "1.3.101.112": { name: "Ed25519", digest: null, weak: false },
  "1.3.101.113": { name: "Ed448", digest: null, weak: false },
};

/** `undefined` for an algorithm that this table lacks, RSA-PSS among them. */
export function signatureOf(oid: string): SignatureAlgorithm | undefined {
  return ALGORITHMS[oid];
}
