import { closeSync } from "node:fs";
import { getSystemErrorName } from "node:util";
import type { UnixNative, UnixPeer } from "virnet/server";
import { type Foreign, loadForeign, type Pointer } from "../foreign.ts";
import { type Libc, openLibc } from "./libc.ts";
import { MessageHead } from "./message-head.ts";
import { NameCache } from "./name-cache.ts";
import { socketAddress } from "./socket-address.ts";

// Linux's numbers, the same on all of Node's machines.
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const F_DUPFD_CLOEXEC = 1030;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;

/** The three standard streams keep their numbers. */
const FIRST_COPY = 3;
const NOBODY = 0xffff_ffff;

/**
 * What Node can't do with UNIX sockets: peer credentials, descriptors, datagrams. For `unix` of `server.listen`, `connect`
 * and `Libvirt.open`. Rejects, saying why, where koffi has no binary for this machine, and elsewhere than on Linux.
 */
export async function loadUnix(): Promise<UnixNative> {
  if (process.platform !== "linux")
    throw new Error(`UNIX credentials and descriptors are for Linux only so far, and this is ${process.platform}`);
  const foreign = await loadForeign();
  return new LinuxSockets(foreign, openLibc(foreign));
}

class LinuxSockets implements UnixNative {
  readonly #foreign: Foreign;
  readonly #libc: Libc;
  readonly #head: MessageHead;
  readonly #credentials: Pointer;
  readonly #users: NameCache;
  readonly #groups: NameCache;

  constructor(foreign: Foreign, libc: Libc) {
    this.#foreign = foreign;
    this.#libc = libc;
    this.#head = new MessageHead(foreign);
    this.#credentials = foreign.allocate(CREDENTIALS_BYTES + SIZE_BYTES);
    // Both structs begin with the name.
    const entry = foreign.struct<{ name: string | null }>({ name: "const char *" });
    const nameIn = (found: Pointer | null): string | null => (found === null ? null : entry.read(found).name);
    this.#users = new NameCache((uid) => nameIn(libc.getpwuid(uid)));
    this.#groups = new NameCache((gid) => nameIn(libc.getgrgid(gid)));
  }

  peerOf(socket: number): UnixPeer | null {
    const values = this.#credentials;
    const size = values + BigInt(CREDENTIALS_BYTES);
    this.#foreign.write(size, bytesOf(CREDENTIALS_BYTES));
    if (this.#libc.getsockopt(socket, SOL_SOCKET, SO_PEERCRED, values, size) !== 0) return null;
    const found = new Uint32Array(3);
    this.#foreign.read(values, new Uint8Array(found.buffer));
    const [pid = 0, uid = NOBODY, gid = NOBODY] = found;
    return uid === NOBODY ? null : { pid, uid, gid };
  }

  userName(uid: number): string | null {
    return this.#users.get(uid);
  }

  groupName(gid: number): string | null {
    return this.#groups.get(gid);
  }

  copy(descriptor: number): number {
    if (!Number.isInteger(descriptor) || descriptor < 0 || descriptor > 0x7fff_ffff)
      throw new RangeError(`${descriptor} is no descriptor`);
    const copy = this.#libc.fcntl(descriptor, F_DUPFD_CLOEXEC, "int", FIRST_COPY);
    if (copy < 0) throw this.#failure("fcntl");
    return copy;
  }

  send(socket: number, descriptor: number): boolean {
    this.#head.put(descriptor);
    if (this.#libc.sendmsg(socket, this.#head.address, MSG_DONTWAIT | MSG_NOSIGNAL) === 1) return true;
    const error = this.#failure("sendmsg");
    if (isTransient(error)) return false;
    throw error;
  }

  receive(socket: number): number | "later" | "nothing" | "ended" {
    this.#head.clear();
    const size = this.#libc.recvmsg(socket, this.#head.address, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size === 0) return "ended";
    if (size < 0) {
      const error = this.#failure("recvmsg");
      if (isTransient(error)) return "later";
      throw error;
    }
    const taken = this.#head.take();
    if (taken === null) return "nothing";
    if (taken.isOnly) return taken.descriptor;
    closeSync(taken.descriptor);
    return "nothing";
  }

  sendDatagram(path: string, bytes: Uint8Array): void {
    const address = socketAddress(path);
    const socket = this.#libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) throw this.#failure("socket");
    try {
      const sent = this.#libc.sendto(socket, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL, address, address.length);
      if (sent !== bytes.length) throw this.#failure("sendto", path);
    } finally {
      closeSync(socket);
    }
  }

  /** The C library's `errno`, as Node's own errors tell it. */
  #failure(call: string, place = ""): NodeJS.ErrnoException {
    const errno = -this.#foreign.errno();
    const code = getSystemErrorName(errno);
    const message = `${code}: ${call}${place === "" ? "" : ` ${place}`}`;
    return Object.assign(new Error(message), { code, errno, syscall: call });
  }
}

/** struct ucred: pid, uid, gid; and behind it the size that getsockopt reads and writes. */
const CREDENTIALS_BYTES = 12;
const SIZE_BYTES = 4;

function bytesOf(size: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(size).buffer);
}

/** Nothing to read or no room now; and Linux's word for too many descriptors on their way to somebody. */
function isTransient({ code }: NodeJS.ErrnoException): boolean {
  return code === "EAGAIN" || code === "EINTR" || code === "ETOOMANYREFS" || code === "ENOBUFS";
}
