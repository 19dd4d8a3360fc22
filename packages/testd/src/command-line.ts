import { parseArgs } from "node:util";
import type { ScramName } from "virnet/sasl";
import type { ActivatedSocket } from "virnet/systemd";
import type { TcpEndpoint, TestdOptions } from "./testd.ts";
import type { UsersAction } from "./users-command.ts";

/** What the command line asks for. */
export type Command =
  | { readonly kind: "help" | "version" }
  | { readonly kind: "users"; readonly action: UsersAction }
  | {
      readonly kind: "run";
      readonly options: TestdOptions;
      /** A login to demand. */
      readonly login: LoginArgs | null;
      readonly json: boolean;
      /** To load `@virnet/native/unix`. */
      readonly native: boolean;
      /** To tell of clients that come and go. */
      readonly clients: boolean;
    };

/** What `--sasl` and its like say. */
export interface LoginArgs {
  readonly mechanisms: readonly string[];
  /** A file of users. */
  readonly users: string | null;
  readonly allow: readonly string[] | null;
  readonly realm: string | null;
  /** The folder of Cyrus SASL's configuration. */
  readonly config: string | null;
}

/** The command line makes no sense; the message says why. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const HELP = `Usage: virnet-testd [--socket PATH]... [--listen HOST:PORT]... [options]
       virnet-testd users add|remove USER FILE [--mech MECHS]
       virnet-testd users list FILE

A stand-in for libvirtd with the content of test:///default, in memory.
Sockets that systemd has opened are served too, those named unix and tcp.
Anyone who reaches it may do everything, unless --tls or --sasl demand something.

  --socket PATH       listen on a UNIX socket
  --listen HOST:PORT  listen on a TCP port; port 0 takes a free one
  --tls HOST[:PORT]   listen on a TCP port with TLS, 16514 unless given; SIGHUP reads the certificates again
  --pki DIR           its cacert.pem, servercert.pem, serverkey.pem and, if there, cacrl.pem
  --allowed-dn DN     let in only this name over TLS, as virt-pki-query-dn prints it, or with * and ?; may be repeated
  --sasl MECHS        demand a login with one of these mechanisms, such as SCRAM-SHA-256,PLAIN; on plain TCP only those
                      that encrypt are offered, such as GSSAPI and DIGEST-MD5; these, and the others without --users,
                      come from the machine's Cyrus SASL through @virnet/native
  --users FILE        who may log in; "users add" writes it, with the password from standard input
  --sasl-config DIR   the folder of Cyrus SASL's libvirt.conf, where that is not the system's
  --allowed-user NAME let in only this user, or with * and ?; may be repeated
  --realm REALM       the realm of users who name none
  --polkit            ask polkit about clients of the UNIX sockets; takes --native
  --mdns [NAME]       advertise the first TCP port as _libvirt._tcp (Virtualization Host and the host's name)
  --proxied-by NET    TCP ports take only connections of this balancer, an address or a network such as 10.0.0.0/8,
                      with a header of the PROXY protocol that tells the client; may be repeated
  --socket-mode MODE  permissions of the UNIX sockets, octal (0600)
  --keepalive-interval SECONDS  of silence until a client is asked for a sign of life (5); 0 is never
  --keepalive-count N           questions without an answer until it is disconnected (5)
  --json              tell pid and addresses as one line of JSON
  --native            know who the clients of UNIX sockets are, and let them pass descriptors; needs @virnet/native
  --clients           tell of each client that comes and goes, as lines of JSON on standard error
  --help, --version
`;

/** Reads arguments; throws `UsageError` for those that make no sense. */
export function readCommandLine(args: readonly string[], activated: readonly ActivatedSocket[] = []): Command {
  if (args[0] === "users") return { kind: "users", action: readUsersAction(args.slice(1)) };
  const { socket = [], listen = [], "socket-mode": mode, mdns, json, help, version, ...others } = parse(args);
  const { "proxied-by": balancers, clients, native, ...more } = others;
  const { "keepalive-interval": interval, "keepalive-count": count, ...guarded } = more;
  const { sasl, users, "allowed-user": allow, realm, "sasl-config": config, polkit, ...secure } = guarded;
  if (help === true) return { kind: "help" };
  if (version === true) return { kind: "version" };
  if (socket.length + listen.length + activated.length === 0 && secure.tls === undefined)
    throw new UsageError("give --socket, --listen or --tls, at least once");
  if (polkit === true && native !== true) throw new UsageError("--polkit takes --native: who asks must be known");
  const options = {
    sockets: socket,
    listen: listen.map((text) => readEndpoint(text)),
    ...(activated.length === 0 ? {} : { activated }),
    ...(mode === undefined ? {} : { socketMode: readMode(mode) }),
    ...(mdns === undefined ? {} : { mdns }),
    ...readKeepalive(interval, count),
    ...(balancers === undefined ? {} : { balancers }),
    ...(polkit === true && { polkit: {} }),
    ...readTls(secure),
  };
  const login = readLogin({ sasl, users, allow, realm, config });
  return { kind: "run", options, login, json: json === true, clients: clients === true, native: native === true };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: args.map(withValue), options: OPTIONS, strict: true, allowPositionals: false }).values;
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** `--mdns` may come without a name, which parseArgs has no word for. */
function withValue(arg: string, i: number, args: readonly string[]): string {
  if (arg !== "--mdns") return arg;
  const next = args[i + 1];
  return next === undefined || next.startsWith("-") ? "--mdns=" : arg;
}

