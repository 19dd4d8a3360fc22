import type { CFunction, CStruct, Foreign, Pointer, Prototypes } from "../foreign.ts";

/** What C calls an `unsigned *`, `const char **`, `sasl_conn_t **` that is written to: an array of one. */
export type Out<T> = [T];

/** The functions of libsasl2 that we call (sasl/sasl.h of Cyrus SASL 2.1). A connection is a pointer. */
export interface SaslFunctions {
  readonly sasl_client_init: CFunction<[callbacks: null], number>;
  readonly sasl_server_init: CFunction<[callbacks: null, application: string], number>;
  readonly sasl_set_path: CFunction<[kind: number, path: string], number>;
  readonly sasl_client_new: CFunction<
    [
      service: string,
      host: string,
      local: string | null,
      remote: string | null,
      callbacks: Pointer,
      flags: number,
      connection: Out<Pointer | null>,
    ],
    number
  >;
  readonly sasl_server_new: CFunction<
    [
      service: string,
      host: string | null,
      realm: string | null,
      local: string | null,
      remote: string | null,
      callbacks: null,
      flags: number,
      connection: Out<Pointer | null>,
    ],
    number
  >;
  readonly sasl_dispose: CFunction<[connection: Out<Pointer | null>], void>;
  readonly sasl_setprop: CFunction<[connection: Pointer, property: number, value: Pointer], number>;
  readonly sasl_getprop: CFunction<[connection: Pointer, property: number, value: Out<Pointer | null>], number>;
  readonly sasl_listmech: CFunction<
    [
      connection: Pointer,
      user: null,
      prefix: string,
      separator: string,
      suffix: string,
      names: Out<string | null>,
      length: Out<number>,
      count: Out<number>,
    ],
    number
  >;
  readonly sasl_client_start: CFunction<
    [
      connection: Pointer,
      mechanisms: string,
      prompts: Out<Pointer | null>,
      output: Out<Pointer | null>,
      length: Out<number>,
      mechanism: Out<string | null>,
    ],
    number
  >;
  readonly sasl_client_step: CFunction<
    [
      connection: Pointer,
      input: Uint8Array | null,
      inputLength: number,
      prompts: Out<Pointer | null>,
      output: Out<Pointer | null>,
      length: Out<number>,
    ],
    number
  >;
  readonly sasl_server_start: CFunction<
    [
      connection: Pointer,
      mechanism: string,
      input: Uint8Array | null,
      inputLength: number,
      output: Out<Pointer | null>,
      length: Out<number>,
    ],
    number
  >;
  readonly sasl_server_step: CFunction<
    [
      connection: Pointer,
      input: Uint8Array | null,
      inputLength: number,
      output: Out<Pointer | null>,
      length: Out<number>,
    ],
    number
  >;
  readonly sasl_encode: CFunction<
    [connection: Pointer, plain: Uint8Array, plainLength: number, output: Out<Pointer | null>, length: Out<number>],
    number
  >;
  readonly sasl_decode: CFunction<
    [connection: Pointer, coded: Uint8Array, codedLength: number, output: Out<Pointer | null>, length: Out<number>],
    number
  >;
  readonly sasl_errdetail: CFunction<[connection: Pointer], string | null>;
  readonly sasl_errstring: CFunction<[code: number, languages: null, language: null], string | null>;
}

/** libsasl2, and what is needed to talk to it. */
export interface Libsasl2 {
  readonly functions: SaslFunctions;
  readonly foreign: Foreign;
  readonly callback: CStruct<Callback>;
  readonly interaction: CStruct<Interaction>;
  readonly securityProperties: CStruct<SecurityProperties>;
  readonly channelBinding: CStruct<ChannelBinding>;
  readonly unsigned: CStruct<Unsigned>;
}

/** `sasl_callback_t` */
interface Callback {
  id: number;
  function: Pointer | null;
  context: Pointer | null;
}

/** `sasl_interact_t`: a question, and room for its answer. */
export interface Interaction {
  id: number;
  challenge: Pointer | null;
  prompt: Pointer | null;
  fallback: Pointer | null;
  result: Pointer | null;
  length: number;
}

/** `sasl_security_properties_t` */
interface SecurityProperties {
  minSsf: number;
  maxSsf: number;
  maxBuffer: number;
  flags: number;
  propertyNames: Pointer | null;
  propertyValues: Pointer | null;
}

/** `sasl_channel_binding_t` */
interface ChannelBinding {
  name: Pointer;
  critical: number;
  length: number;
  data: Pointer;
}

interface Unsigned {
  value: number;
}

