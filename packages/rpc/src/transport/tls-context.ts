import { constants, type X509Certificate } from "node:crypto";
import tls from "node:tls";
import type { Credentials, Identity } from "../tls/credentials.ts";
import type { PeerEvidence, PeerFindings } from "../tls/peer-check.ts";
import { parsePriority } from "../tls/priority.ts";
import type { Security } from "../tls/security.ts";

/** What both ends of TLS have in common. */
export interface TlsOptions extends Credentials {
  /** A GnuTLS priority string, as far as it can be translated. TLS 1.2 and 1.3 with Node's ciphers unless given. */
  readonly priority?: string | undefined;
  /** `false` accepts any peer, and tells what was wrong with it in `security.warnings` (libvirt's no_verify). */
  readonly verify?: boolean | undefined;
  /** Milliseconds until the handshake must be over; 10 s unless given. libvirt waits forever (F112). */
  readonly handshakeMs?: number | undefined;
}

export const HANDSHAKE_MS = 10_000;
/** The byte, as application data, by which a server says that it accepts the client (F109). */
export const CONFIRMATION = 1;
/** By this ALPN name two of us know each other; GnuTLS's ends that want none, as libvirt's, pass over it. */
export const OWN_PROTOCOL = "virnet";

/** Node's options for both roles. Throws `RangeError` for a priority string that can't be translated. */
export function contextOptions({ trust, pairs, priority }: TlsOptions): tls.SecureContextOptions {
  const usable = onePerKind(pairs);
  return {
    ca: trust.authorities.map(({ x509 }) => x509.toString()),
    cert: usable.map(({ chain }) => chain.map(({ x509 }) => x509.toString()).join("")),
    key: usable.map(({ key }) => key.export({ type: "pkcs8", format: "pem" })),
    // As with GnuTLS, every certificate of the CA file is a root of trust.
    allowPartialTrustChain: true,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_TICKET,
    ...(priority === undefined ? { minVersion: "TLSv1.2", maxVersion: "TLSv1.3" } : parsePriority(priority)),
  };
}

/** One context for all connections with the same credentials: to load keys and CAs takes as long as a third of a handshake. */
export function loadedContext(options: TlsOptions): tls.SecureContext {
  const { contexts, trust, pairs, priority = "" } = options;
  const known = contexts.get(priority);
  if (known?.trust === trust && known.pairs === pairs) return known.secure;
  const secure = tls.createSecureContext(contextOptions(options));
  contexts.set(priority, { secure, trust, pairs });
  return secure;
}

/** OpenSSL has one place per kind of key and would keep the last; libvirt takes the first that fits. */
function onePerKind(pairs: readonly Identity[]): Identity[] {
  const kinds = new Map<string | undefined, Identity>();
  for (const pair of pairs) {
    const kind = pair.key.asymmetricKeyType;
    if (!kinds.has(kind)) kinds.set(kind, pair);
  }
  return [...kinds.values()];
}

/** What a finished handshake says about the other end. */
export function evidenceOf(socket: tls.TLSSocket): PeerEvidence {
  // Typed as an Error, and OpenSSL's code in fact; `null` or absent when there is nothing to say.
  const verdict = socket.authorizationError as unknown as string | null | undefined;
  return { certificates: peerCertificates(socket), verdict: verdict ?? null };
}

/** More is in no honest chain. */
const MAX_SENT = 16;

/**
 * Not by `getPeerCertificate`, which takes every certificate apart: some versions of Node 24 crash where one sends a key
 * on a curve that NIST has no name for.
 */
function peerCertificates(socket: tls.TLSSocket): X509Certificate[] {
  const found: X509Certificate[] = [];
  let certificate = socket.getPeerX509Certificate();
  while (certificate !== undefined && found.length < MAX_SENT) {
    found.push(certificate);
    certificate = certificate.issuerCertificate;
  }
  return found;
}

export function securityOf(socket: tls.TLSSocket, findings: PeerFindings): Security {
  const { name } = socket.getCipher();
  const { certificate, problem, warnings } = findings;
  return {
    encrypted: true,
    protocol: socket.getProtocol() ?? "unknown",
    cipher: name,
    ssf: keyBits(name),
    peer:
      certificate === null
        ? null
        : {
            distinguishedName: certificate.subject,
            trusted: problem === null,
            der: new Uint8Array(certificate.x509.raw),
          },
    warnings: problem === null ? warnings : [problem, ...warnings],
  };
}

/** A suite's name tells its key: AES with a number, ChaCha20 with 256 bits. */
function keyBits(cipher: string): number {
  if (cipher.includes("CHACHA20")) return 256;
  const [, bits = "0"] = /(?:AES|CAMELLIA|ARIA)_?(128|192|256)/.exec(cipher) ?? [];
  return Number(bits);
}

/** OpenSSL's words for why a handshake failed, with ours where these help more. */
export function handshakeFailure(error: Error): string {
  const code = "code" in error ? String(error.code) : "";
  const reason = "reason" in error && typeof error.reason === "string" ? error.reason : error.message;
  return `the TLS handshake failed: ${explanations[code] ?? reason}`;
}

const explanations: Readonly<Record<string, string>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: "what came is no TLS; is this the TLS port?",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "what came is no TLS; is this the TLS port?",
  ERR_SSL_HTTP_REQUEST: "what came is HTTP",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "the peer has no TLS version that we allow",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "the peer allows no TLS version that we have",
  ERR_SSL_NO_SHARED_CIPHER: "the two ends have no cipher in common",
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: "the two ends have no cipher in common, or the peer wants a certificate",
  ECONNRESET: "the peer broke the connection off",
};
