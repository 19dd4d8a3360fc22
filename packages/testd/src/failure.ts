import { RpcError } from "virnet";

/** The numbers of virErrorNumber that this daemon raises. */
export const Code = {
  INTERNAL_ERROR: 1,
  NO_SUPPORT: 3,
  NO_CONNECT: 5,
  INVALID_ARG: 8,
  OPERATION_FAILED: 9,
  NO_SOURCE: 19,
  NO_TARGET: 20,
  NO_NAME: 21,
  XML_ERROR: 27,
  OPERATION_DENIED: 29,
  XML_DETAIL: 35,
  SYSTEM_ERROR: 38,
  RPC: 39,
  NO_DOMAIN: 42,
  NO_NETWORK: 43,
  NO_STORAGE_POOL: 49,
  NO_STORAGE_VOL: 50,
  NO_NODE_DEVICE: 53,
  OPERATION_INVALID: 55,
  NO_INTERFACE: 57,
  INVALID_SECRET: 65,
  NO_SECRET: 66,
  CONFIG_UNSUPPORTED: 67,
  NO_DOMAIN_SNAPSHOT: 72,
  ARGUMENT_UNSUPPORTED: 74,
  NO_DOMAIN_METADATA: 80,
  OPERATION_UNSUPPORTED: 84,
  NO_DOMAIN_CHECKPOINT: 103,
} as const;

/** The numbers of virErrorDomain: which part of libvirt an error claims to come from. */
export const From = {
  NONE: 0,
  XML: 5,
  RPC: 7,
  TEST: 12,
  STORAGE: 18,
  NETWORK: 19,
  DOMAIN: 20,
  NODEDEV: 22,
  INTERFACE: 26,
  SECRET: 30,
  CPU: 31,
  NWFILTER: 33,
  DOMAIN_SNAPSHOT: 35,
  STREAMS: 38,
  DOMAIN_CHECKPOINT: 69,
} as const;

/** What libvirt says for a code: without and with a detail. */
const TEXTS: Readonly<Record<number, readonly [bare: string, detailed: string]>> = {
  [Code.INTERNAL_ERROR]: ["internal error", "internal error: %s"],
  [Code.NO_SUPPORT]: [
    "this function is not supported by the connection driver",
    "this function is not supported by the connection driver: %s",
  ],
  [Code.NO_CONNECT]: ["no connection driver available", "no connection driver available for %s"],
  [Code.INVALID_ARG]: ["invalid argument", "invalid argument: %s"],
  [Code.OPERATION_FAILED]: ["operation failed", "operation failed: %s"],
  [Code.NO_SOURCE]: ["missing source information for device", "missing source information for device %s"],
  [Code.NO_TARGET]: ["missing target information for device", "missing target information for device %s"],
  [Code.NO_NAME]: ["missing name information", "missing name information in %s"],
  [Code.XML_ERROR]: ["XML description is invalid or not well formed", "XML error: %s"],
  [Code.OPERATION_DENIED]: ["operation forbidden for read only access", "operation forbidden: %s"],
  [Code.NO_DOMAIN]: ["Domain not found", "Domain not found: %s"],
  [Code.NO_NETWORK]: ["Network not found", "Network not found: %s"],
  [Code.NO_STORAGE_POOL]: ["Storage pool not found", "Storage pool not found: %s"],
  [Code.NO_STORAGE_VOL]: ["Storage volume not found", "Storage volume not found: %s"],
  [Code.NO_NODE_DEVICE]: ["Node device not found", "Node device not found: %s"],
  [Code.OPERATION_INVALID]: ["Requested operation is not valid", "Requested operation is not valid: %s"],
  [Code.NO_INTERFACE]: ["Interface not found", "Interface not found: %s"],
  [Code.INVALID_SECRET]: ["Invalid secret", "Invalid secret: %s"],
  [Code.NO_SECRET]: ["Secret not found", "Secret not found: %s"],
  [Code.CONFIG_UNSUPPORTED]: ["unsupported configuration", "unsupported configuration: %s"],
  [Code.NO_DOMAIN_SNAPSHOT]: ["Domain snapshot not found", "Domain snapshot not found: %s"],
  [Code.ARGUMENT_UNSUPPORTED]: ["argument unsupported", "argument unsupported: %s"],
  [Code.NO_DOMAIN_METADATA]: ["metadata not found", "metadata not found: %s"],
  [Code.OPERATION_UNSUPPORTED]: ["Operation not supported", "Operation not supported: %s"],
  [Code.NO_DOMAIN_CHECKPOINT]: ["Domain checkpoint not found", "Domain checkpoint not found: %s"],
};

