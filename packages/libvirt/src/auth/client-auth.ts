import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ClientAuth } from "virnet";
import type { CredentialKind } from "virnet/sasl";
import type { Surroundings } from "../surroundings.ts";
import type { LibvirtUri, UriAuth } from "../uri.ts";
import { type Credentials, findCredentials } from "./auth-config.ts";
import { remoteAuth } from "./remote-auth.ts";

/** How `Libvirt.open` says who we are, where the daemon wants to know. */
export type LibvirtAuth = Omit<ClientAuth, "binding">;

const SYSTEM_FILE = "/etc/libvirt/auth.conf";

/**
 * What to log in with. What the caller gives comes first, then the URI (`user@`, `auth=`), then libvirt's auth.conf, which is
 * read when the daemon asks for something; then `ask`.
 */
export function clientAuth(uri: LibvirtUri, surroundings: Surroundings, given: LibvirtAuth = {}): ClientAuth {
  const { address, options } = uri;
  const host = "host" in address ? address.host : "localhost";
  // With ssh the user is who logs in there.
  const isDirect = address.transport === "tcp" || address.transport === "tls" || address.transport === "unix";
  const user = given.user ?? (isDirect ? options.user : null) ?? undefined;
  let found: Promise<Credentials | null> | undefined;
  return {
    ...demandOf(options.auth),
    host,
    ...given,
    ...(user !== undefined && { user }),
    binding: remoteAuth,
    async ask(request, signal) {
      const credentials = await (found ??= credentialsFor(host, options.authfile, surroundings));
      const known = credentials === null ? null : answerOf(credentials, request.kind, user);
      return known ?? (given.ask === undefined ? null : given.ask(request, signal));
    },
  };
}

function demandOf(auth: UriAuth | null): Pick<ClientAuth, "type" | "mechanism"> {
  if (auth === null) return {};
  return typeof auth === "string" ? { type: auth } : { type: "sasl", mechanism: auth.mechanism };
}

/** What one user has is nothing for another. */
function answerOf(credentials: Credentials, kind: CredentialKind, user: string | undefined): string | null {
  const { authname, username, password, realm } = credentials;
  if (user !== undefined && authname !== null && user !== authname) return null;
  if (kind === "authname") return authname;
  if (kind === "username") return username;
  if (kind === "realm") return realm;
  return kind === "passphrase" ? password : null;
}

/**
 * libvirt's search: LIBVIRT_AUTH_FILE, the URI's `authfile`, the user's own, the system's (F124). One that is named must be
 * there.
 */
async function credentialsFor(
  host: string,
  authfile: string | null,
  surroundings: Surroundings,
): Promise<Credentials | null> {
  const { env, configDir } = surroundings;
  const named = env["LIBVIRT_AUTH_FILE"] ?? authfile;
  const files = named === null ? [join(configDir, "auth.conf"), SYSTEM_FILE] : [named];
  for (const file of files) {
    const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (named === null && ["ENOENT", "ENOTDIR", "EACCES"].includes(error.code ?? "")) return null;
      throw new TypeError(`the credentials can't be read: ${error.message}`, { cause: error });
    });
    if (text !== null) return findCredentials(text, file, "libvirt", host);
  }
  return null;
}
