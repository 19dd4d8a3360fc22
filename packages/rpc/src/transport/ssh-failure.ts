import type { CommandEnd } from "./command.ts";
import { printable } from "./stderr-tail.ts";

/** Where an ssh connection was to lead, for the words of its failure. */
export interface SshPlace {
  readonly host: string;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  /** The socket on the far side. */
  readonly path: string;
}

/** What failed, and what the user can do about it. */
export interface SshFailure {
  readonly problem: string;
  readonly remedy: string;
}

/** The failure and the remedy in one line, and what ssh or the far side said; what is not understood is told as it is. */
export function explainSsh(end: CommandEnd, place: SshPlace): string {
  const failure = sshFailure(end, place);
  const said = lastWords(end.stderr);
  if (failure !== null) return `${failure.problem}; ${failure.remedy}${said === "" ? "" : ` (${said})`}`;
  if (end.signal !== null) return `ssh was ended by ${end.signal}${said === "" ? "" : ` (${said})`}`;
  if (end.status === 0) return said === "" ? "the far side closed the connection" : said;
  const status = end.status === null ? "" : ` with status ${end.status}`;
  return said === "" ? `ssh ended${status}, and said nothing` : `ssh ended${status}: ${said}`;
}

/** What the output of ssh, of the far side's shell, netcat or virt-ssh-helper means; `null` where that is unknown. */
export function sshFailure({ status, stderr }: CommandEnd, place: SshPlace): SshFailure | null {
  for (const { pattern, explain } of rules) {
    const found = pattern.exec(stderr);
    if (found !== null) return explain(found, place, stderr);
  }
  if (status === 127) return missingProgram("the relay's program", place);
  return null;
}

/**
 * What is wrong with the first bytes from the far side, where a login script, a forced command or nologin wrote text
 * instead of a message: no message is so long that its first byte is a letter's.
 */
export function textInstead(first: Uint8Array, host: string): string | null {
  if ((first[0] ?? 0) < 0x20) return null;
  const text = printable(new TextDecoder().decode(first.subarray(0, 200)));
  return (
    `${host} answered with text: ${JSON.stringify(text)}; its login scripts must print nothing, and the account must ` +
    "be one that may run commands"
  );
}

interface Rule {
  readonly pattern: RegExp;
  readonly explain: (found: RegExpExecArray, place: SshPlace, stderr: string) => SshFailure;
}

