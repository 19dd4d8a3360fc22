import type { CFunction, CLibrary, Foreign, Pointer, Prototypes } from "../foreign.ts";

/** What C calls an `unsigned *`, `const char **`, `sasl_conn_t **` that is written to: an array of one. */
export type Out<T> = [T];

/** The functions of libsasl2 that we call (sasl/sasl.h of Cyrus SASL 2.1). A connection is a pointer. */
export interface Libsasl2 {
  readonly sasl_version_info: CFunction<
    [Out<string | null>, Out<string | null>, Out<number>, Out<number>, Out<number>, Out<number>],
    void
  >;
  readonly sasl_client_init: CFunction<[callbacks: Pointer | null], number>;
  readonly sasl_global_listmech: CFunction<[], Pointer | null>;
}

const prototypes: Prototypes<Libsasl2> = {
  sasl_version_info:
    "void sasl_version_info(_Out_ const char **name, _Out_ const char **version, _Out_ int *major, _Out_ int *minor, _Out_ int *step, _Out_ int *patch)",
  sasl_client_init: "int sasl_client_init(const void *callbacks)",
  sasl_global_listmech: "const void *sasl_global_listmech()",
};

/** Debian and most others call it .so.2, those that follow the library's ABI number .so.3. */
const libraryNames: readonly string[] =
  process.platform === "darwin"
    ? ["libsasl2.2.dylib", "libsasl2.3.dylib", "/opt/homebrew/lib/libsasl2.3.dylib", "/usr/local/lib/libsasl2.3.dylib"]
    : ["libsasl2.so.2", "libsasl2.so.3", "libsasl2.so"];

/** Opens the machine's libsasl2. Where there is none, the error says in one sentence what to install. */
export function openLibsasl2(foreign: Foreign, names: readonly string[] = libraryNames): Libsasl2 {
  const library: CLibrary | null = foreign.open(names);
  if (!library) throw new Error(howToInstall);
  return library.bind(prototypes);
}

const howToInstall =
  "Cyrus SASL is not installed (no libsasl2): install it with the mechanisms you want, on Debian and Ubuntu " +
  "libsasl2-2 libsasl2-modules (DIGEST-MD5, SCRAM, …) and libsasl2-modules-gssapi-mit (GSSAPI), on Fedora cyrus-sasl-lib, " +
  "cyrus-sasl-md5, cyrus-sasl-scram and cyrus-sasl-gssapi.";
