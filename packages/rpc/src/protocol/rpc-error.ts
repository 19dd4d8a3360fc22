import { ErrorCode, ErrorDomain, ErrorLevel } from "./error-code.ts";
import type { VirNetMessageDomain, VirNetMessageError, VirNetMessageNetwork } from "./gen/net.ts";

/** Everything that an error on the wire tells besides its message (F007, libvirt-rpc §1.3). */
export interface RpcErrorDetail {
  /** virErrorNumber; numbers this side does not know pass unchanged. Internal error (1) unless given. */
  readonly code: number;
  /** virErrorDomain, the part of the peer that failed; RPC (7) unless given. */
  readonly domain: number;
  /** 0 none, 1 warning, 2 error; 2 unless given. */
  readonly level: number;
  /** Template of the code, such as `%s`; the function's name in invalid-argument errors. */
  readonly str1: string | null;
  /** What was put into the template; the message unless given. */
  readonly str2: string | null;
  readonly str3: string | null;
  /** -1 unless given; errno in system errors. */
  readonly int1: number;
  readonly int2: number;
  /** Of old servers only; never sent by ours (F008). */
  readonly dom: VirNetMessageDomain;
  /** Of old servers only; never sent by ours (F008). */
  readonly net: VirNetMessageNetwork;
}

/** The peer, or a handler of ours, said no. On a server this is the one error whose text reaches the client. */
export class RpcError extends Error implements RpcErrorDetail {
  override readonly name = "RpcError";
  readonly code: number;
  readonly domain: number;
  readonly level: number;
  readonly str1: string | null;
  readonly str2: string | null;
  readonly str3: string | null;
  readonly int1: number;
  readonly int2: number;
  readonly dom: VirNetMessageDomain;
  readonly net: VirNetMessageNetwork;

  constructor(message: string, detail: Partial<RpcErrorDetail> = {}, options?: { cause?: unknown }) {
    super(message, options);
    this.code = detail.code ?? ErrorCode.INTERNAL_ERROR;
    this.domain = detail.domain ?? ErrorDomain.RPC;
    this.level = detail.level ?? ErrorLevel.ERROR;
    this.str1 = detail.str1 === undefined ? "%s" : detail.str1;
    this.str2 = detail.str2 === undefined ? message : detail.str2;
    this.str3 = detail.str3 ?? null;
    this.int1 = detail.int1 ?? -1;
    this.int2 = detail.int2 ?? -1;
    this.dom = detail.dom ?? null;
    this.net = detail.net ?? null;
  }
}

/** The error object as it travels. */
export function errorToWire(error: RpcError): VirNetMessageError {
  const { code, domain, message, level, dom, str1, str2, str3, int1, int2, net } = error;
  return { code, domain, message, level, dom, str1, str2, str3, int1, int2, net };
}

/** The error that the peer sent, all eleven fields kept (F022). */
export function errorFromWire(wire: VirNetMessageError): RpcError {
  return new RpcError(wire.message ?? `error ${wire.code} without a message`, wire);
}
