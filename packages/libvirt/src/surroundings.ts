import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { type ClientConfig, emptyConfig, parseClientConfig } from "./client-config.ts";
import { UriError } from "./uri-error.ts";

/** What of the machine and the user decides where a URI leads; everything else is in the URI. */
export interface Surroundings {
  /** `undefined` where there are no user ids. */
  readonly uid: number | undefined;
  /** Where the user's own sockets are: `$XDG_RUNTIME_DIR`. */
  readonly runtimeDir: string;
  /** `$XDG_CONFIG_HOME/libvirt`. */
  readonly configDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly config: ClientConfig;
  /** Where {@link config} was looked for. */
  readonly configFile: string;
  readonly exists: (path: string) => boolean;
}

/** Those of this process. Throws `UriError` for a libvirt.conf that can't be read. */
export async function ownSurroundings(env: NodeJS.ProcessEnv = process.env): Promise<Surroundings> {
  const uid = process.geteuid?.();
  const home = env["HOME"] ?? homedir();
  const configDir = join(env["XDG_CONFIG_HOME"] ?? join(home, ".config"), "libvirt");
  const configFile = uid === 0 ? "/etc/libvirt/libvirt.conf" : join(configDir, "libvirt.conf");
  return {
    uid,
    // Without a runtime directory libvirt falls back to the user's cache.
    runtimeDir: env["XDG_RUNTIME_DIR"] ?? env["XDG_CACHE_HOME"] ?? join(home, ".cache"),
    configDir,
    env,
    config: await readConfig(configFile),
    configFile,
    exists: existsSync,
  };
}

async function readConfig(file: string): Promise<ClientConfig> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
    throw new UriError(`${file} can't be read (${error.code ?? error.message}); it says where URIs lead`);
  });
  return text === null ? emptyConfig : parseClientConfig(text, file);
}
