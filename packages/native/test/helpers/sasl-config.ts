import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export interface SaslConfig extends AsyncDisposable {
  /** The folder that has libvirt.conf. */
  readonly path: string;
}

/** A configuration of Cyrus SASL of its own, with these users and passwords in a sasldb2. */
export async function saslConfig(
  users: Readonly<Record<string, string>>,
  lines: readonly string[] = [],
): Promise<SaslConfig> {
  const path = await mkdtemp(join(tmpdir(), "virnet-sasl-"));
  const database = join(path, "sasldb2");
  const conf = [...defaults, `sasldb_path: ${database}`, ...lines];
  await writeFile(join(path, "libvirt.conf"), `${conf.join("\n")}\n`);
  for (const [user, password] of Object.entries(users)) await addUser(database, user, password);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** What libsasl2 does anyway, against what the machine's own configuration may say. */
const defaults = ["auxprop_plugin: sasldb"];

async function addUser(database: string, user: string, password: string): Promise<void> {
  const adding = promisify(execFile)("saslpasswd2", ["-p", "-c", "-f", database, user], { env: withSbin() });
  adding.child.stdin?.end(password);
  await adding;
}

function withSbin(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
}
