import { expect, it } from "vitest";
import { isIncurable } from "../../src/client/incurable.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { RpcError } from "../../src/protocol/rpc-error.ts";
import { SaslError } from "../../src/sasl/sasl-error.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { MissingPackageError } from "../../src/util/optional-package.ts";
import { XdrError } from "../../src/xdr/error.ts";

it.each([
  new RpcError("authentication failed", { code: ErrorCode.AUTH_FAILED }),
  new RpcError("no polkit agent", { code: ErrorCode.AUTH_UNAVAILABLE }),
  new RpcError("no driver", { code: ErrorCode.NO_CONNECT }),
  new RpcError("access denied", { code: ErrorCode.ACCESS_DENIED }),
  new SaslError("the server knows none of our mechanisms"),
  new ConnectionError("we do not accept the server's certificate", "refused"),
  new MissingPackageError("ssh2 is not installed"),
  new TypeError("no URI"),
  new RangeError("port 70000"),
])("no attempt can help against: %s", (error) => {
  expect(isIncurable(error)).toBe(true);
});

it.each([
  new ConnectionError("nobody listens there", "error"),
  new ConnectionError("the server closed the connection", "eof"),
  new ConnectionError("no sign of life", "keepalive"),
  new RpcError("the driver is not ready", { code: ErrorCode.INTERNAL_ERROR }),
  new XdrError("too short", { offset: 0 }),
  new Error("the token could not be fetched"),
  undefined,
])("another attempt may help against: %s", (error) => {
  expect(isIncurable(error)).toBe(false);
});
