/** What libvirt's auth.conf has for one host (F124); what it does not say is `null`. */
export interface Credentials {
  readonly authname: string | null;
  readonly username: string | null;
  readonly password: string | null;
  readonly realm: string | null;
}

type Groups = ReadonlyMap<string, ReadonlyMap<string, string>>;

/**
 * The credentials for a service (`libvirt`, `ssh`) on a host: the group `[auth-SERVICE-HOST]`, else that of the host `default`,
 * names a group `[credentials-NAME]`. `null` where there is neither. Throws `TypeError` with `file` and the line for what can't
 * be read, and for a name that no group has. No secret is in the error.
 */
export function findCredentials(text: string, file: string, service: string, host: string): Credentials | null {
  const groups = readGroups(text, file);
  for (const name of [`auth-${service}-${host}`, `auth-${service}-default`]) {
    const auth = groups.get(name);
    if (auth === undefined) continue;
    const chosen = auth.get("credentials");
    if (chosen === undefined) throw new TypeError(`${file}: group [${name}] has no credentials=NAME`);
    const found = groups.get(`credentials-${chosen}`);
    if (found === undefined)
      throw new TypeError(`${file}: there is no group [credentials-${chosen}], which [${name}] names`);
    const value = (key: string): string | null => found.get(key) ?? null;
    return {
      authname: value("authname"),
      username: value("username"),
      password: value("password"),
      realm: value("realm"),
    };
  }
  return null;
}

function readGroups(text: string, file: string): Groups {
  const groups = new Map<string, Map<string, string>>();
  let group: Map<string, string> | undefined;
  for (const [at, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const name = /^\[(?<name>[^\]]+)\]$/.exec(line)?.groups?.["name"];
    if (name !== undefined) {
      group = groups.get(name) ?? new Map<string, string>();
      groups.set(name, group);
      continue;
    }
    const equals = line.indexOf("=");
    if (equals < 1 || group === undefined)
      throw new TypeError(`${file}:${at + 1}: expected [group] or key=value behind one`);
    group.set(line.slice(0, equals).trim(), line.slice(equals + 1).trim());
  }
  return groups;
}
