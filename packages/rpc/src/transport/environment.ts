/** What libvirt hands on of its environment to a program of the `ext` transport. */
export function commandEnvironment(environment: Environment): Record<string, string> {
  return kept(environment, commandVariables);
}

/** What it hands on to ssh. */
export function sshEnvironment(environment: Environment): Record<string, string> {
  return kept(environment, [...commandVariables, ...sshVariables]);
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The locale is fixed, for what such programs say is read. */
function kept(environment: Environment, names: readonly string[]): Record<string, string> {
  const found = names.flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { LC_ALL: "C", ...Object.fromEntries(found) };
}

const commandVariables = ["PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LD_PRELOAD", "LD_LIBRARY_PATH"] as const;
const sshVariables = [
  "XDG_RUNTIME_DIR",
  "KRB5CCNAME",
  "SSH_AUTH_SOCK",
  "SSH_ASKPASS",
  "SSH_ASKPASS_REQUIRE",
  "OPENSSL_CONF",
  "DISPLAY",
  "XAUTHORITY",
  "GPG_TTY",
  "TERM",
] as const;