/**
 * Opens the machine's libsasl2. Where there is none, the error says in one sentence what to install. Debian and most
 * others call the library .so.2, those that follow the number of its ABI .so.3.
 */
export function openLibsasl2(foreign: Foreign, names: readonly string[] = namesHere()): Libsasl2 {
  const library = foreign.open(names);
  if (!library) throw new Error(howToInstall);
  return {
    functions: library.bind(prototypes),
    foreign,
    callback: foreign.struct<Callback>({ id: "unsigned long", function: "void *", context: "void *" }),
    interaction: foreign.struct<Interaction>({
      id: "unsigned long",
      challenge: "const void *",
      prompt: "const void *",
      fallback: "const void *",
      result: "const void *",
      length: "unsigned int",
    }),
    securityProperties: foreign.struct<SecurityProperties>({
      minSsf: "unsigned int",
      maxSsf: "unsigned int",
      maxBuffer: "unsigned int",
      flags: "unsigned int",
      propertyNames: "void *",
      propertyValues: "void *",
    }),
    channelBinding: foreign.struct<ChannelBinding>({
      name: "const void *",
      critical: "int",
      length: "unsigned long",
      data: "const void *",
    }),
    unsigned: foreign.struct<Unsigned>({ value: "unsigned int" }),
  };
}

function namesHere(): readonly string[] {
  if (process.platform !== "darwin") return ["libsasl2.so.2", "libsasl2.so.3", "libsasl2.so"];
  const folders = ["", "/opt/homebrew/opt/cyrus-sasl/lib/", "/usr/local/opt/cyrus-sasl/lib/", "/opt/local/lib/"];
  return ["libsasl2.3.dylib", "libsasl2.2.dylib"].flatMap((name) => folders.map((folder) => folder + name));
}

const howToInstall =
  "Cyrus SASL is not installed (there is no libsasl2): install it with the mechanisms you want, on Debian and Ubuntu " +
  "libsasl2-2, libsasl2-modules (DIGEST-MD5, SCRAM, PLAIN) and libsasl2-modules-gssapi-mit (GSSAPI), on Fedora " +
  "cyrus-sasl-lib, cyrus-sasl-md5, cyrus-sasl-scram and cyrus-sasl-gssapi.";

/** `_Inout_` of the prompts is no detail: as `_Out_` the library would ask the same question for ever. */
const prototypes: Prototypes<SaslFunctions> = {
  sasl_client_init: "int sasl_client_init(const void *callbacks)",
  sasl_server_init: "int sasl_server_init(const void *callbacks, const char *application)",
  sasl_set_path: "int sasl_set_path(int kind, const char *path)",
  sasl_client_new:
    "int sasl_client_new(const char *service, const char *host, const char *local, const char *remote, const void *callbacks, unsigned int flags, _Out_ void **connection)",
  sasl_server_new:
    "int sasl_server_new(const char *service, const char *host, const char *realm, const char *local, const char *remote, const void *callbacks, unsigned int flags, _Out_ void **connection)",
  sasl_dispose: "void sasl_dispose(_Inout_ void **connection)",
  sasl_setprop: "int sasl_setprop(void *connection, int property, const void *value)",
  sasl_getprop: "int sasl_getprop(void *connection, int property, _Out_ const void **value)",
  sasl_listmech:
    "int sasl_listmech(void *connection, const char *user, const char *prefix, const char *separator, const char *suffix, _Out_ const char **names, _Out_ unsigned int *length, _Out_ int *count)",
  sasl_client_start:
    "int sasl_client_start(void *connection, const char *mechanisms, _Inout_ void **prompts, _Out_ const void **output, _Out_ unsigned int *length, _Out_ const char **mechanism)",
  sasl_client_step:
    "int sasl_client_step(void *connection, const void *input, unsigned int inputLength, _Inout_ void **prompts, _Out_ const void **output, _Out_ unsigned int *length)",
  sasl_server_start:
    "int sasl_server_start(void *connection, const char *mechanism, const void *input, unsigned int inputLength, _Out_ const void **output, _Out_ unsigned int *length)",
  sasl_server_step:
    "int sasl_server_step(void *connection, const void *input, unsigned int inputLength, _Out_ const void **output, _Out_ unsigned int *length)",
  sasl_encode:
    "int sasl_encode(void *connection, const void *plain, unsigned int plainLength, _Out_ const void **output, _Out_ unsigned int *length)",
  sasl_decode:
    "int sasl_decode(void *connection, const void *coded, unsigned int codedLength, _Out_ const void **output, _Out_ unsigned int *length)",
  sasl_errdetail: "const char *sasl_errdetail(void *connection)",
  sasl_errstring: "const char *sasl_errstring(int code, const char *languages, const void *language)",
};
