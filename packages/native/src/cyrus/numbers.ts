/* Numbers of sasl/sasl.h, Cyrus SASL 2.1. */

/** What the functions return. */
export const results = { ok: 0, continue: 1, interact: 2, noMechanism: -4, notInitialized: -12 } as const;

export const connectionFlags = { successData: 0x4 } as const;

export const pathKinds = { config: 1 } as const;

/** Of sasl_setprop and sasl_getprop. */
export const properties = {
  user: 0,
  ssf: 1,
  maxOutput: 2,
  host: 13,
  channelBinding: 21,
  externalSsf: 100,
  security: 101,
  externalUser: 102,
} as const;

export const securityFlags = { noPlaintext: 0x1, noAnonymous: 0x10 } as const;

export const callbackIds = {
  end: 0,
  user: 0x4001,
  authname: 0x4002,
  passphrase: 0x4004,
  echoprompt: 0x4005,
  noechoprompt: 0x4006,
  realm: 0x4008,
} as const;
