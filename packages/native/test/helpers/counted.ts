import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Libsasl2, openLibsasl2 } from "../../src/cyrus/libsasl2.ts";
import { type CFunction, type Foreign, loadForeign, type Pointer } from "../../src/foreign.ts";

/** The real libsasl2, with a count of what we hold of it. */
export interface Counted {
  readonly sasl: Libsasl2;
  /** Pieces of memory that we took and have not given back. */
  readonly blocks: () => number;
  /** Connections that were made and not disposed of. */
  readonly connections: () => number;
}

export async function countedLibsasl2(): Promise<Counted> {
  let connections = 0;
  const foreign = await loadForeign();
  const held = new Set<Pointer>();
  const sasl = openLibsasl2(countingBlocks(foreign, held));
  const { sasl_client_new, sasl_server_new, sasl_dispose } = sasl.functions;
  const functions = {
    ...sasl.functions,
    sasl_client_new: wrapped(sasl_client_new, (...args) => {
      const code = sasl_client_new(...args);
      if (code === 0) connections += 1;
      return code;
    }),
    sasl_server_new: Object.assign(
      wrapped(sasl_server_new, (...args) => {
        const code = sasl_server_new(...args);
        if (code === 0) connections += 1;
        return code;
      }),
      {
        async(...[service, host, realm, local, remote, callbacks, flags, made, done]: ServerNewArgs) {
          connections += 1;
          sasl_server_new.async(service, host, realm, local, remote, callbacks, flags, made, done);
        },
      },
    ),
    sasl_dispose: wrapped(sasl_dispose, (...args) => {
      connections -= 1;
      sasl_dispose(...args);
    }),
  };
  return { sasl: { ...sasl, functions }, blocks: () => held.size, connections: () => connections };
}

type ServerNewArgs = Parameters<Libsasl2["functions"]["sasl_server_new"]["async"]>;

function countingBlocks(foreign: Foreign, held: Set<Pointer>): Foreign {
  return {
    ...foreign,
    allocate(bytes) {
      const pointer = foreign.allocate(bytes);
      held.add(pointer);
      return pointer;
    },
    free(pointer) {
      held.delete(pointer);
      foreign.free(pointer);
    },
  };
}

function wrapped<A extends readonly unknown[], R>(real: CFunction<A, R>, call: (...args: A) => R): CFunction<A, R> {
  return Object.assign(call, { async: real.async.bind(real) });
}

interface HeapUse {
  uordblks: bigint | number;
}

/**
 * Bytes that malloc has given out in the whole process, without what is garbage here; `null` where the C library does not
 * tell.
 */
export async function heapBytes(): Promise<(() => number) | null> {
  const koffi = await import("koffi");
  try {
    const names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split(" ");
    const use = koffi.struct(Object.fromEntries(names.map((name) => [name, "size_t"])));
    const mallinfo = koffi.load(null).func("mallinfo2", use, []) as () => HeapUse; // glibc 2.33 and newer
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void; // what the flag makes
    return () => {
      collect();
      return Number(mallinfo().uordblks);
    };
  } catch {
    return null;
  }
}
