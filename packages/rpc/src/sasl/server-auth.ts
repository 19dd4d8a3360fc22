import { type BuiltinName, builtinServer, isBuiltin, missingMechanism, needsUsers } from "./builtin.ts";
import type { FindKeys, KeyStore } from "./key-store.ts";
import type { SaslExchange, SaslServerContext, SaslServerProvider } from "./mechanism.ts";
import { SaslError } from "./sasl-error.ts";

export interface SaslServerOptions {
  /** Who may log in with SCRAM and PLAIN: `keyFile("/etc/x/users")`, or a function that gives a user's keys. */
  readonly users?: KeyStore | FindKeys;
  /**
   * What is offered, in this order. Unless given: SCRAM-SHA-512 and -256 with and without `-PLUS` where there are `users`, and
   * all that `providers` have.
   */
  readonly mechanisms?: readonly (BuiltinName | (string & {}))[];
  /** Where further mechanisms come from, such as the machine's Cyrus library. */
  readonly providers?: readonly SaslServerProvider[];
  /** Patterns with `*` and `?` for the names of users; all are let in when absent, nobody when empty (F121). */
  readonly allow?: readonly string[];
  /** The realm of users who name none. Without one users are called as they call themselves. */
  readonly realm?: string;
  /** The name of the service in Kerberos principals; `libvirt` unless given. */
  readonly service?: string;
  /** The host in those principals; this machine's name unless given. */
  readonly host?: string;
  /**
   * On plain TCP, the least strength in bits of a mechanism's security layer; 56 unless given, as in libvirt. On TLS and UNIX
   * sockets no layer is wanted. 0 offers all mechanisms on plain TCP, passwords in clear included: for tests only.
   */
  readonly minSsf?: number;
  readonly limits?: Partial<AuthLimits>;
  /** Told of each attempt that failed, and why; the client itself learns no reason. Names may be in it, secrets never. */
  readonly onRefused?: (refusal: SaslError) => void;
}

/** What those may do who have not said who they are. */
export interface AuthLimits {
  /** How long they may stay, in milliseconds; a minute. */
  readonly deadlineMs: number;
  /** How many of them may be there at a time; 20, as libvirtd's max_anonymous_clients. Further ones wait. */
  readonly clients: number;
  /** While others wait, who has been there for so long has to go, in milliseconds; 5 s. */
  readonly graceMs: number;
  /** The answer to a failed attempt comes so long after it, in milliseconds, whatever it failed by; a second. */
  readonly delayMs: number;
  /** Failed attempts of one connection, then it is closed; 6. */
  readonly attempts: number;
  /** Failed attempts of one address in a minute, then all of its attempts fail for a while; 30. UNIX sockets have no address. */
  readonly attemptsPerAddress: number;
}

/** What a service demands of its clients, checked and ready. */
export interface SaslServer {
  readonly kind: "sasl";
  readonly limits: AuthLimits;
  readonly allow: readonly string[] | undefined;
  readonly realm: string | null;
  readonly service: string;
  readonly host: string | null;
  readonly minSsf: number;
  readonly onRefused: ((refusal: SaslError) => void) | undefined;
  /** The mechanisms that a connection may use, in the order of the offer. */
  mechanisms(context: SaslServerContext): Promise<readonly string[]>;
  /** Begins with one of them. Throws or rejects with `SaslError`. */
  start(mechanism: string, context: SaslServerContext): Promise<SaslExchange>;
}

const defaultLimits: AuthLimits = {
  deadlineMs: 60_000,
  clients: 20,
  graceMs: 5000,
  delayMs: 1000,
  attempts: 6,
  attemptsPerAddress: 30,
};

/**
 * Authentication for `server.listen(address, { auth: saslServer({ users }) })`. Throws `TypeError` for mechanisms that nobody
 * has, and `RangeError` for limits that can't be.
 */
export function saslServer(options: SaslServerOptions): SaslServer {
  const { users, providers = [], mechanisms, minSsf = 56 } = options;
  const all = providersOf(options);
  if (all.length === 0) throw new TypeError("saslServer needs users, or providers of mechanisms");
  if (!(minSsf >= 0)) throw new RangeError(`minSsf is ${minSsf}, expected a number of bits`);
  const unknown = mechanisms?.find((name) => !isBuiltin(name) && providers.length === 0);
  if (unknown !== undefined) throw new TypeError(missingMechanism(unknown, "server"));
  const homeless = mechanisms?.find((name) => needsUsers(name) && users === undefined && providers.length === 0);
  if (homeless !== undefined) throw new TypeError(`mechanism ${homeless} needs users`);
  const { allow, realm = null, service = "libvirt", host = null, onRefused } = options;
  return {
    kind: "sasl",
    limits: authLimits(options.limits),
    allow,
    realm,
    service,
    host,
    minSsf,
    onRefused,
    async mechanisms(context) {
      const had = new Set((await Promise.all(all.map((provider) => provider.mechanisms(context)))).flat());
      return mechanisms === undefined ? [...had] : mechanisms.filter((name) => had.has(name));
    },
    async start(name, context) {
      for (const provider of all) {
        if ((await provider.mechanisms(context)).includes(name)) return provider.start(name, context);
      }
      throw new SaslError(`mechanism ${name} can't be used here`);
    },
  };
}

/** Ours first: who gives users means them. */
function providersOf({ users, providers = [], mechanisms }: SaslServerOptions): readonly SaslServerProvider[] {
  const usual = users === undefined ? [] : usualMechanisms;
  const names = (mechanisms ?? usual).filter((name) => isBuiltin(name) && (users !== undefined || !needsUsers(name)));
  return names.length === 0 ? providers : [builtinServer(names, users), ...providers];
}

const usualMechanisms: readonly BuiltinName[] = [
  "SCRAM-SHA-512-PLUS",
  "SCRAM-SHA-256-PLUS",
  "SCRAM-SHA-512",
  "SCRAM-SHA-256",
];

/** A timer of more than this goes off at once. */
const LONGEST_MS = 2_147_483_647;

/** With what is not given filled in. Throws `RangeError` for what can't be. */
export function authLimits(given: Partial<AuthLimits> = {}): AuthLimits {
  const limits = { ...defaultLimits, ...given };
  for (const name of ["deadlineMs", "clients", "attempts", "attemptsPerAddress"] as const) {
    if (!(limits[name] >= 1)) throw new RangeError(`limit ${name} is ${limits[name]}, expected at least 1`);
  }
  for (const name of ["graceMs", "delayMs"] as const) {
    if (!(limits[name] >= 0)) throw new RangeError(`limit ${name} is ${limits[name]}, expected at least 0`);
  }
  for (const name of ["deadlineMs", "graceMs", "delayMs"] as const) {
    if (limits[name] > LONGEST_MS)
      throw new RangeError(`limit ${name} is ${limits[name]}, expected at most ${LONGEST_MS}`);
  }
  return limits;
}
