import {
  type FarSocket,
  type LibvirtUri,
  TCP_PORT,
  TLS_PORT,
  type UriAddress,
  type UriAuth,
  type UriOptions,
  type UriParameter,
} from "./uri.ts";

/** The canonical form, which names its transport: `parseLibvirtUri` gives the same URI back for it. */
export function formatLibvirtUri(uri: LibvirtUri): string {
  const { address, options } = uri;
  const known = Object.entries(knownParameters(address, options)).flatMap(([name, value]) => {
    const values = typeof value === "string" ? [value] : (value ?? []);
    return values.map((text) => ({ name, value: text }));
  });
  const user = options.user === null ? "" : `${encoded(options.user)}@`;
  const { scheme, authority } = placeOf(address);
  const parameters = formatParameters([...known, ...uri.parameters]);
  return `${uri.driver}${scheme}://${user}${authority}${encodedPath(uri.path)}${parameters}${formatFragment(uri)}`;
}

export function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, hexadecimal);
}

/** Less is encoded in paths, as libvirt does. */
function encodedPath(text: string): string {
  return text.replace(/[^A-Za-z0-9/._~!$&'()*+,;=@-]+/g, encoded);
}

function hexadecimal(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function formatParameters(parameters: readonly UriParameter[]): string {
  const items = parameters.map(({ name, value }) => `${encoded(name)}=${encoded(value)}`);
  return items.length === 0 ? "" : `?${items.join("&")}`;
}

function formatFragment({ fragment }: Pick<LibvirtUri, "fragment">): string {
  return fragment === null ? "" : `#${encodedPath(fragment)}`;
}

/** The name of a URI with these parts. */
export function openName({ driver, path, options, parameters, fragment }: Omit<LibvirtUri, "name">): string {
  if (options.name !== null) return options.name;
  if (driver.toLowerCase() === "remote") return "";
  return `${driver}://${encodedPath(path)}${formatParameters(parameters)}${formatFragment({ fragment })}`;
}

function placeOf(address: UriAddress): { scheme: string; authority: string } {
  if (address.transport === "unix" || address.transport === "ext") {
    return { scheme: `+${address.transport}`, authority: "" };
  }
  const { transport, host, port } = address;
  const usual = { tcp: TCP_PORT, tls: TLS_PORT, ssh: null, libssh: null, libssh2: null }[transport];
  const name = host.includes(":") ? `[${host.replaceAll("%", "%25")}]` : encoded(host);
  return {
    scheme: `+${transport}`,
    authority: `${name}${port === usual ? "" : `:${port}`}`,
  };
}

function knownParameters(
  address: UriAddress,
  { auth, authfile, name }: UriOptions,
): Record<string, string | readonly string[] | null> {
  return { ...ofTransport(address), auth: auth === null ? null : formatAuth(auth), authfile, name };
}

function ofTransport(address: UriAddress): Record<string, string | readonly string[] | null> {
  switch (address.transport) {
    case "unix":
      return { socket: address.socket, mode: address.mode };
    case "tcp":
      return {};
    case "tls":
      return {
        pkipath: address.pkipath,
        no_sanity: address.sanity ? null : "1",
        no_verify: address.verify ? null : "1",
        tls_priority: address.priority,
      };
    case "ext":
      return { command: address.command, argv: address.argv };
    case "ssh":
      return {
        ...ofFarSocket(address),
        command: address.command,
        no_tty: address.tty ? null : "1",
        no_verify: address.verify ? null : "1",
      };
    case "libssh":
    case "libssh2":
      return {
        ...ofFarSocket(address),
        known_hosts: address.knownHosts,
        known_hosts_verify: address.knownHostsVerify,
        sshauth: address.sshauth?.join(",") ?? null,
      };
  }
}

function ofFarSocket({ socket, mode, proxy, netcat, keyfile }: FarSocket): Record<string, string | null> {
  return { socket, mode, proxy, netcat, keyfile };
}

function formatAuth(auth: UriAuth): string {
  return typeof auth === "string" ? auth : `sasl.${auth.mechanism}`;
}
