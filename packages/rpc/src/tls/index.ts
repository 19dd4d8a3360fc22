export { isListed } from "../util/name-pattern.ts";
export { type Credentials, type Identity, type PkiOptions, pkiFiles } from "./credentials.ts";
export { CredentialsError } from "./credentials-error.ts";
export { distinguishedNameOf } from "./distinguished-name.ts";
export type { TlsRole } from "./leaf-rules.ts";
export type { PkiPaths } from "./pki-paths.ts";
export { parsePriority, type TlsPreferences } from "./priority.ts";
export type { PeerCertificate, Security } from "./security.ts";