/** The error libvirt would raise for `code`, worded as libvirt words it; `detail` fills the code's template. */
export function failure(code: number, domain: number, detail: string | null = null): RpcError {
  const [bare, detailed] = TEXTS[code] ?? ["%s", "%s"];
  const str1 = detail === null ? bare : detailed;
  const message = detail === null ? bare : detailed.replace("%s", () => detail);
  return new RpcError(message, { code, domain, str1, str2: detail });
}

export function internalError(detail: string, domain: number = From.TEST): RpcError {
  return failure(Code.INTERNAL_ERROR, domain, detail);
}

export function invalidArgument(detail: string, domain: number = From.TEST): RpcError {
  return failure(Code.INVALID_ARG, domain, detail);
}

export function operationInvalid(detail: string, domain: number = From.TEST): RpcError {
  return failure(Code.OPERATION_INVALID, domain, detail);
}

export function operationFailed(detail: string, domain: number = From.TEST): RpcError {
  return failure(Code.OPERATION_FAILED, domain, detail);
}

export function unsupportedConfig(detail: string, domain: number = From.DOMAIN): RpcError {
  return failure(Code.CONFIG_UNSUPPORTED, domain, detail);
}

export function xmlError(detail: string, domain: number): RpcError {
  return failure(Code.XML_ERROR, domain, detail);
}

/** An argument that an API refuses by itself; `text` is the whole message, naming `argument` of `api`. */
export function badArgument(text: string, api: string, argument: string, domain: number = From.DOMAIN): RpcError {
  return new RpcError(text, { code: Code.INVALID_ARG, domain, str1: api, str2: argument, int1: 0, int2: 0 });
}

/** A driver that fails without a reason: libvirt then has nothing better to say. */
export function unexplained(): RpcError {
  const text = "Library function returned error but did not set virError";
  const silent = { str1: null, str2: null, int1: 0, int2: 0 };
  return new RpcError(text, { code: Code.INTERNAL_ERROR, domain: From.RPC, ...silent });
}

/** `what` failed as the system said; `errno` travels along as in libvirt. */
export function systemError(what: string, cause: NodeJS.ErrnoException, domain: number = From.TEST): RpcError {
  const message = `${what}: ${SYSTEM_TEXTS[cause.code ?? ""] ?? cause.message}`;
  const detail = { code: Code.SYSTEM_ERROR, domain, str1: "%s", str2: message, int1: Math.abs(cause.errno ?? 0) };
  return new RpcError(message, detail);
}

const SYSTEM_TEXTS: Readonly<Record<string, string>> = {
  EACCES: "Permission denied",
  EISDIR: "Is a directory",
  ENOENT: "No such file or directory",
  ENOSPC: "No space left on device",
  ENOTDIR: "Not a directory",
  EPERM: "Operation not permitted",
  EROFS: "Read-only file system",
};

/** Refuses flags that `api` of the test driver does not know. */
export function onlyFlags(flags: number, known: number, api: string): void {
  const unknown = (flags & ~known) >>> 0;
  if (unknown === 0) return;
  throw badArgument(`unsupported flags (0x${unknown.toString(16)}) in function ${api}`, api, "flags", From.TEST);
}

/** Refuses a question about both of a domain's descriptions at once. */
export function exclusiveImpact(flags: number, api: string, domain: number): void {
  if ((flags & 3) !== 3) return;
  const text = "Flags 'VIR_DOMAIN_AFFECT_LIVE' and 'VIR_DOMAIN_AFFECT_CONFIG' are mutually exclusive";
  throw badArgument(text, api, "flags", domain);
}
