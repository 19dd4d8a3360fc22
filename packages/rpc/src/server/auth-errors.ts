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
