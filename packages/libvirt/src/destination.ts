import { type Address, commandEnvironment, type SshRelay } from "virnet";
import { type DaemonSocket, daemonSocket, isSession } from "./daemon-socket.ts";
import type { Surroundings } from "./surroundings.ts";
import {
  type LibvirtUri,
  type SocketMode,
  type Ssh2Uri,
  type SshProxy,
  type SshUri,
  type TlsTarget,
  type UnixUri,
} from "./uri.ts";
import { UriError } from "./uri-error.ts";
import { openName } from "./uri-format.ts";
import { parseLibvirtUri } from "./uri-parse.ts";

/** Where a URI leads from here. */
export interface Destination {
  readonly uri: LibvirtUri;
  /** Where the URI came from, for people: `LIBVIRT_DEFAULT_URI`, `alias web in FILE`… */
  readonly source: string;
  readonly address: Address;
  /** With transport `tls` only. */
  readonly tls: TlsTarget | null;
  /** The daemon to start should nobody listen; `null` where that is not ours to do. */
  readonly autostart: DaemonSocket | null;
  /** What it was decided by. */
  readonly surroundings: Surroundings;
}

/**
 * Finds the way. `text` is a URI, an alias of libvirt.conf, or `null` for the default: LIBVIRT_DEFAULT_URI, uri_default,
 * else the local daemon, which looks for a driver itself. Throws {@link UriError}.
 */
export function findDestination(text: string | null, readonly: boolean, surroundings: Surroundings): Destination {
  const [chosen, source] = choose(text, surroundings);
  const uri = parseLibvirtUri(chosen);
  const { address, options } = uri;
  const base = { uri, source, tls: null, autostart: null, surroundings };
  switch (address.transport) {
    case "unix":
      return { ...base, ...localSocket(uri, address, readonly, surroundings) };
    case "tcp":
      return { ...base, address: { host: address.host, port: address.port } };
    case "tls": {
      const { host, port, pkipath, sanity, verify, priority } = address;
      const tls = { pkipath, sanity, verify, priority: priority ?? surroundings.config.tlsPriority };
      return { ...base, address: { host, port }, tls };
    }
    case "ext": {
      const { command, argv } = address;
      return { ...base, address: { command, args: argv, env: commandEnvironment(surroundings.env) } };
    }
    case "ssh":
      return { ...base, address: sshAddress(address, options.user, relayOf(uri, address, readonly, surroundings)) };
    case "libssh":
    case "libssh2":
      return { ...base, address: ssh2Address(uri, address, readonly, surroundings) };
  }
}

/** A URI with the name that nobody has to write: the local daemon looks for a driver. */
const PROBE = "remote:///";

function choose(text: string | null, { env, config, configFile }: Surroundings): [uri: string, source: string] {
  if (text !== null && text !== "") return expand(text, "as given");
  const fromEnvironment = env["LIBVIRT_DEFAULT_URI"];
  if (fromEnvironment !== undefined && fromEnvironment !== "") return expand(fromEnvironment, "LIBVIRT_DEFAULT_URI");
  if (config.uriDefault !== null) return expand(config.uriDefault, `uri_default of ${configFile}`);
  return [PROBE, "no URI is given: the local daemon decides"];

  function expand(name: string, source: string): [string, string] {
    const target = config.uriAliases.get(name);
    return target === undefined ? [name, source] : [target, `alias ${name} of ${configFile}`];
  }
}

function localSocket(
  { driver, path }: LibvirtUri,
  { socket, mode }: UnixUri,
  readonly: boolean,
  surroundings: Surroundings,
): Pick<Destination, "address" | "autostart"> {
  if (socket !== null) return { address: { path: socket }, autostart: null };
  const question = { driver, path, mode: mode ?? usualMode(surroundings), readonly };
  const found = daemonSocket(question, surroundings);
  const starts = found.session && surroundings.env["LIBVIRT_AUTOSTART"] !== "0";
  return { address: { path: found.path }, autostart: starts ? found : null };
}

function usualMode({ config, configFile }: Surroundings): SocketMode {
  const mode = config.remoteMode ?? "auto";
  if (mode === "auto" || mode === "legacy" || mode === "direct") return mode;
  throw new UriError(`${configFile}: remote_mode is ${JSON.stringify(mode)}, expected auto, legacy or direct`);
}

function sshAddress(address: SshUri, user: string | null, relay: SshRelay): Address {
  const { host, port, keyfile, command, tty, verify } = address;
  return {
    ssh: host,
    ...(port !== null && { port }),
    ...(user !== null && { user }),
    ...(keyfile !== null && { keyfile }),
    ...(command !== null && { program: command }),
    batch: !tty,
    verify,
    ...relay,
  };
}

/** Hosts are known by libvirt's own file, as with libvirt. */
function ssh2Address(uri: LibvirtUri, address: Ssh2Uri, readonly: boolean, surroundings: Surroundings): Address {
  const { host, port, keyfile, knownHosts, knownHostsVerify, sshauth } = address;
  const { user } = uri.options;
  return {
    ssh2: host,
    ...(port !== null && { port }),
    ...(user !== null && { user }),
    ...(keyfile !== null && { keyfile }),
    ...(sshauth !== null && { methods: sshauth }),
    knownHosts: knownHosts ?? `${surroundings.configDir}/known_hosts`,
    knownHostsVerify: knownHostsVerify ?? "normal",
    ...relayOf(uri, address, readonly, surroundings),
  };
}

/** What runs on the far side: libvirt's own rules (libvirt-rpc §2.2). */
function relayOf(
  uri: LibvirtUri,
  { socket, mode, proxy, netcat }: SshUri | Ssh2Uri,
  readonly: boolean,
  surroundings: Surroundings,
): SshRelay {
  const { driver, path } = uri;
  const session = isSession(driver, path, surroundings.uid);
  const usual: SshProxy = session ? "native" : "auto";
  const wanted = proxy ?? (socket === null && netcat === null ? (usualProxy(surroundings) ?? usual) : "netcat");
  const question = { driver, path, mode: "legacy", readonly } as const;
  return {
    path: socket ?? daemonSocket(question, surroundings).path,
    // A netcat is named to be used.
    proxy: netcat === null ? wanted : "netcat",
    ...(netcat !== null && { netcat }),
    helper: { uri: helperUri(uri, socket, mode), readonly },
  };
}

function usualProxy({ config, configFile }: Surroundings): SshProxy | null {
  const proxy = config.remoteProxy;
  if (proxy === null || proxy === "auto" || proxy === "netcat" || proxy === "native") return proxy;
  throw new UriError(`${configFile}: remote_proxy is ${JSON.stringify(proxy)}, expected auto, netcat or native`);
}

/** The name, with what helpers of libvirt 9.1 and newer make use of and older ones ignore. */
function helperUri({ name, options }: LibvirtUri, socket: string | null, mode: string | null): string {
  if (name === "" || options.name !== null || (socket === null && mode === null)) return name;
  const { parameters, ...rest } = parseLibvirtUri(name);
  const more = Object.entries({ socket, mode }).flatMap(([key, value]) =>
    value === null ? [] : [{ name: key, value }],
  );
  return openName({ ...rest, parameters: [...parameters, ...more] });
}
