import { ErrorCode, ErrorDomain } from "../protocol/error-code.ts";
import { RpcError } from "../protocol/rpc-error.ts";

/** The one answer to whatever fails (F122). */
export function authFailed(): RpcError {
  const detail = "authentication failed";
  return new RpcError(`authentication failed: ${detail}`, {
    code: ErrorCode.AUTH_FAILED,
    domain: ErrorDomain.RPC,
    str1: "authentication failed: %s",
    str2: detail,
  });
}

/** What libvirtd answers to AUTH_POLKIT where polkit is not what it wants (observed). */
export function notPolkit(): RpcError {
  const text = "Library function returned error but did not set virError";
  return new RpcError(text, { str1: null, str2: null, int1: 0, int2: 0 });
}

/** virErrorDomain of polkit. */
const POLKIT_DOMAIN = 60;

/** Polkit says no, or can't be asked (F126). */
export function polkitRefused(detail: string): RpcError {
  return new RpcError(`authentication failed: ${detail}`, {
    code: ErrorCode.AUTH_FAILED,
    domain: POLKIT_DOMAIN,
    str1: "authentication failed: %s",
    str2: detail,
  });
}

/** The user who was asked would rather not (F126). */
export function polkitCancelled(): RpcError {
  const detail = "user cancelled authentication process";
  return new RpcError(`authentication cancelled: ${detail}`, {
    code: ErrorCode.AUTH_CANCELLED,
    domain: POLKIT_DOMAIN,
    str1: "authentication cancelled: %s",
    str2: detail,
  });
}

/** There is nobody who could ask the user (F126). */
export function polkitUnanswered(action: string): RpcError {
  const detail = `no polkit agent available to authenticate action '${action}'`;
  return new RpcError(`authentication unavailable: ${detail}`, {
    code: ErrorCode.AUTH_UNAVAILABLE,
    domain: POLKIT_DOMAIN,
    str1: "authentication unavailable: %s",
    str2: detail,
  });
}
