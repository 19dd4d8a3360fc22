import type net from "node:net";
import tls from "node:tls";
import { checkPeer } from "../tls/peer-check.ts";
import { ConnectionError } from "../util/connection-error.ts";
import { EntranceGate, type Entrant } from "../util/entrance-gate.ts";
import { nothing } from "../util/nothing.ts";
import { describeEndpoint } from "./address.ts";
import { channelBindingOf } from "./channel-binding.ts";
import { Intake, readBuffer } from "./intake.ts";
import { type Endpoints, endpointsOf, NodeSocket } from "./node-socket.ts";
import {
  CONFIRMATION,
  contextOptions,
  evidenceOf,
  HANDSHAKE_MS,
  handshakeFailure,
  OWN_PROTOCOL,
  securityOf,
  type TlsOptions,
} from "./tls-context.ts";
import type { Transport } from "./transport.ts";

export interface TlsServerOptions extends TlsOptions {
  /** Patterns with `*` and `?` for the distinguished names of clients; all are let in when absent, nobody when empty. */
  readonly allowedDn?: readonly string[] | undefined;
  /** Handshakes at a time; 128 unless given. More wait, and drive out those that have stalled for a second. */
  readonly handshakes?: number | undefined;
  /** Told of each client turned away, and why; the client itself learns no reason (F105). */
  readonly onRefused?: ((refusal: ConnectionError) => void) | undefined;
}

const HANDSHAKES = 128;
/** A handshake that takes longer gives way when others wait. */
const GRACE_MS = 1000;
/** A client that was refused gets this long to read the end before the connection is cut. */
const GOODBYE_MS = 1000;

/** Leads accepted sockets through the handshake, and turns away whose certificate does not do. */
export class TlsAcceptor {
  readonly #options: TlsServerOptions;
  readonly #deliver: (transport: Transport) => void;
  /** Never listens: it gets its connections from us, as only so does Node check certificates on a server's side. */
  readonly #server: tls.Server;
  readonly #gate: EntranceGate;
  readonly #readBuffer = readBuffer();
  readonly #shaking = new Map<net.Socket, Handshake>();
  #current: TlsServerOptions;

  /** Throws as `contextOptions` does, and `TypeError` for a client's credentials. */
  constructor(options: TlsServerOptions, deliver: (transport: Transport) => void) {
    if (options.role !== "server") throw new TypeError(`these are the credentials of a ${options.role}`);
    this.#options = options;
    this.#current = options;
    this.#deliver = deliver;
    this.#gate = new EntranceGate({
      what: "handshake",
      atOnce: options.handshakes ?? HANDSHAKES,
      graceMs: GRACE_MS,
    });
    const settings = { requestCert: true, rejectUnauthorized: false, ALPNProtocols: [OWN_PROTOCOL] };
    this.#server = tls.createServer({ ...contextOptions(options), ...settings });
    this.#server.on("secureConnection", (socket) => this.#decide(socket));
    this.#server.on("tlsClientError", (error, socket) => this.#handshakeOf(socket)?.drop(failed(error)));
  }

  /** Takes over a socket that a server accepted and paused; `endpoints` are the client's where a balancer told them. */
  accept(socket: net.Socket, endpoints: Endpoints = endpointsOf(socket)): void {
    const { handshakeMs = HANDSHAKE_MS } = this.#options;
    const handshake = new Handshake(socket, endpoints, handshakeMs, {
      begin: () => {
        // Who ends in the middle of a handshake is gone; later on a client may end and still read.
        socket.allowHalfOpen = false;
        this.#server.emit("connection", socket);
      },
      over: (error) => {
        this.#shaking.delete(socket);
        this.#gate.leave(handshake);
        if (error !== undefined) this.#options.onRefused?.(error);
      },
    });
    this.#shaking.set(socket, handshake);
    this.#gate.enter(handshake);
  }

  /** Reads the files again and checks them; what is returned puts them to use for connections from then on. */
  async prepareReload(): Promise<() => void> {
    const next = { ...this.#options, ...(await this.#options.reload()) };
    const settings = contextOptions(next);
    tls.createSecureContext(settings);
    return () => {
      this.#server.setSecureContext(settings);
      this.#current = next;
    };
  }

  /** Ends all handshakes that are under way. */
  close(): void {
    this.#gate.close(new ConnectionError("the service was closed", "closed"));
  }

  #decide(socket: tls.TLSSocket): void {
    const handshake = this.#handshakeOf(socket);
    if (handshake === undefined) {
      socket.destroy();
      return;
    }
    const { trust, allowedDn, verify } = this.#current;
    const findings = checkPeer(evidenceOf(socket), { role: "client", trust, allowedDn }, new Date());
    if (findings.problem !== null && verify !== false) {
      handshake.refuse(socket, findings.problem);
      return;
    }
    handshake.finish();
    socket.allowHalfOpen = true;
    const intake = adoptIntake(socket, this.#readBuffer);
    const transport = new NodeSocket(socket, intake, handshake.endpoints, {
      security: securityOf(socket, findings),
      channelBinding: channelBindingOf(socket, "server"),
      takesOneMessage: socket.alpnProtocol !== OWN_PROTOCOL,
    });
    // Ahead of everything that the layers above may send (F109).
    socket.write(Uint8Array.of(CONFIRMATION));
    this.#deliver(transport);
  }

  #handshakeOf(socket: tls.TLSSocket): Handshake | undefined {
    // Node's link from a TLS socket to the one beneath, which no public name leads to. Where there is none, both have
    // the same two ends, but for UNIX sockets.
    const { _parent: beneath } = socket as { _parent?: net.Socket | null };
    const linked = beneath ? this.#shaking.get(beneath) : undefined;
    if (linked !== undefined) return linked;
    const { remotePort, remoteAddress, localAddress } = socket;
    if (remotePort === undefined) return undefined;
    for (const [other, handshake] of this.#shaking)
      if (
        other.remotePort === remotePort &&
        other.remoteAddress === remoteAddress &&
        other.localAddress === localAddress
      )
        return handshake;
    return undefined;
  }
}

