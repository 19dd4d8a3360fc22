import { parseArgs } from "node:util";
import type { TcpEndpoint, TestdOptions } from "./testd.ts";

/** What the command line asks for. */
export type Command =
  | { readonly kind: "help" | "version" }
  | { readonly kind: "run"; readonly options: TestdOptions; readonly json: boolean };

/** The command line makes no sense; the message says why. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const HELP = `Usage: virnet-testd [--socket PATH]... [--listen HOST:PORT]... [options]

A stand-in for libvirtd with the content of test:///default, in memory.
Anyone who reaches it may do everything: there is no authentication.

  --socket PATH       listen on a UNIX socket
  --listen HOST:PORT  listen on a TCP port; port 0 takes a free one
  --mdns [NAME]       advertise the first TCP port as _libvirt._tcp (Virtualization Host and the host's name)
  --socket-mode MODE  permissions of the UNIX sockets, octal (0600)
  --json              tell pid and addresses as one line of JSON
  --help, --version
`;

/** Reads arguments; throws `UsageError` for those that make no sense. */
export function readCommandLine(args: readonly string[]): Command {
  const { socket = [], listen = [], "socket-mode": mode, mdns, json, help, version } = parse(args);
  if (help === true) return { kind: "help" };
  if (version === true) return { kind: "version" };
  if (socket.length + listen.length === 0) throw new UsageError("give --socket or --listen, at least once");
  const options = {
    sockets: socket,
    listen: listen.map(readEndpoint),
    ...(mode === undefined ? {} : { socketMode: readMode(mode) }),
    ...(mdns === undefined ? {} : { mdns }),
  };
  return { kind: "run", options, json: json === true };
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
  mdns: { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
} as const;

const LARGEST_PORT = 65_535;

function readEndpoint(text: string): TcpEndpoint {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port > LARGEST_PORT) throw new UsageError(`--listen wants HOST:PORT, not '${text}'`);
  return { host, port };
}

function readMode(text: string): number {
  if (!/^[0-7]{3,4}$/.test(text))
    throw new UsageError(`--socket-mode wants an octal number such as 0660, not '${text}'`);
  return Number.parseInt(text, 8);
}
