/** How the far side of an ssh connection reaches the server's UNIX socket (F085–F087). */
export interface SshRelay {
  /** The socket's path there. */
  readonly path: string;
  /**
   * `netcat` unless given: a netcat that knows UNIX sockets. `native`: libvirt's `virt-ssh-helper`, which finds the
   * socket itself. `auto`: the helper where it is installed, else netcat.
   */
  readonly proxy?: "auto" | "netcat" | "native";
  /** The netcat program there; `nc` unless given. */
  readonly netcat?: string;
  /** What the helper opens. Needed unless `proxy` is `netcat`. */
  readonly helper?: { readonly uri: string; readonly readonly: boolean };
}

/**
 * The command for the far side's shell, which runs a second one. Sites that let a key run certain commands compare it
 * byte for byte, so it is the one that virsh sends, spaces included. Throws `TypeError` for a relay that can't be one.
 */
export function relayCommand(relay: SshRelay): string {
  const { proxy = "netcat" } = relay;
  if (proxy === "netcat") return `sh -c '${netcatScript(relay)}'`;
  if (relay.helper === undefined) throw new TypeError(`proxy ${proxy} needs a URI for virt-ssh-helper`);
  if (proxy === "native") return `sh -c '${helperScript(relay.helper)}'`;
  return (
    "sh -c 'which virt-ssh-helper 1>/dev/null 2>&1; " +
    `if test $? = 0; then     ${helperScript(relay.helper)}; else    ${netcatScript(relay)}; fi'`
  );
}

function helperScript({ uri, readonly }: { readonly uri: string; readonly readonly: boolean }): string {
  return `virt-ssh-helper ${readonly ? "-r " : ""}'${quotedTwice(uri)}'`;
}

/**
 * Some netcats stay when their input ends, unless told not to by an option that the others lack. A path that begins with ~
 * is in the home there.
 */
function netcatScript({ path, netcat = "nc" }: SshRelay): string {
  const program = `'${quotedTwice(netcat)}'`;
  const isBare = isPlain(path.replaceAll("~", "x"));
  return (
    `if ${program} -q 2>&1 | grep "requires an argument" >/dev/null 2>&1; ` +
    `then ARG=-q0;else ARG=;fi;${program} $ARG -U ${isBare ? path : `'${quotedTwice(path)}'`}`
  );
}

/** For the two shells. It stands where the quotes around the script are interrupted. */
function quotedTwice(text: string): string {
  return shellQuoted(shellQuoted(text));
}

/** One word for a shell; plain text stays as it is. */
export function shellQuoted(text: string): string {
  return isPlain(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function isPlain(text: string): boolean {
  return text !== "" && !/[\s!"#$&'()*;<>?[\\\]^`{|}~]/.test(text);
}