interface BufferedHandle {
  readonly useUserBuffer?: (buffer: Uint8Array) => void;
}

/**
 * Makes a TLS socket read into `buffer`. Node does so for sockets that are told at birth, and a TLS server makes its own
 * without asking; what it would have set is set here. Where a runtime does not have these parts the socket's `data`
 * events serve, at half the speed for bulk.
 */
function adoptIntake(socket: tls.TLSSocket, buffer: Uint8Array): Intake | undefined {
  const { _handle: handle } = socket as { _handle?: BufferedHandle };
  const symbols = Object.getOwnPropertySymbols(socket);
  const bufferSymbol = symbols.find(({ description }) => description === "kBuffer");
  const callbackSymbol = symbols.find(({ description }) => description === "kBufferCb");
  if (handle?.useUserBuffer === undefined || bufferSymbol === undefined || callbackSymbol === undefined)
    return undefined;
  if (socket.readableLength > 0) return undefined;
  const intake = new Intake(buffer);
  const receive = (size: number): boolean => intake.take(size);
  handle.useUserBuffer(buffer);
  Object.assign(socket, { [bufferSymbol]: buffer, [callbackSymbol]: receive });
  return intake;
}

interface HandshakeEvents {
  begin(): void;
  /** Once; with the reason when nothing came of it. */
  over(error?: ConnectionError): void;
}

/** One connection from its acceptance to the decision about its certificate. */
class Handshake implements Entrant {
  readonly endpoints: Endpoints;
  readonly #socket: net.Socket;
  readonly #events: HandshakeEvents;
  readonly #deadline: ReturnType<typeof setTimeout>;
  readonly #closed = (): void => this.drop(new ConnectionError("the client broke off the TLS handshake", "eof"));
  #over = false;

  constructor(socket: net.Socket, endpoints: Endpoints, handshakeMs: number, events: HandshakeEvents) {
    this.endpoints = endpoints;
    this.#socket = socket;
    this.#events = events;
    const late = (): void => this.drop(new ConnectionError(`no TLS handshake in ${handshakeMs} ms`, "error"));
    this.#deadline = setTimeout(late, handshakeMs);
    socket.on("error", nothing);
    socket.on("close", this.#closed);
  }

  begin(): void {
    this.#events.begin();
  }

  drop(error: ConnectionError): void {
    if (!this.#end(this.#named(error.message, error.reason, error.cause))) return;
    this.#socket.destroy();
  }

  /** Says goodbye without the byte, and without a reason, as libvirtd does. */
  refuse(socket: tls.TLSSocket, problem: string): void {
    if (!this.#end(this.#named(problem, "closed"))) return;
    socket.on("error", nothing);
    const cut = setTimeout(() => socket.destroy(), GOODBYE_MS);
    socket.once("close", () => clearTimeout(cut));
    socket.end(() => socket.destroy());
  }

  finish(): void {
    this.#end(undefined);
  }

  #end(error: ConnectionError | undefined): boolean {
    if (this.#over) return false;
    this.#over = true;
    clearTimeout(this.#deadline);
    this.#socket.off("close", this.#closed);
    this.#events.over(error);
    return true;
  }

  #named(problem: string, reason: ConnectionError["reason"], cause?: unknown): ConnectionError {
    return new ConnectionError(`${describeEndpoint(this.endpoints.remote)}: ${problem}`, reason, { cause });
  }
}

function failed(error: Error): ConnectionError {
  return new ConnectionError(handshakeFailure(error), "error", { cause: error });
}