/** The first that fits counts: ssh tells the reason first and the consequences after it. */
const rules: readonly Rule[] = [
  {
    pattern: /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    explain: (_, place, stderr) => ({
      problem: `the host key of ${place.host} is not the one that is known`,
      remedy:
        "the host was set up anew, or somebody is in between: ask its administrator for the fingerprint, and only then " +
        `remove the old key with ${/ssh-keygen -f .*$/m.exec(stderr)?.[0] ?? `ssh-keygen -R ${knownName(place)}`}`,
    }),
  },
  {
    pattern: /REVOKED HOST KEY DETECTED|was revoked/,
    explain: (_, { host }) => ({
      problem: `the host key of ${host} has been revoked`,
      remedy: "do not connect; ask its administrator for the new key",
    }),
  },
  {
    pattern: /Host key verification failed|host key is known for/,
    explain: (_, place) => ({
      problem: `the host key of ${place.host} is not known, and nobody could be asked`,
      remedy: `connect once with "${byHand(place)}" and compare the fingerprint, or put the key into ~/.ssh/known_hosts`,
    }),
  },
  {
    pattern: /Could not resolve hostname (?<name>\S+): (?<why>.*)/,
    explain: ({ groups }, { host }) => {
      const name = groups?.["name"] ?? host;
      return {
        problem: `there is no host of the name ${name}`,
        remedy:
          name.toLowerCase() === host.toLowerCase()
            ? "check its spelling, DNS and ~/.ssh/config"
            : `~/.ssh/config puts it between here and ${host}`,
      };
    },
  },
  {
    pattern: /^channel \d+: open failed: (?<why>.*)/m,
    explain: ({ groups }, { host }) => ({
      problem: `the jump host could not connect to ${host}: ${groups?.["why"] ?? ""}`,
      remedy: "check that the host runs and that the jump host may reach it",
    }),
  },
  {
    pattern: /^ssh: connect to host .*: Connection refused/m,
    explain: (_, place) => ({
      problem: `nobody listens on port ${place.port ?? 22} of ${place.host}`,
      remedy: "check that sshd runs there, and the port",
    }),
  },
  {
    pattern: /(?:Connection|Operation) timed out|^Connection to .* timed out|Timeout, server .* not responding/m,
    explain: (_, place) => ({
      problem: `${place.host} does not answer on port ${place.port ?? 22}`,
      remedy: "check that it runs, and the firewalls between",
    }),
  },
  {
    pattern: /No route to host|Network is unreachable/,
    explain: (found, { host }) => ({
      problem: `there is no way to ${host}: ${found[0].toLowerCase()}`,
      remedy: "check the network, a VPN for instance",
    }),
  },
  {
    pattern: /UNPROTECTED PRIVATE KEY FILE[\s\S]*?Permissions \S+ for '(?<file>[^']*)'/,
    explain: ({ groups }) => ({
      problem: `others may read the private key ${groups?.["file"] ?? ""}, so ssh does not use it`,
      remedy: `run chmod 600 ${groups?.["file"] ?? "on it"}`,
    }),
  },
  {
    pattern: /Too many authentication failures/,
    explain: (_, { host }) => ({
      problem: `${host} hung up after too many wrong keys`,
      remedy: "name the right one with keyfile=, or set IdentitiesOnly in ~/.ssh/config",
    }),
  },
  {
    pattern: /^(?:(?<who>\S+): )?Permission denied \((?<methods>[^)]*)\)/m,
    explain: ({ groups }, { host, user }) => ({
      problem: `${groups?.["who"] ?? `${user ?? "this user"}@${host}`} is not let in (by ${groups?.["methods"] ?? "any way"})`,
      remedy: "check the user's name, what ssh-add -l lists, keyfile=, and authorized_keys there",
    }),
  },
  {
    pattern: /Unable to negotiate with .*: no matching (?<what>.*) found\. Their offer: (?<offer>.*)/,
    explain: ({ groups }, { host }) => ({
      problem: `${host} and this ssh have no ${groups?.["what"] ?? "method"} in common`,
      remedy: `it offers ${groups?.["offer"] ?? "others"}: update it, or allow one of these in ~/.ssh/config`,
    }),
  },
  {
    pattern: /Bad configuration option|bad configuration options|Can't open user config file/i,
    explain: () => ({ problem: "ssh can't use its own configuration", remedy: "mend the file that it names" }),
  },
  {
    pattern: /hostname contains invalid characters/,
    explain: (_, { host }) => ({
      problem: `ssh takes ${JSON.stringify(host)} for no host name`,
      remedy: "check the URI, a stray character for instance",
    }),
  },
  {
    pattern: /exec request failed|administratively prohibited/i,
    explain: (_, { host, user }) => ({
      problem: `${host} lets ${user ?? "this user"} run no commands`,
      remedy: "look for ForceCommand and PermitOpen in its sshd_config, and for command= in authorized_keys",
    }),
  },
  {
    pattern: /(?:nc|ncat|netcat)\S*: invalid option|unix.*not supported|illegal option -- U/i,
    explain: (_, { host }) => ({
      problem: `the netcat of ${host} knows no UNIX sockets`,
      remedy: "install libvirt's client programs (virt-ssh-helper) or netcat-openbsd there, or name one with netcat=",
    }),
  },
  {
    pattern: /(?<program>[^\s:]+): (?:command )?not found/,
    explain: ({ groups }, place) => missingProgram(groups?.["program"] ?? "the relay's program", place),
  },
  {
    pattern: /^virt-ssh-helper: cannot connect to '(?<path>[^']*)'.*: (?<why>[^:\n]*)$/m,
    explain: ({ groups }, place) => atSocket(groups?.["path"] ?? place.path, groups?.["why"] ?? "", place),
  },
  {
    pattern: /^\S*(?:nc|ncat|netcat)\S*: .*?(?<why>No such file or directory|Connection refused|Permission denied)/im,
    explain: ({ groups }, place) => atSocket(place.path, groups?.["why"] ?? "", place),
  },
  {
    pattern: /^virt-ssh-helper: (?<why>.*)$/m,
    explain: ({ groups }, { host }) => ({
      problem: `virt-ssh-helper on ${host} gave up: ${groups?.["why"] ?? ""}`,
      remedy: "see whether the daemon there runs; proxy=netcat does without the helper",
    }),
  },
  {
    pattern: /kex_exchange_identification|ssh_exchange_identification|Connection (?:closed|reset) by .* port \d+/,
    explain: (_, { host }) => ({
      problem: `${host} hung up before anybody could log in`,
      remedy: "it may have too many logins at once (MaxStartups) or have banned this address",
    }),
  },
  {
    pattern: /closed by remote host|client_loop: send disconnect|Broken pipe/,
    explain: (_, { host }) => ({
      problem: `the ssh connection to ${host} broke off`,
      remedy: "connect anew",
    }),
  },
];

function missingProgram(program: string, { host }: SshPlace): SshFailure {
  const helper = program.endsWith("virt-ssh-helper");
  return {
    problem: helper ? `${host} has no virt-ssh-helper` : `${host} has neither virt-ssh-helper nor ${program}`,
    remedy: helper
      ? "install libvirt's client programs there, or use proxy=netcat"
      : "install libvirt's client programs or a netcat that knows UNIX sockets there, or name one with netcat=",
  };
}

function atSocket(path: string, why: string, { host, user }: SshPlace): SshFailure {
  if (/refused/i.test(why)) {
    return {
      problem: `nobody listens on ${path} of ${host}`,
      remedy: "start the daemon there; it has left its socket behind",
    };
  }
  if (/denied/i.test(why)) {
    return {
      problem: `${user ?? "this user"} may not use ${path} of ${host}`,
      remedy: "join the group that may, often libvirt, or log in as another user",
    };
  }
  return {
    problem: `there is no socket ${path} on ${host}`,
    remedy: "check that the daemon runs there; name its socket with socket=",
  };
}

function byHand({ host, port, user }: SshPlace): string {
  return `ssh ${port === undefined ? "" : `-p ${port} `}${user === undefined ? "" : `${user}@`}${host}`;
}

/** As known_hosts names it. */
function knownName({ host, port = 22 }: SshPlace): string {
  return port === 22 ? host : `'[${host}]:${port}'`;
}

/** The last line, without the decoration of warnings. */
function lastWords(stderr: string): string {
  return (
    stderr
      .split("\n")
      .findLast((line) => /[a-z]/i.test(line))
      ?.trim() ?? ""
  );
}