const OPTIONS = {
  socket: { type: "string", multiple: true },
  listen: { type: "string", multiple: true },
  "socket-mode": { type: "string" },
  "proxied-by": { type: "string", multiple: true },
  mdns: { type: "string" },
  tls: { type: "string" },
  pki: { type: "string" },
  "allowed-dn": { type: "string", multiple: true },
  sasl: { type: "string" },
  users: { type: "string" },
  "allowed-user": { type: "string", multiple: true },
  realm: { type: "string" },
  polkit: { type: "boolean" },
  "sasl-config": { type: "string" },
  "keepalive-interval": { type: "string" },
  "keepalive-count": { type: "string" },
  json: { type: "boolean" },
  clients: { type: "boolean" },
  native: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
} as const;

/** No whole number of seconds is too small, and beyond this nobody means seconds. */
const LARGEST_NUMBER = 86_400;

const LARGEST_PORT = 65_535;

const TLS_PORT = 16_514;

interface SecureArgs {
  readonly tls?: string;
  readonly pki?: string;
  readonly "allowed-dn"?: readonly string[];
}

function readTls({ tls, pki, "allowed-dn": allowedDn }: SecureArgs): Pick<TestdOptions, "tls"> {
  if ((tls === undefined) !== (pki === undefined)) throw new UsageError("--tls and --pki belong together");
  if (tls === undefined || pki === undefined) {
    if (allowedDn !== undefined) throw new UsageError("--allowed-dn is for clients of --tls");
    return {};
  }
  return { tls: { ...readTlsEndpoint(tls), pki, ...(allowedDn && { allowedDn }) } };
}

interface LoginText {
  readonly sasl: string | undefined;
  readonly users: string | undefined;
  readonly allow: readonly string[] | undefined;
  readonly realm: string | undefined;
  readonly config: string | undefined;
}

function readLogin({ sasl, users, allow, realm, config }: LoginText): LoginArgs | null {
  if (sasl === undefined) {
    if ([users, allow, realm, config].some((value) => value !== undefined))
      throw new UsageError("--users, --allowed-user, --realm and --sasl-config are for --sasl");
    return null;
  }
  const mechanisms = sasl.split(",").filter((name) => name !== "");
  if (mechanisms.length === 0) throw new UsageError("--sasl wants mechanisms, with commas between them");
  return { mechanisms, users: users ?? null, allow: allow ?? null, realm: realm ?? null, config: config ?? null };
}

function readUsersAction(args: readonly string[]): UsersAction {
  const { values, positionals } = parseUsers(args);
  const [kind, ...rest] = positionals;
  if (kind === "list" && rest.length === 1 && rest[0] !== undefined) return { kind, file: rest[0] };
  const [user, file] = rest;
  if ((kind !== "add" && kind !== "remove") || user === undefined || file === undefined || rest.length > 2)
    throw new UsageError("users wants: add USER FILE, remove USER FILE, or list FILE");
  return kind === "remove" ? { kind, user, file } : { kind, user, file, mechanisms: readScramNames(values.mech) };
}

function parseUsers(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: { mech: { type: "string" } }, strict: true, allowPositionals: true });
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

const SCRAM_NAMES: readonly ScramName[] = ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"];

function readScramNames(text: string | undefined): readonly ScramName[] | null {
  if (text === undefined) return null;
  return text.split(",").map((name) => {
    const known = SCRAM_NAMES.find((scram) => scram === name);
    if (known === undefined) throw new UsageError(`--mech wants some of ${SCRAM_NAMES.join(",")}, not '${name}'`);
    return known;
  });
}

/** As libvirtd.conf has them; its interval -1 is one way of saying never. */
function readKeepalive(interval = "5", count = "5"): Pick<TestdOptions, "keepalive"> {
  if (/^(0|-1)$/.test(interval)) return { keepalive: false };
  const seconds = readNumber("--keepalive-interval", interval);
  return { keepalive: { interval: seconds * 1000, count: readNumber("--keepalive-count", count) } };
}

function readNumber(option: string, text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= LARGEST_NUMBER) return Number(text);
  throw new UsageError(`${option} wants a number up to ${LARGEST_NUMBER}, not '${text}'`);
}

function readTlsEndpoint(text: string): TcpEndpoint {
  return readEndpoint(/\]$|^[^:]+$/.test(text) ? `${text}:${TLS_PORT}` : text, "--tls");
}

function readEndpoint(text: string, option = "--listen"): TcpEndpoint {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port > LARGEST_PORT) throw new UsageError(`${option} wants HOST:PORT, not '${text}'`);
  return { host, port };
}

function readMode(text: string): number {
  if (!/^[0-7]{3,4}$/.test(text))
    throw new UsageError(`--socket-mode wants an octal number such as 0660, not '${text}'`);
  return Number.parseInt(text, 8);
}
