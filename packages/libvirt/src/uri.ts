/** A libvirt URI, read (libvirt-rpc §3.1). Absent is `null`; unknown parameters travel on in the name. */
export interface LibvirtUri {
  /** The hypervisor driver, as written: `qemu`. */
  readonly driver: string;
  /** Percent-decoded; with its leading slash, or empty. */
  readonly path: string;
  readonly address: UriAddress;
  readonly options: UriOptions;
  /** Parameters that only the server understands, in their order. */
  readonly parameters: readonly UriParameter[];
  /** Percent-decoded. */
  readonly fragment: string | null;
  /** What CONNECT_OPEN asks for: the URI without what only this side needs. Empty: the server looks for a driver. */
  readonly name: string;
}

/** Where the server is, and how to get there. */
export type UriAddress = UnixUri | TcpUri | TlsUri | SshUri | Ssh2Uri | ExtUri;

export interface UnixUri {
  readonly transport: "unix";
  readonly socket: string | null;
  readonly mode: SocketMode | null;
}

export interface TcpUri {
  readonly transport: "tcp";
  readonly host: string;
  readonly port: number;
}

export interface TlsUri extends TlsTarget {
  readonly transport: "tls";
  readonly host: string;
  readonly port: number;
}

/** What a URI says about TLS. */
export interface TlsTarget {
  /** The directory of all PEM files; libvirt's own places for `null`. */
  readonly pkipath: string | null;
  /** Whether our own files are checked. */
  readonly sanity: boolean;
  /** Whether the server's certificate must be good. */
  readonly verify: boolean;
  /** A GnuTLS priority string. */
  readonly priority: string | null;
}

/** Where ssh leads, and how it goes on from there. */
export interface FarSocket {
  readonly host: string;
  /** ssh's own unless given. */
  readonly port: number | null;
  /** The socket on the far side. */
  readonly socket: string | null;
  readonly mode: "auto" | "legacy" | null;
  readonly proxy: SshProxy | null;
  readonly netcat: string | null;
  readonly keyfile: string | null;
}

/** By the system's ssh. */
export interface SshUri extends FarSocket {
  readonly transport: "ssh";
  /** The program instead of `ssh`. */
  readonly command: string | null;
  /** Whether ssh may ask at the terminal. */
  readonly tty: boolean;
  /** Whether the host key must be known. */
  readonly verify: boolean;
}

/** By ssh in process. */
export interface Ssh2Uri extends FarSocket {
  readonly transport: "libssh" | "libssh2";
  readonly knownHosts: string | null;
  readonly knownHostsVerify: "normal" | "auto" | "ignore" | null;
  readonly sshauth: readonly SshAuthMethod[] | null;
}

/** By a program's standard input and output. */
export interface ExtUri {
  readonly transport: "ext";
  readonly command: string;
  readonly argv: readonly string[];
}

/** What holds for all transports. */
export interface UriOptions {
  /** Whom to log in as, for ssh. */
  readonly user: string | null;
  /** `null`: whatever the server wants. */
  readonly auth: UriAuth | null;
  /** libvirt's auth.conf, with credentials. */
  readonly authfile: string | null;
  /** Sent as it is instead of the name that the URI would give. */
  readonly name: string | null;
}

export type UriAuth = "none" | "sasl" | "polkit" | { readonly mechanism: string };
export type SocketMode = "auto" | "legacy" | "direct";
export type SshProxy = "auto" | "netcat" | "native";
export type SshAuthMethod = "agent" | "privkey" | "password" | "keyboard-interactive";

export interface UriParameter {
  readonly name: string;
  readonly value: string;
}

export const TCP_PORT = 16_509;
export const TLS_PORT = 16_514;
