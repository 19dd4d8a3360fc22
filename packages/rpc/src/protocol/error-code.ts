/** The error numbers that the RPC layer itself raises or understands (libvirt-rpc §4). */
export const ErrorCode = {
  INTERNAL_ERROR: 1,
  NO_SUPPORT: 3,
  NO_CONNECT: 5,
  INVALID_ARG: 8,
  OPERATION_FAILED: 9,
  OPERATION_DENIED: 29,
  RPC: 39,
  AUTH_FAILED: 45,
  OPERATION_INVALID: 55,
  AUTH_CANCELLED: 79,
  ACCESS_DENIED: 88,
  AUTH_UNAVAILABLE: 94,
} as const;

/** The parts of libvirt that the RPC layer speaks for or listens to (libvirt-rpc §4). */
export const ErrorDomain = { RPC: 7, REMOTE: 13, STREAMS: 38 } as const;

export const ErrorLevel = { NONE: 0, WARNING: 1, ERROR: 2 } as const;
