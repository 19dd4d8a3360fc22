import type * as koffiTypes from "koffi";

/** An address in this process's memory that C code gave or will be given. */
export type Pointer = bigint;

/** A C function. `async` runs it on a thread of libuv's pool, on a stack of {@link asyncStackSize}. */
export interface CFunction<A extends readonly unknown[], R> {
  (...args: A): R;
  async(...args: [...A, (error: Error | null, result: R) => void]): void;
}

/** C prototypes, by the name of the function: `{ getuid: "unsigned int getuid()" }`. */
export type Prototypes<F> = Readonly<Record<keyof F, string>>;

/**
 * All that we ask of a foreign function interface, so that another may take koffi's place. Types of C are told as text;
 * pointers are bigint and untyped, and a `Uint8Array` may stand where C wants a pointer for the time of the call.
 */
export interface Foreign {
  /** Opens the first library of `names` that this machine has; `null` where it has none of them. */
  open(names: readonly (string | null)[]): CLibrary | null;
  /** Zeroed memory that stays where it is until {@link free}. */
  allocate(bytes: number): Pointer;
  free(pointer: Pointer): void;
  /** Copies as many bytes as `into` has. */
  read(from: Pointer, into: Uint8Array): void;
  write(to: Pointer, bytes: Uint8Array): void;
  /** The text at an address, to its zero byte. */
  text(from: Pointer): string;
  /** The C library's `errno`, right after a call. */
  errno(): number;
  /** A C struct's layout on this machine: its fields by name, with their C types. */
  struct<T extends object>(fields: Readonly<Record<keyof T, string>>): CStruct<T>;
}

export interface CLibrary {
  /** Binds all functions of a table, once. Throws where the library lacks one of them. */
  bind<F>(prototypes: Prototypes<F>): F;
}

export interface CStruct<T> {
  /** Bytes. */
  readonly size: number;
  read(from: Pointer): T;
  write(to: Pointer, value: T): void;
}

/**
 * Bytes of stack that an asynchronous call gets. koffi's own default, 128 KiB, is little for a Kerberos library that looks
 * hosts up. It can be set only before the process's first library is opened; later the default stays.
 */
export const asyncStackSize: number = 1024 * 1024;

/** Loads koffi. Where it has no binary for this machine, the error says so in one sentence. */
export async function loadForeign(): Promise<Foreign> {
  const koffi = await importKoffi();
  widenStack(koffi);
  const { memcpy } = bindWith<{ memcpy: CFunction<[Pointer | Uint8Array, Pointer | Uint8Array, number], Pointer> }>(
    koffi.load(null),
    { memcpy: "void *memcpy(void *to, const void *from, size_t bytes)" },
  );
  return {
    open: (names) => firstOf(koffi, names),
    // koffi's types are wide; void pointers are bigint.
    allocate: (bytes) => koffi.alloc("uint8_t", bytes) as Pointer,
    free: (pointer) => koffi.free(pointer),
    read: (from, into) => {
      if (into.length > 0) memcpy(into, from, into.length);
    },
    write: (to, bytes) => {
      if (bytes.length > 0) memcpy(to, bytes, bytes.length);
    },
    text: (from) => koffi.decode.string(from),
    errno: () => koffi.errno(),
    struct: (fields) => structOf(koffi, fields),
  };
}

type Koffi = typeof koffiTypes;

async function importKoffi(): Promise<Koffi> {
  try {
    return await import("koffi");
  } catch (cause) {
    const machine = `${process.platform} on ${process.arch}`;
    throw new Error(`koffi, through which native libraries are called, can't be loaded for ${machine}.`, { cause });
  }
}

function widenStack(koffi: Koffi): void {
  const { async_stack_size: present = 0 } = koffi.config();
  if (present >= asyncStackSize) return;
  try {
    koffi.config({ async_stack_size: asyncStackSize });
  } catch {
    // Somebody else's library is open already.
  }
}

function firstOf(koffi: Koffi, names: readonly (string | null)[]): CLibrary | null {
  for (const name of names) {
    const library = openOrNull(koffi, name);
    if (library) return { bind: (prototypes) => bindWith(library, prototypes) };
  }
  return null;
}

function openOrNull(koffi: Koffi, name: string | null): ReturnType<Koffi["load"]> | null {
  try {
    return koffi.load(name);
  } catch {
    return null; // not there, or not for this machine
  }
}

function bindWith<F>(library: ReturnType<Koffi["load"]>, prototypes: Prototypes<F>): F {
  const names = Object.keys(prototypes) as (keyof F)[]; // a literal table has no other keys than its type
  const functions = names.map((name) => [name, library.func(prototypes[name])]);
  return Object.fromEntries(functions) as F; // the table and F are written side by side
}

function structOf<T extends object>(koffi: Koffi, fields: Readonly<Record<keyof T, string>>): CStruct<T> {
  const type = koffi.struct({ ...fields });
  return {
    size: type.size,
    read: (from) => koffi.decode(from, type) as T, // koffi gives an object with the fields' names
    write: (to, value) => koffi.encode(to, type, value),
  };
}
