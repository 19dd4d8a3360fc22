import type { CFunction, CLibrary, Foreign, Pointer, Prototypes } from "../foreign.ts";

/** The functions of the C library that we call. */
export interface Libc {
  readonly getsockopt: CFunction<[socket: number, level: number, name: number, value: Pointer, size: Pointer], number>;
  readonly fcntl: CFunction<[descriptor: number, command: number, type: "int", argument: number], number>;
  readonly sendmsg: CFunction<[socket: number, message: Pointer, flags: number], number>;
  readonly recvmsg: CFunction<[socket: number, message: Pointer, flags: number], number>;
  readonly socket: CFunction<[family: number, type: number, protocol: number], number>;
  readonly sendto: CFunction<
    [socket: number, bytes: Uint8Array, length: number, flags: number, address: Uint8Array, addressLength: number],
    number
  >;
  readonly getpwuid: CFunction<[uid: number], Pointer | null>;
  readonly getgrgid: CFunction<[gid: number], Pointer | null>;
}

const prototypes: Prototypes<Libc> = {
  getsockopt: "int getsockopt(int socket, int level, int name, void *value, void *size)",
  fcntl: "int fcntl(int descriptor, int command, ...)",
  sendmsg: "intptr_t sendmsg(int socket, const void *message, int flags)",
  recvmsg: "intptr_t recvmsg(int socket, void *message, int flags)",
  socket: "int socket(int family, int type, int protocol)",
  sendto:
    "intptr_t sendto(int socket, const void *bytes, size_t length, int flags, const void *address, uint32_t size)",
  getpwuid: "void *getpwuid(uint32_t uid)",
  getgrgid: "void *getgrgid(uint32_t gid)",
};

export function openLibc(foreign: Foreign): Libc {
  const library: CLibrary | null = foreign.open([null]);
  if (!library) throw new Error("the C library of this process can't be opened");
  return library.bind(prototypes);
}
