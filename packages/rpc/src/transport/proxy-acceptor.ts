import { BlockList, isIPv6, type Socket } from "node:net";
import { ConnectionError } from "../util/connection-error.ts";
import { nothing } from "../util/nothing.ts";
import { describeEndpoint, type Endpoint } from "./address.ts";
import type { Admit } from "./listen.ts";
import { type Endpoints, endpointsOf } from "./node-socket.ts";
import { type ProxyHeader, readProxyHeader } from "./proxy-header.ts";

/** How a service takes connections that a balancer passes on with a header of the PROXY protocol, version 1 or 2. */
export interface ProxyProtocolOptions {
  /**
   * The balancers: addresses and networks such as `10.0.0.0/8`. Others are turned away, for the header lets one claim any
   * address. Everybody is believed when absent: then only balancers may be able to reach the service.
   */
  readonly trusted?: readonly string[] | undefined;
  /** Milliseconds in which the header must have come, and in which a silent connection is no client yet; 5000 unless given. */
  readonly headerMs?: number | undefined;
  /** Told of each connection turned away, and why; the peer itself learns no reason. */
  readonly onRefused?: ((refusal: ConnectionError) => void) | undefined;
}

const HEADER_MS = 5000;
/** Connections whose header is still to come; beyond it the one that has waited longest goes. */
const WAITING = 1000;

/** Reads the header of each connection, and hands it on as the client's that the header tells of. */
export class ProxyAcceptor {
  readonly #options: ProxyProtocolOptions;
  readonly #admit: Admit;
  readonly #trusted: BlockList | undefined;
  /** In the order of their coming. */
  readonly #waiting = new Set<Arrival>();

  /** Throws `TypeError` for a trusted address that is none. */
  constructor(options: ProxyProtocolOptions, admit: Admit) {
    this.#options = options;
    this.#admit = admit;
    this.#trusted = options.trusted === undefined ? undefined : networks(options.trusted);
  }

  /** Takes over a socket that a server accepted and paused. */
  accept(socket: Socket): void {
    const own = endpointsOf(socket);
    const arrival = new Arrival(socket, own, this.#options.headerMs ?? HEADER_MS, {
      admit: (endpoints) => this.#admit(socket, endpoints),
      over: (refusal) => {
        this.#waiting.delete(arrival);
        if (refusal !== undefined) this.#options.onRefused?.(refusal);
      },
    });
    // A health check that has reset the connection already.
    if (hasGone(own.remote)) {
      arrival.leave();
      return;
    }
    if (!this.#isTrusted(own.remote)) {
      arrival.refuse("PROXY protocol: not an address of a balancer that is trusted here", "refused");
      return;
    }
    const [oldest] = this.#waiting;
    if (this.#waiting.size >= WAITING) oldest?.refuse("PROXY protocol: too many connections wait", "overflow");
    this.#waiting.add(arrival);
    arrival.read();
  }

  /** Ends all connections whose header has not come. */
  close(): void {
    for (const arrival of this.#waiting) arrival.leave();
  }

  /** Who reaches a UNIX socket is let in by its file's permissions. */
  #isTrusted(remote: Endpoint): boolean {
    if (this.#trusted === undefined || !("port" in remote)) return true;
    return this.#trusted.check(remote.host, familyOf(remote.host));
  }
}

interface ArrivalEvents {
  admit(endpoints: Endpoints): void;
  /** Once; with the reason when the connection is turned away. */
  over(refusal?: ConnectionError): void;
}

/**
 * One connection from its acceptance to the client's first byte. Only then is it a client: a health check says nothing
 * behind its header, and with version 1 that looks like any other. Who keeps silent for long is taken for a client too.
 */
class Arrival {
  readonly #socket: Socket;
  readonly #own: Endpoints;
  readonly #events: ArrivalEvents;
  readonly #deadline: ReturnType<typeof setTimeout>;
  #bytes: Uint8Array = new Uint8Array(0);
  /** Once it is whole. */
  #header: ProxyHeader | null = null;
  #over = false;
  readonly #data = (chunk: Buffer): void => this.#take(chunk);
  readonly #gone = (): void => this.#end();

  constructor(socket: Socket, own: Endpoints, headerMs: number, events: ArrivalEvents) {
    this.#socket = socket;
    this.#own = own;
    this.#events = events;
    const late = (): void => {
      if (this.#header === null) this.refuse(`no PROXY header in ${headerMs} ms`, "error");
      else this.#admit(this.#header);
    };
    this.#deadline = setTimeout(late, headerMs);
    socket.on("error", nothing);
    socket.on("close", this.#gone);
    socket.on("end", this.#gone);
  }

  read(): void {
    this.#socket.on("data", this.#data);
    this.#socket.resume();
  }

  refuse(problem: string, reason: ConnectionError["reason"], cause?: unknown): void {
    const refusal = new ConnectionError(`${describeEndpoint(this.#own.remote)}: ${problem}`, reason, { cause });
    if (this.#settle(refusal)) this.#socket.destroy();
  }

  leave(): void {
    if (this.#settle()) this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    if (this.#over) return;
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    try {
      this.#header ??= readProxyHeader(this.#bytes);
      if (this.#header !== null && this.#bytes.length > this.#header.length) this.#admit(this.#header);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.refuse(error.message, error.reason, error);
    }
  }

  #admit({ length, ends }: ProxyHeader): void {
    this.#settle();
    const rest = this.#bytes.subarray(length);
    if (rest.length > 0) this.#socket.unshift(rest);
    // Not within the event: whoever takes the socket over may move its handle.
    queueMicrotask(() => this.#events.admit(ends ?? this.#own));
  }

  #end(): void {
    if (this.#bytes.length === 0 || this.#header !== null) this.leave();
    else this.refuse("the connection ended within the PROXY header", "eof");
  }

  #settle(refusal?: ConnectionError): boolean {
    if (this.#over) return false;
    this.#over = true;
    clearTimeout(this.#deadline);
    const socket = this.#socket;
    socket.off("data", this.#data);
    socket.off("close", this.#gone);
    socket.off("end", this.#gone);
    socket.pause();
    this.#events.over(refusal);
    return true;
  }
}

function hasGone(remote: Endpoint): boolean {
  return "host" in remote && remote.host === "";
}

function networks(trusted: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of trusted) {
    const [address = "", bits, ...more] = text.split("/");
    try {
      if (more.length > 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits))) throw new TypeError("not a network");
      if (bits === undefined) list.addAddress(address, familyOf(address));
      else list.addSubnet(address, Number(bits), familyOf(address));
    } catch (cause) {
      const message = `trusted balancer ${JSON.stringify(text)}: expected an address or a network such as 10.0.0.0/8`;
      throw new TypeError(message, { cause });
    }
  }
  return list;
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIPv6(address) ? "ipv6" : "ipv4";
}
