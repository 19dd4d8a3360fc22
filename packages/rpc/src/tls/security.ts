/** How a connection is protected, and who the other end has shown to be. */
export interface Security {
  readonly encrypted: boolean;
  /** Such as `TLSv1.3`. */
  readonly protocol: string;
  /** OpenSSL's name of the suite. */
  readonly cipher: string;
  /** Strength in bits of the key; SASL's external security strength factor (F120). */
  readonly ssf: number;
  /** `null` when it showed none, which `verify: false` lets pass. */
  readonly peer: PeerCertificate | null;
  /** What was wrong with the peer's certificate and passed all the same. */
  readonly warnings: readonly string[];
}

/** A certificate that the other end has proved to hold. */
export interface PeerCertificate {
  /** In the text form of allow-lists and `virt-pki-query-dn`. */
  readonly distinguishedName: string;
  /** Has it passed all checks? One that only `verify: false` has let pass may say any name. */
  readonly trusted: boolean;
  readonly der: Uint8Array;
}
