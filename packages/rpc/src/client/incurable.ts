import { ErrorCode } from "../protocol/error-code.ts";
import { RpcError } from "../protocol/rpc-error.ts";
import { SaslError } from "../sasl/sasl-error.ts";
import { ConnectionError } from "../util/connection-error.ts";
import { MissingPackageError } from "../util/optional-package.ts";

/** What a server says of who we are, of what we may, and of what we want. */
const refusals: ReadonlySet<number> = new Set([
  ErrorCode.NO_SUPPORT,
  ErrorCode.NO_CONNECT,
  ErrorCode.INVALID_ARG,
  ErrorCode.OPERATION_DENIED,
  ErrorCode.AUTH_FAILED,
  ErrorCode.AUTH_CANCELLED,
  ErrorCode.AUTH_UNAVAILABLE,
  ErrorCode.ACCESS_DENIED,
]);

/**
 * Would another attempt fail in the same way? Yes for a caller's mistake (`TypeError` and `RangeError`: an address or URI
 * that can't be one, credentials that can't be used), for a package that is not installed, for an authentication that
 * failed on either side, for a server that we do not accept, and for a server that refuses what we ask of it. No for all
 * else, such as a server that is not there, does not answer, or breaks off.
 */
export function isIncurable(error: unknown): boolean {
  if (error instanceof RpcError) return refusals.has(error.code);
  if (error instanceof ConnectionError) return error.reason === "refused";
  return [TypeError, RangeError, SaslError, MissingPackageError].some((kind) => error instanceof kind);
}
