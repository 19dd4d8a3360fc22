import tls from "node:tls";
import { checkPeer } from "../tls/peer-check.ts";
import type { Security } from "../tls/security.ts";
import { ConnectionError } from "../util/connection-error.ts";
import { nothing } from "../util/nothing.ts";
import { onAbort } from "../util/signals.ts";
import { channelBindingOf } from "./channel-binding.ts";
import type { Intake } from "./intake.ts";
import { endpointsOf, NodeSocket } from "./node-socket.ts";
import { type Dial, type Dialled, dialAddress, type OpenAddress } from "./open.ts";
import {
  CONFIRMATION,
  evidenceOf,
  HANDSHAKE_MS,
  handshakeFailure,
  loadedContext,
  OWN_PROTOCOL,
  securityOf,
  type TlsOptions,
} from "./tls-context.ts";
import type { Transport } from "./transport.ts";

export interface TlsClientOptions extends TlsOptions {
  /** The name that the server's certificate must be for; the address's host unless given. */
  readonly host?: string | undefined;
  /** Called once the server is accepted, and before it has said whether it accepts us. */
  readonly secured?: ((security: Security) => void) | undefined;
}

/**
 * A connected transport over TLS, once both ends have accepted each other's certificate. Rejects with
 * {@link ConnectionError} when either does not, or when it takes too long; else as `openTransport`.
 */
export async function openTls(
  address: OpenAddress,
  options: TlsClientOptions,
  signal?: AbortSignal,
  buffer?: Uint8Array,
): Promise<Transport> {
  if ("fd" in address) throw new TypeError("TLS is made by who connects, and a descriptor is connected already");
  if ("command" in address || "ssh" in address || "ssh2" in address)
    throw new TypeError("TLS needs a socket, and a program has none");
  if (options.role !== "client") throw new TypeError(`these are the credentials of a ${options.role}`);
  const host = options.host ?? ("path" in address ? undefined : address.host) ?? "localhost";
  const settings = connectionOptions(host, options);
  const begin = (target: Parameters<Dial<tls.TLSSocket, unknown>>[0], { onread }: Intake) => ({
    socket: tls.connect(Object.assign({}, target, settings, { onread })),
    // Begun before anything else happens to the socket; wrapped, as it ends later than the dialling.
    adopt: (dialled: Dialled<tls.TLSSocket>) => ({ handshake: shakeHands(dialled, host, options, signal) }),
  });
  return (await dialAddress(address, signal, begin, buffer)).handshake;
}

/** Node takes `allowHalfOpen` here too, its types don't know. */
type Settings = tls.ConnectionOptions & { readonly allowHalfOpen: boolean };

function connectionOptions(host: string, options: TlsClientOptions): Settings {
  return {
    secureContext: loadedContext(options),
    allowHalfOpen: true,
    ALPNProtocols: [OWN_PROTOCOL],
    // Decided by our own check, which has reasons to tell.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    ...(isName(host) ? { servername: host } : {}),
  };
}

/** Addresses are not allowed where the protocol wants a name. */
function isName(host: string): boolean {
  return !host.includes(":") && !/^[\d.]+$/.test(host);
}

function shakeHands(
  { socket, intake, name }: Dialled<tls.TLSSocket>,
  host: string,
  options: TlsClientOptions,
  signal: AbortSignal | undefined,
): Promise<Transport> {
  return new Promise((fulfil, reject) => {
    const { handshakeMs = HANDSHAKE_MS } = options;
    let security: Security | undefined;
    const settle = (): void => {
      off();
      clearTimeout(timer);
      for (const event of ["error", "end", "close", "secureConnect"]) socket.removeAllListeners(event);
    };
    const fail = (reason: unknown): void => {
      settle();
      socket.on("error", nothing);
      socket.destroy();
      reject(reason);
    };
    const refuse = (text: string, cause?: unknown): void =>
      fail(new ConnectionError(`${name}: ${text}`, "error", { cause }));
    const timer = setTimeout(
      () =>
        refuse(
          `no ${security === undefined ? "TLS handshake" : "confirmation of our certificate"} in ${handshakeMs} ms`,
        ),
      handshakeMs,
    );
    const off = onAbort(signal, fail);
    socket.on("error", (error: Error) =>
      refuse(security === undefined ? handshakeFailure(error) : unconfirmed(options, alertOf(error)), error),
    );
    socket.on("end", () =>
      refuse(security === undefined ? "the server closed the connection in the handshake" : unconfirmed(options)),
    );
    socket.on("close", () => refuse("the connection was closed in the TLS handshake"));
    socket.on("secureConnect", () => {
      socket.disableRenegotiation();
      const policy = { role: "server", trust: options.trust, host } as const;
      const findings = checkPeer(evidenceOf(socket), policy, new Date());
      security = securityOf(socket, findings);
      if (findings.problem !== null && options.verify !== false) {
        fail(new ConnectionError(`${name}: ${serverRefused(findings.problem)}`, "refused"));
        return;
      }
      options.secured?.(security);
    });
    awaitConfirmation(intake, (byte) => {
      if (security === undefined || byte !== CONFIRMATION) return refuse(unconfirmed(options, `it sent ${byte}`));
      settle();
      fulfil(
        new NodeSocket(socket, intake, endpointsOf(socket, name), {
          security,
          channelBinding: channelBindingOf(socket, "client"),
          takesOneMessage: socket.alpnProtocol !== OWN_PROTOCOL,
        }),
      );
    });
    socket.resume();
  });
}

/** Calls `confirmed` with the first byte, and keeps what came with it for the transport's start. */
function awaitConfirmation(intake: Intake, confirmed: (byte: number | undefined) => void): void {
  intake.open({
    receive(chunk) {
      intake.close();
      if (chunk.length > 1) intake.keep(chunk.slice(1));
      confirmed(chunk[0]);
    },
  });
}

function serverRefused(problem: string): string {
  return (
    `we do not accept the server's certificate: ${problem}. Check the host in the address, the CA file, and the ` +
    "clocks; verify: false (no_verify=1) accepts any server"
  );
}

function unconfirmed({ pairs }: TlsClientOptions, detail?: string): string {
  const [leaf] = pairs[0]?.chain ?? [];
  const shown =
    leaf === undefined
      ? "we showed no certificate: put clientcert.pem and clientkey.pem in place"
      : `we showed ${leaf.subject}, issued by ${leaf.issuer}: check that it has not expired, that the server's CA file ` +
        "has its issuer, and that tls_allowed_dn_list there has its name";
  return `the server did not confirm our certificate${detail === undefined ? "" : ` (${detail})`}; ${shown}`;
}

function alertOf(error: Error): string {
  return "reason" in error && typeof error.reason === "string" ? error.reason : error.message;
}
