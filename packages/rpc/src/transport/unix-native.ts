/**
 * What Node can't do with a UNIX socket itself. `@virnet/native/unix` has an implementation; who listens or connects
 * hands it in as `unix`. Numbers are descriptors of this process; errors are those of the system, with their `code`.
 */
export interface UnixNative {
  /** Who opened the other end; `null` where the system does not tell. */
  peerOf(socket: number): UnixPeer | null;
  /** The name of a user; `null` where there is none. Asks the system's user database, and may remember. */
  userName(uid: number): string | null;
  groupName(gid: number): string | null;
  /** Another descriptor for the same thing; programs that this process starts don't inherit it. */
  copy(descriptor: number): number;
  /** Sends one byte with `descriptor`; `false` when the socket has no room now. */
  send(socket: number, descriptor: number): boolean;
  /**
   * Takes one byte and the descriptor that came with it, to be closed by the caller; `later` when nothing has come yet,
   * `nothing` for a byte that has none or more than one, `ended` when the peer has gone.
   */
  receive(socket: number): number | "later" | "nothing" | "ended";
  /** Sends one datagram to a socket, whose path may begin with `@`. */
  sendDatagram(path: string, bytes: Uint8Array): void;
}

/** The process at the other end of a UNIX socket, when it connected. */
export interface UnixPeer {
  readonly uid: number;
  readonly gid: number;
  /** 0 for a process that this one can't see. */
  readonly pid: number;
}

/** Who is at the other end of a UNIX socket (F093). */
export interface UnixIdentity extends UnixPeer {
  /** When the process began, in clock ticks since the machine did: a process id alone may be used again. */
  readonly processStart: bigint | null;
  readonly userName: string | null;
  readonly groupName: string | null;
}
